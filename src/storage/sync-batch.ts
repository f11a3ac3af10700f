import { sql, type Transaction } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import type { Actor } from '../directory/ports/people.ts'
import type { Stream } from '../sources/source.ts'
import type { Round } from '../sources/sync-store.ts'
import type { Tables } from './database.ts'
import { journal } from './journal.ts'

export type Tx = Transaction<Tables>

/** Work in one transaction: objects, or edges. The budget is 500 and 250 ms. */
export const BATCH_WEIGHT = 400
/** Removals touch names, memberships and quarantine, so fewer of them go together. */
export const REMOVAL_BATCH = 200

export type ObjectKind = 'person' | 'group'

export function objectKind(stream: Stream): ObjectKind {
  return stream === 'people' ? 'person' : 'group'
}

export function sourceActor(sourceId: string): Actor {
  return { name: `source:${sourceId}`, reason: null }
}

export function sourceHold(sourceId: string): string {
  return `source:${sourceId}`
}

/**
 * Locks an applying round and gives how far it has come. Two processes that apply the same round
 * take turns here, and the later one goes on where the earlier one stopped; so do a round and an
 * import of the same source, or a deletion of its people: see {@link lockSource}.
 */
export async function lockRound(tx: Tx, round: Round): Promise<number> {
  const { rows } = await sql<{ applied_to: number }>`
    select r.applied_to from sync_round r join source s on s.id = r.source_id
    where r.id = ${round.id}::uuid and r.state = 'applying' and s.leave_people is null
    for no key update`.execute(tx)
  const row = rows[0]
  if (!row) throw new DirectoryError('DIRECTORY_CONFLICT', 'the sync round was taken over')
  return row.applied_to
}

/**
 * Makes whoever takes people in, and whoever writes what a round has told, wait for each other: so
 * that nobody is both a candidate and imported, and no membership falls between the two.
 *
 * @throws {DirectoryError} `DIRECTORY_CONFLICT` once the source is being disconnected
 */
export async function lockSource(tx: Tx, sourceId: string): Promise<void> {
  const { rows } = await sql`
    select 1 from source where id = ${sourceId}::uuid and leave_people is null
    for no key update`.execute(tx)
  if (rows.length === 0)
    throw new DirectoryError('DIRECTORY_CONFLICT', 'the source is no longer connected')
}

export async function advanceRound(tx: Tx, round: Round, appliedTo: number): Promise<void> {
  await sql`update sync_round set applied_to = ${appliedTo} where id = ${round.id}::uuid`.execute(
    tx,
  )
}

/** Gives every principal a new version and a journal row. */
export async function touchPrincipals(
  tx: Tx,
  ids: Iterable<string>,
  actor: Actor,
  details: ReadonlyMap<string, Readonly<Record<string, unknown>>> = new Map(),
): Promise<void> {
  const list = [...new Set(ids)]
  if (list.length === 0) return
  const { rows } = await sql<{ id: string; version: number }>`
    update principal set version = nextval('entity_version') where id = any(${list}::uuid[])
    returning id, version`.execute(tx)
  for (const { id, version } of rows) {
    const detail = details.get(id)
    journal(tx, { kind: 'person', entity: id, version, actor, ...(detail ? { detail } : {}) })
  }
}

/** The same for groups. */
export async function touchGroups(tx: Tx, ids: Iterable<string>, actor: Actor): Promise<void> {
  const list = [...new Set(ids)]
  if (list.length === 0) return
  const { rows } = await sql<{ id: string; version: number }>`
    update directory_group set version = nextval('entity_version'), changed_at = clock_timestamp()
    where id = any(${list}::uuid[]) returning id, version`.execute(tx)
  for (const { id, version } of rows) journal(tx, { kind: 'group', entity: id, version, actor })
}
