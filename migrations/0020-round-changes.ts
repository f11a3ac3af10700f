import { type Kysely, sql } from 'kysely'

/** What each round did, by the source's own ids, so that it can be taken back; kept as long as staging. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table sync_change (
      round_id    uuid not null references sync_round on delete cascade,
      id          bigint generated always as identity,
      object_kind text not null check (object_kind in ('person', 'group', 'membership')),
      act         text not null check (act in ('created', 'changed', 'removed', 'restored', 'held', 'freed')),
      -- of the person or group, in the source's ids; of a membership the group's, in ours
      subject     text collate "C" not null,
      -- entry number; of a membership only
      member_no   integer,
      -- values by name, of what changed only
      before      jsonb,
      after       jsonb,
      primary key (round_id, id)
    )`.execute(db)
  await sql`create index sync_change_created on sync_change (round_id, subject) where act = 'created'`.execute(
    db,
  )
  // Taking a round back is a round of its own, which can be taken back as well.
  await sql`
    alter table sync_round
      add column undoes    uuid references sync_round on delete set null,
      add column undone_by text,
      add column undo_note text,
      drop constraint sync_round_mode_check,
      add constraint sync_round_mode_check check (mode in ('delta', 'full', 'undo'))`.execute(db)
}
