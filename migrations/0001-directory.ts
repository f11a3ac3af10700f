import { type Kysely, sql } from 'kysely'

/** Principals, people, groups, membership, names and numbers. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create sequence entry_no as integer`.execute(db)
  await sql`create sequence entity_version as bigint`.execute(db)

  await sql`
    create table principal (
      id         uuid primary key,
      no         integer not null unique default nextval('entry_no'),
      kind       text not null check (kind in ('person', 'device', 'guest', 'service', 'administrator')),
      lifecycle  text not null check (lifecycle in ('staged', 'active', 'deleted')),
      version    bigint not null default nextval('entity_version'),
      created_at timestamptz not null default clock_timestamp(),
      deleted_at timestamptz,
      check ((lifecycle = 'deleted') = (deleted_at is not null))
    )`.execute(db)
  await sql`create index principal_deleted on principal (deleted_at) where lifecycle = 'deleted'`.execute(
    db,
  )

  await sql`
    create table person (
      id                  uuid primary key references principal,
      username            text collate "C" not null,
      username_folded     text collate "C" not null,
      display_name        text not null,
      display_name_folded text collate "C" not null,
      given_name          text,
      surname             text,
      mail                text,
      mail_folded         text collate "C",
      user_principal_name        text,
      user_principal_name_folded text collate "C",
      job_title           text,
      department          text,
      company_name        text,
      office_location     text,
      employee_id         text,
      employee_type       text,
      mobile_phone        text,
      business_phone      text,
      street_address      text,
      city                text,
      region              text,
      postal_code         text,
      country             text,
      preferred_language  text,
      is_guest            boolean not null default false,
      manager_id          uuid references principal,
      uid_number          integer not null unique,
      gid_number          integer not null,
      home_directory      text not null,
      login_shell         text not null,
      ssh_public_keys     text[] not null default '{}',
      changed_at          timestamptz not null default clock_timestamp()
    )`.execute(db)
  await sql`create index person_username on person (username_folded)`.execute(db)
  await sql`create index person_mail on person (mail_folded) where mail_folded is not null`.execute(
    db,
  )
  await sql`create index person_upn on person (user_principal_name_folded) where user_principal_name_folded is not null`.execute(
    db,
  )
  await sql`create index person_display_name on person (display_name_folded)`.execute(db)
  await sql`create index person_manager on person (manager_id) where manager_id is not null`.execute(
    db,
  )

  await sql`
    create table administrator (
      id              uuid primary key references principal,
      username        text collate "C" not null,
      username_folded text collate "C" not null unique,
      role            text not null check (role in ('owner', 'operator', 'viewer')),
      person_id       uuid references person
    )`.execute(db)

  await sql`
    create table hold (
      principal_id uuid not null references principal,
      reason       text collate "C" not null,
      since        timestamptz not null default clock_timestamp(),
      note         text,
      primary key (principal_id, reason)
    )`.execute(db)

  // One owner for each name. A claim that comes second waits in login_name_conflict, and the name
  // is contested, good for nobody but the holder of it as a username, until one of them gives up.
  await sql`
    create table login_name (
      folded       text collate "C" primary key,
      principal_id uuid not null references principal,
      kind         text not null check (kind in ('username', 'upn', 'mail')),
      is_contested boolean not null default false
    )`.execute(db)
  await sql`create index login_name_principal on login_name (principal_id)`.execute(db)
  await sql`
    create table login_name_conflict (
      folded       text collate "C" not null,
      principal_id uuid not null references principal,
      kind         text not null,
      since        timestamptz not null default clock_timestamp(),
      primary key (folded, principal_id, kind)
    )`.execute(db)
  await sql`create index login_name_conflict_principal on login_name_conflict (principal_id)`.execute(
    db,
  )

  // Names of the dead: kept from reuse for a year, so that nobody inherits a stranger's files.
  await sql`
    create table name_quarantine (
      scope  text not null check (scope in ('username', 'group')),
      folded text collate "C" not null,
      until  timestamptz not null,
      owner  uuid not null,
      primary key (scope, folded)
    )`.execute(db)

  await sql`
    create table directory_group (
      id                  uuid primary key,
      no                  integer not null unique default nextval('entry_no'),
      version             bigint not null default nextval('entity_version'),
      members_version     bigint not null default 0,
      name                text collate "C" not null,
      name_folded         text collate "C" not null,
      display_name        text not null,
      display_name_folded text collate "C" not null,
      description         text,
      mail                text,
      origin              text not null check (origin in ('static', 'mirrored', 'rule')),
      gid_number          integer not null unique,
      lifecycle           text not null check (lifecycle in ('active', 'deleted')),
      created_at          timestamptz not null default clock_timestamp(),
      changed_at          timestamptz not null default clock_timestamp(),
      deleted_at          timestamptz
    )`.execute(db)
  await sql`create unique index directory_group_name on directory_group (name_folded) where lifecycle = 'active'`.execute(
    db,
  )
  await sql`create index directory_group_display_name on directory_group (display_name_folded)`.execute(
    db,
  )

  // Direct edges only, between entry numbers: half the size of uuids, and what the read model wants.
  await sql`
    create table membership (
      group_no    integer not null references directory_group (no),
      member_no   integer not null,
      member_kind text not null check (member_kind in ('person', 'group')),
      primary key (group_no, member_no)
    )`.execute(db)
  await sql`create index membership_member on membership (member_no, group_no)`.execute(db)

  // One allocator for users and groups; next_number only grows, so that no number is used twice.
  await sql`
    create table posix_allocator (
      one         boolean primary key default true check (one),
      first       integer not null,
      last        integer not null,
      next_number integer not null,
      check (first <= last and next_number between first and last + 1)
    )`.execute(db)
  await sql`create table posix_reserved (number integer primary key, why text not null)`.execute(db)

  await sql`
    create table settings (
      one                   boolean primary key default true check (one),
      id                    uuid not null,
      version               bigint not null default nextval('entity_version'),
      domain                text collate "C",
      organization          text,
      allow_plaintext_binds boolean not null default false
    )`.execute(db)
}
