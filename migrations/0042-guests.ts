import { type Kysely, sql } from 'kysely'

/** Guests: let into networks for a time, with a password made for them, and nothing else. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table guest (
      id         uuid primary key,
      version    bigint not null default nextval('entity_version'),
      -- as it is typed, in small letters
      name       text collate "C" not null check (name like 'guest-%'),
      label      text,
      company    text,
      note       text,
      -- a person who has gone takes nobody's row along: her guest is refused, and it says so
      sponsor_id uuid,
      starts_at  timestamptz not null,
      expires_at timestamptz not null,
      revoked_at timestamptz,
      -- sealed: the NT hash of the password, and the password
      secret     bytea not null,
      created_at timestamptz not null default clock_timestamp(),
      constraint guest_name unique (name),
      constraint guest_time check (starts_at < expires_at)
    )`.execute(db)
}
