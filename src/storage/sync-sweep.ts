import { sql } from 'kysely'
import { Allowance } from '../sources/guard.ts'
import type { BatchResult, Round } from '../sources/sync-store.ts'
import type { Database } from './connection.ts'
import { hintDenial } from './journal.ts'
import {
  BATCH_WEIGHT,
  lockRound,
  lockSource,
  objectKind,
  REMOVAL_BATCH,
  sourceActor,
  sourceHold,
  type Tx,
  touchPrincipals,
} from './sync-batch.ts'
import { recordChanges } from './sync-changes.ts'
import { removeGroups, removePeople } from './sync-lifecycle.ts'
import { removeApprovedMembers } from './sync-members.ts'
import { awaitApproval, endWaiting, readAllowance, recordRemovals } from './sync-removals.ts'

/** After a full round: objects it did not show. What the window does not allow waits. */
export async function sweepObjects(
  db: Database,
  round: Round,
  options: { readonly isBelieved: boolean },
): Promise<BatchResult | null> {
  const { sourceId, generation } = round
  const kind = objectKind(round.stream)
  const { value } = await db.write(async (tx) => {
    await lockRound(tx, round)
    const { rows } = await sql<{ id: string; is_protected: boolean }>`
      select l.external_id as id, exists (select from principal p
        where p.id = l.principal_id and p.is_protected) as is_protected
      from source_link l
      where l.source_id = ${sourceId}::uuid and l.object_kind = ${kind} and l.removed_at is null
        and l.generation < ${generation}
        and not exists (select 1 from removal_waiting w where w.source_id = l.source_id
          and w.kind = l.object_kind and w.subject = l.external_id and w.group_external_id = '')
      order by l.external_id limit ${REMOVAL_BATCH}`.execute(tx)
    if (rows.length === 0) return null
    const allowed = options.isBelieved ? await readAllowance(tx, sourceId, kind) : 0
    const allowance = new Allowance(allowed)
    const going = rows.filter((row) => !row.is_protected && allowance.take()).map((row) => row.id)
    const kept = rows.map((row) => row.id).filter((id) => !going.includes(id))
    const key = (subject: string) => ({ kind, subject, group: '' })
    const remove = kind === 'person' ? removePeople : removeGroups
    await remove(tx, sourceId, going)
    await recordRemovals(
      tx,
      sourceId,
      going.map((subject) => ({ kind, subject, groupId: null })),
    )
    await recordChanges(
      tx,
      round.id,
      going.map((subject) => ({ kind, act: 'removed', subject })),
    )
    const waiting = await awaitApproval(tx, sourceId, kept.map(key))
    return { removed: going.length, waiting, items: rows.length }
  })
  if (value === null) return null
  const { items, ...counts } = value
  return { counts, items }
}

interface ApprovedRow {
  readonly kind: 'person' | 'group' | 'membership' | 'suspension'
  readonly subject: string
  readonly group: string
}

/** Carries out what an admin has approved; it counts against no window. */
export async function applyApproved(db: Database, sourceId: string): Promise<BatchResult | null> {
  const { value } = await db.write(async (tx) => {
    await lockSource(tx, sourceId)
    const { rows } = await sql<ApprovedRow>`
      select kind, subject, group_external_id as "group" from removal_waiting
      where source_id = ${sourceId}::uuid and approved_at is not null
      order by kind, subject, group_external_id limit ${REMOVAL_BATCH} for update`.execute(tx)
    if (rows.length === 0) return null
    const of = (kind: ApprovedRow['kind']) =>
      rows.filter((row) => row.kind === kind).map((row) => row.subject)
    const people = await living(tx, sourceId, { kind: 'person', ids: of('person') })
    const groups = await living(tx, sourceId, { kind: 'group', ids: of('group') })
    const removed =
      (await removePeople(tx, sourceId, people)) + (await removeGroups(tx, sourceId, groups))
    const suspended = await suspend(tx, sourceId, of('suspension'))
    const edges = rows.filter((row) => row.kind === 'membership')
    const membersRemoved = await removeApprovedMembers(
      tx,
      sourceId,
      edges.map((row) => ({ group: row.group, member: row.subject })),
    )
    await endWaiting(tx, sourceId, rows)
    return { removed, suspended, membersRemoved }
  })
  return value && { counts: value, items: 0 }
}

async function living(
  tx: Tx,
  sourceId: string,
  what: { readonly kind: 'person' | 'group'; readonly ids: readonly string[] },
): Promise<readonly string[]> {
  const { rows } = await sql<{ id: string }>`
    select external_id as id from source_link
    where source_id = ${sourceId}::uuid and object_kind = ${what.kind} and removed_at is null
      and external_id = any(${what.ids}::text[])`.execute(tx)
  return rows.map((row) => row.id)
}

async function suspend(tx: Tx, sourceId: string, ids: readonly string[]): Promise<number> {
  if (ids.length === 0) return 0
  const { rows } = await sql<{ id: string }>`
    insert into hold (principal_id, reason)
    select l.principal_id, ${sourceHold(sourceId)} from source_link l
    where l.source_id = ${sourceId}::uuid and l.object_kind = 'person' and l.removed_at is null
      and l.external_id = any(${ids}::text[]) and l.attributes->>'isEnabled' = 'false'
    on conflict do nothing returning principal_id as id`.execute(tx)
  const held = rows.map((row) => row.id)
  for (const id of held) hintDenial(tx, id)
  await touchPrincipals(tx, held, sourceActor(sourceId))
  return held.length
}

/** Gives people the manager who came after them. */
export async function settleManagers(db: Database, sourceId: string): Promise<BatchResult | null> {
  const { value } = await db.write(async (tx) => {
    await lockSource(tx, sourceId)
    // Locked before they are read: a manager whom another daemon writes just now is not passed over.
    const { rows: pending } = await sql<{ external_id: string }>`
      select external_id from source_link
      where source_id = ${sourceId}::uuid and object_kind = 'person' and manager_pending
      order by external_id limit ${BATCH_WEIGHT} for update`.execute(tx)
    if (pending.length === 0) return null
    const ids = pending.map((row) => row.external_id)
    const { rows } = await sql<{ principal_id: string; is_changed: boolean }>`
      with due as (
        select l.external_id, l.principal_id, l.is_master, m.principal_id as manager_id
        from source_link l
        left join source_link m on m.source_id = l.source_id and m.object_kind = 'person'
          and m.external_id = l.manager_external_id and m.removed_at is null
        where l.source_id = ${sourceId}::uuid and l.object_kind = 'person' and l.manager_pending
          and l.external_id = any(${ids}::text[])),
      settled as (
        update source_link l set manager_pending = false from due
        where l.source_id = ${sourceId}::uuid and l.object_kind = 'person'
          and l.external_id = due.external_id),
      changed as (
        update person p set manager_id = due.manager_id, changed_at = clock_timestamp() from due
        where p.id = due.principal_id and due.is_master and p.manager_id is distinct from due.manager_id
          and not exists (select from authority a where a.principal_id = p.id
            and a.attribute = 'manager' and a.source_id is null)
        returning p.id)
      select due.principal_id, changed.id is not null as is_changed
      from due left join changed on changed.id = due.principal_id`.execute(tx)
    const changed = rows.filter((row) => row.is_changed).map((row) => row.principal_id)
    await touchPrincipals(tx, changed, sourceActor(sourceId))
    return { counts: {}, items: 0 }
  })
  return value
}
