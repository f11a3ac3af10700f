import { type Kysely, sql } from 'kysely'

/** What a sync round must remember between two of its batches. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // Links whose memberships, or whose manager, are yet to be worked out: a later batch does it, so
  // that no batch grows with the number of somebody's groups.
  await sql`
    alter table source_link
      add column edges_pending       boolean not null default false,
      add column manager_pending     boolean not null default false,
      add column manager_external_id text collate "C",
      -- what she was before the source lost her, for the day it finds her again
      add column lifecycle_before    text`.execute(db)
  await sql`create index source_link_edges_pending on source_link (source_id, external_id) where edges_pending`.execute(
    db,
  )
  await sql`create index source_link_manager_pending on source_link (source_id, external_id) where manager_pending`.execute(
    db,
  )
  await sql`create index source_link_manager on source_link (source_id, manager_external_id) where manager_external_id is not null`.execute(
    db,
  )
  // How much work an item is, so that batches are cut by work and not by rows.
  await sql`alter table sync_item add column weight integer not null default 1`.execute(db)
  // Deleted before we ever imported them. Should one come back, its memberships are news to us that
  // no delta will bring.
  await sql`
    create table source_gone (
      source_id   uuid not null references source,
      external_id text collate "C" not null,
      at          timestamptz not null default clock_timestamp(),
      primary key (source_id, external_id)
    )`.execute(db)
  // Something was seen that a delta cannot tell the rest of: the next round asks for everything.
  await sql`alter table sync_token add column needs_full boolean not null default false`.execute(db)
}
