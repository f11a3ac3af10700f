import { type Kysely, sql } from 'kysely'

/** What people prove beside their password on the account pages. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table totp (
      principal_id uuid primary key references principal,
      id           uuid not null unique,
      -- sealed; what the codes are made of
      secret       bytea not null,
      -- of the latest code that was taken: it only ever grows, so that no code is good twice
      last_step    bigint not null,
      created_at   timestamptz not null default clock_timestamp(),
      used_at      timestamptz
    )`.execute(db)
  await sql`
    create table recovery_code (
      principal_id uuid not null references totp on delete cascade,
      digest       text not null,
      primary key (principal_id, digest)
    )`.execute(db)
}
