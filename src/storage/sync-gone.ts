import { sql } from 'kysely'
import type { Tx } from './sync-batch.ts'

/** Remembers objects that were deleted before they were ever imported. */
export async function rememberGone(
  tx: Tx,
  sourceId: string,
  ids: readonly string[],
): Promise<void> {
  if (ids.length === 0) return
  await sql`
    insert into source_gone (source_id, external_id)
    select distinct ${sourceId}::uuid, id from unnest(${ids}::text[]) as r (id)
    on conflict do nothing`.execute(tx)
}

/** A delta of groups cannot tell what is missing: the next round reads them whole. */
export async function requestFullGroups(tx: Tx, sourceId: string): Promise<void> {
  await sql`
    update sync_token set needs_full = true
    where source_id = ${sourceId}::uuid and stream = 'groups'`.execute(tx)
}

/** Whether one of those that came now had been deleted before; they are forgotten. */
export async function takeGone(tx: Tx, sourceId: string, ids: readonly string[]): Promise<boolean> {
  if (ids.length === 0) return false
  const { rows } = await sql<{ one: number }>`
    delete from source_gone
    where source_id = ${sourceId}::uuid and external_id = any(${ids}::text[])
    returning 1 as one`.execute(tx)
  return rows.length > 0
}
