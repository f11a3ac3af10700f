import { type Kysely, sql } from 'kysely'

/** Passkeys (WebAuthn) for the account pages, and the challenges that were answered. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table passkey (
      id            uuid primary key,
      principal_id  uuid not null references principal,
      name          text not null,
      -- as the browser names it, in base64url
      credential_id text not null unique,
      public_key    bytea not null,
      -- of the latest use; it only ever grows, unless the authenticator counts nothing
      counter       bigint not null,
      transports    text[] not null,
      is_synced     boolean not null,
      created_at    timestamptz not null default clock_timestamp(),
      used_at       timestamptz
    )`.execute(db)
  await sql`create unique index passkey_name on passkey (principal_id, lower(name))`.execute(db)
  // Only those that were answered rightly: a stranger's request writes nothing.
  await sql`
    create table spent_challenge (
      digest     text primary key,
      expires_at timestamptz not null
    )`.execute(db)
}
