import { type Kysely, sql } from 'kysely'

/** How many log-ins a second each address of a NAS may begin. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table nas
      add column rate integer not null default 500 check (rate between 1 and 1000000)`.execute(db)
}
