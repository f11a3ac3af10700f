import { type Kysely, sql } from 'kysely'

/** What we push to where people come from: who is to be looked at, and what was written there. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // One attribute of one person at one target. What is wanted is worked out when it is sent; the row
  // says what was written, and what became of the last try.
  await sql`
    create table push (
      source_id    uuid not null references source,
      principal_id uuid not null references principal,
      attribute    text collate "C" not null,
      status       text not null
        check (status in ('sending', 'undecided', 'written', 'refused', 'contested')),
      -- of the last try
      wanted       jsonb not null,
      -- the last value the target took, and when; null before the first
      written      jsonb,
      written_at   timestamptz,
      -- how often it was written again because somebody had changed it there
      repeats      integer not null default 0,
      reason       text,
      changed_at   timestamptz not null default clock_timestamp(),
      primary key (source_id, principal_id, attribute)
    )`.execute(db)
  await sql`create index push_unsettled on push (source_id) where status <> 'written'`.execute(db)
  await sql`create index push_principal on push (principal_id)`.execute(db)

  // People whom a change may concern. Marked again while somebody works on it, a row stays.
  await sql`
    create table push_dirty (
      source_id    uuid not null references source,
      principal_id uuid not null references principal,
      mark         bigint not null generated always as identity,
      due_at       timestamptz not null default clock_timestamp(),
      attempts     integer not null default 0,
      claim        uuid,
      claimed_until timestamptz,
      primary key (source_id, principal_id)
    )`.execute(db)
  await sql`create index push_dirty_due on push_dirty (source_id, due_at)`.execute(db)

  // How far in the journal changes have been looked through.
  await sql`
    create table push_cursor (
      source_id uuid primary key references source,
      usn       bigint not null,
      epoch     uuid not null
    )`.execute(db)
}
