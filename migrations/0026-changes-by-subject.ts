import { type Kysely, sql } from 'kysely'

/** What later rounds did to the same person, group or membership is looked up when one is taken back. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create index sync_change_subject on sync_change (subject) where act <> 'changed'`.execute(
    db,
  )
}
