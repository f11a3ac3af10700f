import { type Kysely, sql } from 'kysely'

/** Devices that come in by their MAC address alone, and where they may. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table device (
      id          uuid primary key,
      version     bigint not null default nextval('entity_version'),
      -- as aa:bb:cc:dd:ee:ff
      mac         text collate "C" not null,
      name        text not null,
      name_folded text collate "C" not null,
      -- a person who has gone takes nobody's row along: her device is refused, and says so
      owner_id    uuid,
      network_ids uuid[] not null,
      vlan        jsonb,
      enabled     boolean not null default true,
      expires_at  timestamptz,
      created_at  timestamptz not null default clock_timestamp(),
      constraint device_mac unique (mac),
      constraint device_name unique (name_folded)
    )`.execute(db)
}
