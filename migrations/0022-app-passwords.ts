import { type Kysely, sql } from 'kysely'

/** App passwords: where they are good, and when they were last used. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table credential
      add column uses text[] not null default '{}'
        check (uses <@ array['ldap', 'radius'])`.execute(db)
  await sql`update credential set uses = '{ldap}' where type = 'app-password'`.execute(db)
  await sql`
    create unique index credential_app_password on credential (principal_id, lower(label))
    where type = 'app-password'`.execute(db)

  // Apart from the credential, whose version it is nothing to.
  await sql`
    create table credential_use (
      credential_id uuid primary key references credential on delete cascade,
      used_at       timestamptz not null,
      address       text not null
    )`.execute(db)
}
