import { type Kysely, sql } from 'kysely'

/**
 * A disconnected source keeps its row and its links, so that the same tenant, connected again, finds
 * the people it had; everything else of it goes, in batches that outlive a crash.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table source
      -- what an admin wants of its people; null while it is connected
      add column leave_people text check (leave_people in ('keep', 'suspend', 'delete')),
      add column leave_by     text,
      add column leave_reason text,
      -- nothing is left to be done; null until then
      add column left_at      timestamptz,
      add check (left_at is null or leave_people is not null)`.execute(db)
}
