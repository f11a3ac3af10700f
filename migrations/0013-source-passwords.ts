import { type Kysely, sql } from 'kysely'

/** What a source has found right, kept as a verifier for the time it cannot be asked. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table credential drop constraint credential_type_check`.execute(db)
  await sql`
    alter table credential
      add constraint credential_type_check check (type in
        ('primary-password', 'app-password', 'generated-secret', 'token', 'source-password')),
      -- of a source's password: the version of the principal it was found right for
      add column principal_version bigint`.execute(db)
  await sql`create unique index credential_source_password on credential (principal_id) where type = 'source-password'`.execute(
    db,
  )
}
