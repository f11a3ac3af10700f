import { type Kysely, sql } from 'kysely'

/** Secrets of a NAS that lapse, which of them it uses, and what it has shown that it can. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table nas
      -- number of the newest secret; those behind it count down
      add column secret_no integer not null default 1,
      -- when all but the newest lapse; null keeps them
      add column old_secrets_until timestamptz,
      -- since when it is known to send Message-Authenticator of its own accord
      add column signed_at timestamptz`.execute(db)
  await sql`update nas set secret_no = greatest(cardinality(secrets), 1)`.execute(db)
  await sql`
    create index nas_old_secrets_until on nas (old_secrets_until)
    where old_secrets_until is not null`.execute(db)

  // Apart from the NAS, whose version it is nothing to.
  await sql`
    create table nas_secret_use (
      nas_id    uuid not null references nas on delete cascade,
      secret_no integer not null,
      address   text not null,
      used_at   timestamptz not null,
      primary key (nas_id, secret_no, address)
    )`.execute(db)
}
