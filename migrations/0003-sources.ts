import { type Kysely, sql } from 'kysely'

/** Sources, what they have said, and the staging area where a round waits to be judged. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table source (
      id          uuid primary key,
      version     bigint not null default nextval('entity_version'),
      kind        text not null,
      name        text not null,
      -- without secrets: tenant, client id, cloud, certificate thumbprint, what to import
      config      jsonb not null,
      -- sealed client secret or private key
      secret      bytea,
      state       text not null check (state in ('active', 'paused', 'quarantined')),
      state_reason text,
      created_at  timestamptz not null default clock_timestamp()
    )`.execute(db)

  // One object of a source, as it last told us; linked to ours once imported.
  await sql`
    create table source_link (
      source_id    uuid not null references source,
      object_kind  text not null check (object_kind in ('person', 'group')),
      external_id  text collate "C" not null,
      principal_id uuid references principal,
      group_id     uuid references directory_group,
      -- the values the source gave, in our words; what a delta leaves out keeps its value here
      attributes   jsonb not null,
      generation   bigint not null default 0,
      removed_at   timestamptz,
      linked_at    timestamptz not null default clock_timestamp(),
      primary key (source_id, object_kind, external_id),
      check ((principal_id is null) <> (group_id is null))
    )`.execute(db)
  await sql`create unique index source_link_principal on source_link (source_id, principal_id) where principal_id is not null`.execute(
    db,
  )
  await sql`create unique index source_link_group on source_link (source_id, group_id) where group_id is not null`.execute(
    db,
  )

  // Direct edges in the source's own ids. An edge whose member is not known (yet) dangles here and
  // becomes a membership when its member is imported.
  await sql`
    create table source_member (
      source_id          uuid not null references source,
      group_external_id  text collate "C" not null,
      member_external_id text collate "C" not null,
      member_type        text not null,
      generation         bigint not null default 0,
      primary key (source_id, group_external_id, member_external_id)
    )`.execute(db)
  await sql`create index source_member_member on source_member (source_id, member_external_id)`.execute(
    db,
  )

  await sql`
    create table authority (
      principal_id uuid not null references principal,
      attribute    text not null,
      -- null is "here"
      source_id    uuid references source,
      primary key (principal_id, attribute)
    )`.execute(db)

  // Where the next delta round of a stream begins. The fingerprint is of what was selected: another
  // selection needs another token.
  await sql`
    create table sync_token (
      source_id    uuid not null references source,
      stream       text not null check (stream in ('people', 'groups')),
      delta_link   text not null,
      fingerprint  text not null,
      generation   bigint not null,
      confirmed_at timestamptz not null default clock_timestamp(),
      primary key (source_id, stream)
    )`.execute(db)

  await sql`
    create table sync_round (
      id          uuid primary key,
      source_id   uuid not null references source,
      stream      text not null check (stream in ('people', 'groups')),
      mode        text not null check (mode in ('delta', 'full')),
      state       text not null check (state in ('fetching', 'applying', 'done', 'abandoned', 'waiting')),
      fingerprint text not null,
      generation  bigint not null,
      next_link   text,
      delta_link  text,
      pages       integer not null default 0,
      applied_to  bigint not null default 0,
      counts      jsonb not null default '{}',
      note        text,
      started_at  timestamptz not null default clock_timestamp(),
      finished_at timestamptz
    )`.execute(db)
  await sql`create unique index sync_round_open on sync_round (source_id, stream) where state in ('fetching', 'applying')`.execute(
    db,
  )
  await sql`create index sync_round_started on sync_round (source_id, started_at)`.execute(db)

  await sql`
    create table sync_item (
      round_id uuid not null references sync_round on delete cascade,
      seq      bigint generated always as identity,
      page     integer not null,
      external_id text collate "C" not null,
      -- the object as fetched, cut to what was selected
      body     jsonb not null,
      primary key (round_id, seq)
    )`.execute(db)

  // The removal guard: what was removed lately, and what waits for an admin's word.
  await sql`
    create table removal (
      id          bigint generated always as identity primary key,
      source_id   uuid not null references source,
      -- null for people; a group for its memberships
      group_id    uuid,
      kind        text not null check (kind in ('person', 'group', 'membership', 'suspension')),
      subject     text not null,
      at          timestamptz not null default clock_timestamp()
    )`.execute(db)
  await sql`create index removal_window on removal (source_id, group_id, at)`.execute(db)
  await sql`
    create table removal_waiting (
      source_id   uuid not null references source,
      kind        text not null check (kind in ('person', 'group', 'membership', 'suspension')),
      subject     text collate "C" not null,
      group_external_id text collate "C" not null default '',
      since       timestamptz not null default clock_timestamp(),
      approved_at timestamptz,
      approved_by text,
      primary key (source_id, kind, subject, group_external_id)
    )`.execute(db)
}
