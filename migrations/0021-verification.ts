import { type Kysely, sql } from 'kysely'

/** What a source counted of itself, beside what was here of it at that moment. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table source
      add column verified_at  timestamptz,
      add column verification jsonb`.execute(db)
}
