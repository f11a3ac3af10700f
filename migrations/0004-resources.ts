import { type Kysely, sql } from 'kysely'

/** Credentials, what people sign in to, and the counts that slow a guesser down. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table service (
      id                uuid primary key references principal,
      purpose           text not null check (purpose in ('ldap-client', 'scim-connection', 'api')),
      name              text not null,
      name_folded       text collate "C" not null,
      -- null sees everything
      view_group_ids    uuid[],
      -- null lets everyone in the view sign in
      allowed_group_ids uuid[],
      config            jsonb not null default '{}'
    )`.execute(db)
  await sql`create unique index service_name on service (name_folded)`.execute(db)

  await sql`
    create table credential (
      id           uuid primary key,
      version      bigint not null default nextval('entity_version'),
      principal_id uuid not null references principal,
      type         text not null check (type in ('primary-password', 'app-password', 'generated-secret', 'token')),
      label        text not null,
      verifier     text not null,
      -- sealed, for the types that need the secret itself
      sealed       bytea,
      service_id   uuid references service,
      expires_at   timestamptz,
      created_at   timestamptz not null default clock_timestamp()
    )`.execute(db)
  await sql`create index credential_principal on credential (principal_id)`.execute(db)
  await sql`create unique index credential_primary on credential (principal_id) where type = 'primary-password'`.execute(
    db,
  )

  await sql`
    create table auth_failure (
      principal_id  uuid not null references principal,
      resource_kind text not null,
      device        text not null default '',
      failures      integer not null,
      last_at       timestamptz not null,
      primary key (principal_id, resource_kind, device)
    )`.execute(db)

  await sql`
    create table nas (
      id          uuid primary key,
      version     bigint not null default nextval('entity_version'),
      name        text not null,
      name_folded text collate "C" not null unique,
      addresses   cidr[] not null,
      -- sealed, newest first
      secrets     bytea[] not null,
      require_message_authenticator text not null check (require_message_authenticator in ('yes', 'no', 'auto')),
      limit_proxy_state boolean not null
    )`.execute(db)

  await sql`
    create table network (
      id          uuid primary key,
      version     bigint not null default nextval('entity_version'),
      name        text not null,
      name_folded text collate "C" not null unique,
      priority    integer not null,
      -- rules, methods, groups with their attributes, as src/directory/network.ts shapes them
      policy      jsonb not null
    )`.execute(db)

  await sql`
    create table resource_grant (
      resource_kind text not null,
      resource_id   uuid not null,
      principal_id  uuid not null references principal,
      parameters    jsonb not null,
      why           text not null,
      primary key (resource_kind, resource_id, principal_id)
    )`.execute(db)

  await sql`
    create table accounting_session (
      nas_id              uuid not null,
      session_id          text not null,
      username            text not null,
      principal_id        uuid,
      calling_station_id  text not null default '',
      called_station_id   text,
      framed_address      inet,
      started_at          timestamptz,
      updated_at          timestamptz not null,
      stopped_at          timestamptz,
      session_seconds     bigint,
      input_octets        bigint,
      output_octets       bigint,
      terminate_cause     text,
      primary key (nas_id, session_id, username, calling_station_id)
    )`.execute(db)
  await sql`create index accounting_session_open on accounting_session (principal_id) where stopped_at is null`.execute(
    db,
  )

  // The built-in certificate authority, sealed, so that every daemon is the same one to a device.
  await sql`
    create table certificate_authority (
      id          uuid primary key,
      purpose     text not null unique,
      certificate text not null,
      private_key bytea not null,
      created_at  timestamptz not null default clock_timestamp()
    )`.execute(db)
}
