import { type Kysely, sql } from 'kysely'

/** Whom a source knows and we have not taken in, who is to be, and what an admin has decided of it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // A person of the source who is not imported: what was told of her, kept current by the rounds,
  // gone with her. What a delta leaves out keeps its value here, as in source_link.
  await sql`
    create table source_candidate (
      source_id     uuid not null references source on delete cascade,
      external_id   text collate "C" not null,
      attributes    jsonb not null,
      -- what lists are ordered by: folded UPN, else the name shown
      sort_key      text collate "C" not null,
      -- what she would be found by here, to find whom she may be already
      upn_folded    text collate "C",
      mail_folded   text collate "C",
      username_base text collate "C" not null,
      -- what filters compare with: attributes by name, and all that a search looks into
      folded        jsonb not null,
      searched      text collate "C" not null,
      generation    bigint not null,
      first_seen_at timestamptz not null default clock_timestamp(),
      changed_at    timestamptz not null default clock_timestamp(),
      primary key (source_id, external_id)
    )`.execute(db)
  await sql`create index source_candidate_order on source_candidate (source_id, sort_key, external_id)`.execute(
    db,
  )

  await sql`
    alter table source_link
      -- 'session:<id>' or 'rule:<id>'; null for whoever came because everybody does
      add column admitted_by   text,
      -- activated as she came, by a rule that says so
      add column was_activated boolean not null default false,
      -- false: an admin has said that she, who was here before, is this object; her attributes and
      -- her life are not the source's
      add column is_master     boolean not null default true`.execute(db)
  await sql`create index source_link_activated on source_link (source_id, linked_at) where was_activated`.execute(
    db,
  )

  // Rules or policy have changed: candidates are to be looked through again.
  await sql`alter table source add column admission_due boolean not null default false`.execute(db)

  await sql`
    create table import_rule (
      id         uuid primary key,
      source_id  uuid not null references source on delete cascade,
      filter     jsonb not null,
      action     text not null check (action in ('stage', 'activate')),
      created_by text not null,
      created_at timestamptz not null default clock_timestamp()
    )`.execute(db)
  await sql`create index import_rule_source on import_rule (source_id, created_at)`.execute(db)

  await sql`
    create table import_session (
      id          uuid primary key,
      source_id   uuid not null references source on delete cascade,
      state       text not null check (state in ('draft', 'running', 'done', 'failed')),
      -- whoever matches is chosen; null is nobody
      matching    jsonb,
      -- why nobody can tell who has a role in the tenant; null when it is known
      roles_unknown text,
      created_by  text not null,
      created_at  timestamptz not null default clock_timestamp(),
      changed_at  timestamptz not null default clock_timestamp(),
      -- of the run: of what was told until then, who said so, how far it is, how many it meant
      until       timestamptz,
      run_by      text,
      run_reason  text,
      started_at  timestamptz,
      finished_at timestamptz,
      cursor      text collate "C",
      total       integer not null default 0,
      counts      jsonb not null default '{}',
      error       text
    )`.execute(db)
  await sql`create index import_session_running on import_session (started_at) where state = 'running'`.execute(
    db,
  )
  await sql`create index import_session_source on import_session (source_id, created_at)`.execute(
    db,
  )

  // What was said of one person, over what the session's filter says.
  await sql`
    create table import_choice (
      session_id   uuid not null references import_session on delete cascade,
      external_id  text collate "C" not null,
      is_chosen    boolean not null,
      -- of somebody who may be here already: a new person all the same, or that one
      decision     text check (decision in ('separate', 'link')),
      principal_id uuid references principal,
      primary key (session_id, external_id),
      check ((principal_id is not null) = (decision is not distinct from 'link'))
    )`.execute(db)

  // Who holds a role in the tenant, as it was when the session began.
  await sql`
    create table import_role (
      session_id  uuid not null references import_session on delete cascade,
      external_id text collate "C" not null,
      role        text not null,
      primary key (session_id, external_id, role)
    )`.execute(db)
}
