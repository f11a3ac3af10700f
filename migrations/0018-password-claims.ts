import { type Kysely, sql } from 'kysely'

/** One change of a password at a time for each person, and more ways in which a link ends. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // Held while a password is taken elsewhere; whoever dies meanwhile loses it by the clock.
  await sql`
    create table password_claim (
      principal_id  uuid primary key references principal,
      claim         uuid not null,
      claimed_until timestamptz not null
    )`.execute(db)
  await sql`
    alter table one_time_link
      drop constraint one_time_link_ended_by_check,
      add constraint one_time_link_ended_by_check check (ended_by in
        ('used', 'newer-link', 'suspended', 'restored', 'password-set', 'address-changed'))`.execute(
    db,
  )
}
