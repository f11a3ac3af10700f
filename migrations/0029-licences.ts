import { type Kysely, sql } from 'kysely'

/** Licences of people that are decided on here, and written where they come from. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table licence_choice (
      source_id    uuid not null references source,
      principal_id uuid not null references principal,
      -- the source's id of what was bought, and what it called it by then
      sku          text collate "C" not null,
      name         text not null,
      is_assigned  boolean not null,
      chosen_at    timestamptz not null default clock_timestamp(),
      primary key (source_id, principal_id, sku)
    )`.execute(db)
  await sql`create index licence_choice_principal on licence_choice (principal_id)`.execute(db)
}
