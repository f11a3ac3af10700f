import { type Kysely, sql } from 'kysely'

/** What it takes to end somebody's session at the NAS (RFC 5176), and how that went. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table nas
      add column dynamic_authorization text not null default 'disconnect'
        check (dynamic_authorization in ('off', 'disconnect', 'coa')),
      add column coa_port integer not null default 3799 check (coa_port between 1 and 65535),
      -- sealed; null for the newest of secrets
      add column coa_secret bytea`.execute(db)

  await sql`
    alter table accounting_session
      add column id            uuid not null default gen_random_uuid(),
      add column network_id    uuid,
      add column credential_id uuid,
      -- a digest of what she was given, to tell whether she would be given the same now
      add column granted       text,
      add column ssid          text,
      add column framed_ipv6   inet,
      add column signal        text,
      add column connect_info  text,
      -- NAS and session as the NAS names them, and where it spoke from
      add column identity      jsonb,
      -- when we last heard of it, by the database's clock
      add column reported_at   timestamptz not null default clock_timestamp()`.execute(db)
  await sql`create unique index accounting_session_id on accounting_session (id)`.execute(db)
  await sql`create index accounting_session_usage on accounting_session (principal_id, updated_at)`.execute(
    db,
  )

  await sql`
    create table session_disconnect (
      session_id    uuid primary key references accounting_session (id) on delete cascade,
      kind          text not null check (kind in ('disconnect', 'change')),
      -- why, in the words of access
      cause         text not null,
      actor         text,
      status        text not null default 'waiting'
        check (status in ('waiting', 'done', 'gone', 'refused', 'unanswered', 'left', 'needless')),
      -- what the NAS said, in words
      outcome       text,
      attempts      integer not null default 0,
      requested_at  timestamptz not null default clock_timestamp(),
      due_at        timestamptz not null default clock_timestamp(),
      claim         uuid,
      claimed_until timestamptz,
      sent_at       timestamptz,
      settled_at    timestamptz
    )`.execute(db)
  await sql`create index session_disconnect_due on session_disconnect (due_at) where status = 'waiting'`.execute(
    db,
  )
}
