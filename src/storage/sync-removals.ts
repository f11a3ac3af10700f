import { sql } from 'kysely'
import { remainingAllowance, WINDOW_MS } from '../sources/guard.ts'
import type { ObjectKind, Tx } from './sync-batch.ts'

export type RemovalKind = 'person' | 'group' | 'membership' | 'suspension'

/** Of `removal r`: whether it still counts. */
export const IN_WINDOW = sql<boolean>`r.at > clock_timestamp() - make_interval(secs => ${sql.lit(WINDOW_MS / 1_000)})`

/** How many people, or groups, may still be removed or suspended within the window. */
export async function readAllowance(tx: Tx, sourceId: string, kind: ObjectKind): Promise<number> {
  const kinds = kind === 'person' ? ['person', 'suspension'] : ['group']
  const { rows } = await sql<{ living: number; removed: number }>`
    select
      (select count(*) from source_link l where l.source_id = ${sourceId}::uuid
         and l.object_kind = ${kind} and l.removed_at is null) as living,
      (select count(*) from removal r where r.source_id = ${sourceId}::uuid and r.group_id is null
         and r.kind = any(${kinds}::text[])
         and ${IN_WINDOW}) as removed`.execute(tx)
  return remainingAllowance(rows[0]?.living ?? 0, rows[0]?.removed ?? 0)
}

/** The same for the memberships of each group, by the group's id. */
export async function readGroupAllowances(
  tx: Tx,
  sourceId: string,
  groupIds: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const { rows } = await sql<{ id: string; living: number; removed: number }>`
    select g.id,
      (select count(*) from membership m where m.group_no = g.no) as living,
      (select count(*) from removal r where r.source_id = ${sourceId}::uuid and r.group_id = g.id
         and ${IN_WINDOW}) as removed
    from directory_group g where g.id = any(${groupIds}::uuid[])`.execute(tx)
  return new Map(rows.map((row) => [row.id, remainingAllowance(row.living, row.removed)]))
}

export interface Removal {
  readonly kind: RemovalKind
  readonly subject: string
  /** For a membership: our id of the group. */
  readonly groupId: string | null
}

/** Counts removals for the window, in the transaction that makes them. */
export async function recordRemovals(
  tx: Tx,
  sourceId: string,
  removals: readonly Removal[],
): Promise<void> {
  if (removals.length === 0) return
  await sql`
    insert into removal (source_id, group_id, kind, subject)
    select ${sourceId}::uuid, r."groupId", r.kind, r.subject
    from jsonb_to_recordset(${JSON.stringify(removals)}::jsonb)
      as r (kind text, subject text, "groupId" uuid)`.execute(tx)
}

export interface WaitingKey {
  readonly kind: RemovalKind
  /** External id of the object, or of the member. */
  readonly subject: string
  /** External id of the group, for a membership; `''` else. */
  readonly group: string
}

/** Puts removals before an admin. @returns how many were not there already */
export async function awaitApproval(
  tx: Tx,
  sourceId: string,
  keys: readonly WaitingKey[],
): Promise<number> {
  if (keys.length === 0) return 0
  const { rows } = await sql<{ one: number }>`
    insert into removal_waiting (source_id, kind, subject, group_external_id)
    select distinct ${sourceId}::uuid, r.kind, r.subject, r."group"
    from jsonb_to_recordset(${JSON.stringify(keys)}::jsonb)
      as r (kind text, subject text, "group" text)
    on conflict do nothing returning 1 as one`.execute(tx)
  return rows.length
}

/** Takes back what was asked: it has come true by itself, or is no longer wanted. */
export async function endWaiting(
  tx: Tx,
  sourceId: string,
  keys: readonly WaitingKey[],
): Promise<void> {
  if (keys.length === 0) return
  await sql`
    delete from removal_waiting w
    using jsonb_to_recordset(${JSON.stringify(keys)}::jsonb)
      as r (kind text, subject text, "group" text)
    where w.source_id = ${sourceId}::uuid and w.kind = r.kind and w.subject = r.subject
      and w.group_external_id = r."group"`.execute(tx)
}
