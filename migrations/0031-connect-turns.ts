import { type Kysely, sql } from 'kysely'

/** Whose application an attempt makes: one attempt at a time does, whichever daemon works on it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    -- the source's id of the tenant, once an administrator of it has signed in
    alter table connect_attempt add column tenant text`.execute(db)
}
