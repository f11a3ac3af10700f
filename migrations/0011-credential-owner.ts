import { type Kysely, sql } from 'kysely'

/** Finds whose credentials the journal speaks of, those that are gone by now included. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create index journal_detail_principal on journal_detail ((body ->> 'principal'))
    where body ->> 'principal' is not null`.execute(db)
  await sql`create index journal_credential on journal (detail) where kind = 'credential'`.execute(
    db,
  )
}
