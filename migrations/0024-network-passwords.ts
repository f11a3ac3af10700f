import { type Kysely, sql } from 'kysely'

/** Passwords for networks that want MS-CHAPv2: what verifies them by NT hash is sealed. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table settings add column allow_network_passwords boolean not null default false`.execute(
    db,
  )
  await sql`alter table credential drop constraint credential_type_check`.execute(db)
  await sql`
    alter table credential add constraint credential_type_check check (type in
      ('primary-password', 'app-password', 'network-password', 'generated-secret', 'token',
       'source-password'))`.execute(db)
  await sql`
    create unique index credential_network_password on credential (principal_id)
    where type = 'network-password'`.execute(db)
}
