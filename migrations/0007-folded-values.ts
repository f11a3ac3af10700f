import { type Kysely, sql } from 'kysely'

/** What lists are filtered by beside names, and the ids connections have given to ours. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // The folded forms of the attributes that have no folded column of their own, by name; what is
  // null has no member. They are written with the row: SQL can't fold as the directory does.
  await sql`alter table person add column folded jsonb not null default '{}'`.execute(db)

  // A client of a connection names our people and groups by ids of its own.
  await sql`
    create table connection_external_id (
      service_id  uuid not null references service,
      entity_id   uuid not null,
      external_id text collate "C" not null,
      primary key (service_id, entity_id)
    )`.execute(db)
  await sql`create index connection_external_id_value on connection_external_id (service_id, external_id)`.execute(
    db,
  )
}
