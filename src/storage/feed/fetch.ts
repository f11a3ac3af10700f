import { type Kysely, sql } from 'kysely'
import type { AnyChange, FollowedKind } from '../../directory/change.ts'
import type { Tables } from '../database.ts'
import type { EntityReader, Found } from '../entities/reader.ts'
import type { Edge, Key, Place } from './journal-rows.ts'

/** Rows asked for in one statement. */
export const BATCH_ROWS = 500

export type Readers = ReadonlyMap<FollowedKind, EntityReader>

/** Reads what the keys name as it is now and makes changes of it, in the order of the keys. */
export async function fetchChanges(
  db: Kysely<Tables>,
  readers: Readers,
  keys: readonly Key[],
): Promise<readonly AnyChange[]> {
  const found = await findEntities(db, readers, keys)
  const edges = keys.filter((key) => key.kind === 'membership')
  const present = await findEdges(db, edges)
  return keys.map((key): AnyChange => {
    if (key.kind !== 'membership') return toChange(key, found.get(key.id)?.value ?? null, key)
    return { ...key, isMember: present.has(edgeKey(key.groupNo, key.memberNo)) }
  })
}

/** A change of one entity; null when the row is gone. */
export function toChange(
  entity: { readonly kind: FollowedKind; readonly id: string },
  value: Found['value'] | null,
  place: Place,
): AnyChange {
  const { kind, id } = entity
  const { usn, atMs } = place
  return { kind, id, value, usn, atMs } as AnyChange
}

async function findEntities(
  db: Kysely<Tables>,
  readers: Readers,
  keys: readonly Key[],
): Promise<ReadonlyMap<string, Found>> {
  const idsByKind = new Map<FollowedKind, string[]>()
  for (const key of keys) {
    if (key.kind === 'membership') continue
    const ids = idsByKind.get(key.kind)
    if (ids) ids.push(key.id)
    else idsByKind.set(key.kind, [key.id])
  }
  const found = new Map<string, Found>()
  for (const [kind, ids] of idsByKind) {
    for (let from = 0; from < ids.length; from += BATCH_ROWS) {
      const rows = await readers.get(kind)?.read(db, ids.slice(from, from + BATCH_ROWS))
      for (const row of rows ?? []) found.set(row.id, row)
    }
  }
  return found
}

async function findEdges(db: Kysely<Tables>, edges: readonly Edge[]): Promise<ReadonlySet<string>> {
  if (edges.length === 0) return new Set()
  const { rows } = await sql<{ group_no: number; member_no: number }>`
    select m.group_no, m.member_no
    from unnest(${edges.map((edge) => edge.groupNo)}::integer[],
                ${edges.map((edge) => edge.memberNo)}::integer[]) as asked (group_no, member_no)
    join membership m using (group_no, member_no)`.execute(db)
  return new Set(rows.map((row) => edgeKey(row.group_no, row.member_no)))
}

function edgeKey(groupNo: number, memberNo: number): string {
  return `${groupNo} ${memberNo}`
}
