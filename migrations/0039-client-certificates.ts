import { type Kysely, sql } from 'kysely'

/** Who may issue certificates that people log in with, and those that were issued here. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table client_authority (
      id             uuid primary key,
      version        bigint not null default nextval('entity_version'),
      name           text not null,
      name_folded    text collate "C" not null unique,
      -- PEM
      certificate    text not null,
      -- SHA-256 of the DER, hexadecimal
      fingerprint    text not null unique,
      -- sealed; null for a company's own, whose key is elsewhere
      private_key    bytea,
      -- kinds of names and domains, as src/directory/client-certificate.ts shapes them
      matching       jsonb not null,
      -- the latest that was taken, DER
      crl            bytea,
      crl_url        text,
      crl_taken_at   timestamptz,
      crl_error      text,
      created_at     timestamptz not null default clock_timestamp()
    )`.execute(db)
  // One of our own at most.
  await sql`create unique index client_authority_own on client_authority ((true)) where private_key is not null`.execute(
    db,
  )
  await sql`
    create table client_certificate (
      id           uuid primary key,
      version      bigint not null default nextval('entity_version'),
      principal_id uuid not null references principal,
      -- what she calls the device it is on
      label        text not null,
      authority_id uuid not null references client_authority,
      -- hexadecimal, as the certificate has it
      serial       text not null,
      -- SHA-256 of the DER, hexadecimal
      fingerprint  text not null unique,
      not_before   timestamptz not null,
      not_after    timestamptz not null,
      created_at   timestamptz not null default clock_timestamp(),
      revoked_at   timestamptz,
      reason       text,
      unique (authority_id, serial),
      check ((revoked_at is null) = (reason is null))
    )`.execute(db)
  await sql`create index client_certificate_principal on client_certificate (principal_id)`.execute(
    db,
  )
}
