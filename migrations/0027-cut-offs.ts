import { type Kysely, sql } from 'kysely'

/** Whom an actor has lately suspended, deleted or given a date for it: the guard counts them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table cut_off (
      actor        text not null,
      principal_id uuid not null references principal,
      at           timestamptz not null default clock_timestamp(),
      -- done after the actor had said how many that would be: it no longer counts for the others
      is_meant     boolean not null,
      primary key (actor, principal_id)
    )`.execute(db)
  await sql`create index cut_off_window on cut_off (at)`.execute(db)
}
