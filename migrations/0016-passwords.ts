import { type Kysely, sql } from 'kysely'

/** What people set passwords with: rules, links that are good once, and mail that carries them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table settings
      -- what differs from the rules a new directory begins with
      add column password_policy jsonb not null default '{}',
      -- how mail is sent, without the password; null until somebody said
      add column mail jsonb,
      add column mail_password bytea`.execute(db)

  // Set by somebody else: good for choosing another one and for nothing more.
  await sql`alter table credential add column is_temporary boolean not null default false`.execute(
    db,
  )
  await sql`
    create table password_history (
      id           bigint primary key generated always as identity,
      principal_id uuid not null references principal,
      verifier     text not null,
      replaced_at  timestamptz not null default clock_timestamp()
    )`.execute(db)
  await sql`create index password_history_principal on password_history (principal_id, id)`.execute(
    db,
  )

  await sql`
    create table one_time_link (
      id           uuid primary key,
      principal_id uuid not null references principal,
      -- SHA-256 of the token, which itself is kept nowhere
      digest       bytea not null unique,
      created_at   timestamptz not null default clock_timestamp(),
      expires_at   timestamptz not null,
      ended_at     timestamptz,
      ended_by     text check (ended_by in ('used', 'newer-link', 'suspended', 'restored')),
      check ((ended_at is null) = (ended_by is null))
    )`.execute(db)
  await sql`
    create unique index one_time_link_living on one_time_link (principal_id)
    where ended_at is null`.execute(db)
  await sql`create index one_time_link_created on one_time_link (principal_id, created_at)`.execute(
    db,
  )

  // Mail to be sent, and what became of it. Its id makes the Message-ID.
  await sql`
    create table mail (
      id            uuid primary key,
      principal_id  uuid references principal,
      kind          text not null,
      recipient     text not null,
      -- sealed, for it may carry a link; erased once it is of no more use
      content       bytea,
      status        text not null default 'waiting' check (status in ('waiting', 'sent', 'failed')),
      reason        text,
      attempts      integer not null default 0,
      created_at    timestamptz not null default clock_timestamp(),
      due_at        timestamptz not null default clock_timestamp(),
      expires_at    timestamptz not null,
      claim         uuid,
      claimed_until timestamptz,
      settled_at    timestamptz,
      check ((status = 'waiting') = (content is not null))
    )`.execute(db)
  await sql`create index mail_due on mail (due_at) where status = 'waiting'`.execute(db)
  await sql`create index mail_principal on mail (principal_id, created_at)`.execute(db)
}
