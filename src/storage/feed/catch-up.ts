import { type Kysely, sql } from 'kysely'
import type { AnyChange, Position } from '../../directory/change.ts'
import type { Follower } from '../../directory/directory.ts'
import { chunks } from '../chunks.ts'
import type { Tables } from '../database.ts'
import type { EntityReader, Found } from '../entities/reader.ts'
import { BATCH_ROWS, type Readers, toChange } from './fetch.ts'
import type { Slices } from './slices.ts'

/** Edges read at once; a larger group comes whole all the same. */
const EDGE_PAGE_ROWS = 20_000

interface CatchUp {
  readonly db: Kysely<Tables>
  readonly readers: Readers
  readonly followers: readonly Follower[]
  readonly slices: Slices
  /** The end of the journal before anything is read: what changes later is told by the journal. */
  readonly head: Position
}

/**
 * Brings followers from whatever they hold to what the database holds: at the start, after a long
 * absence, and after a restore alike. No snapshot is needed, since rows that change meanwhile have
 * journal rows beyond `head` and are read again.
 */
export async function catchUp(parts: CatchUp): Promise<void> {
  for (const reader of parts.readers.values()) await catchUpKind(parts, reader)
  const wanting = parts.followers.filter((follower) => follower.kinds.includes('membership'))
  if (wanting.length > 0) await catchUpMembers(parts, wanting)
}

async function catchUpKind(parts: CatchUp, reader: EntityReader): Promise<void> {
  const followers = parts.followers.filter((follower) => follower.kinds.includes(reader.kind))
  if (followers.length === 0) return
  const current = await reader.versions(parts.db)
  const { changed, gone } = compare(
    followers.map((follower) => follower.versions(reader.kind)),
    current,
  )
  const removals = new Set(gone)
  const place = { usn: parts.head.usn, atMs: Date.now() }
  const away = (id: string) => toChange({ kind: reader.kind, id }, null, place)
  const vanished = gone.filter((id) => !current.has(id))
  await parts.slices.apply(followers, vanished.map(away))
  for await (const found of readAhead(parts.db, reader, changed)) {
    const changes = found.flatMap((row): AnyChange[] => {
      const change = toChange({ kind: reader.kind, id: row.id }, row.value, row)
      // After a restore the row may be older than what is held, which only a removal lets pass.
      return removals.has(row.id) ? [away(row.id), change] : [change]
    })
    await parts.slices.apply(followers, changes)
  }
}

/** Rows batch by batch; the next is on its way while one is being applied. */
async function* readAhead(
  db: Kysely<Tables>,
  reader: EntityReader,
  ids: readonly string[],
): AsyncGenerator<readonly Found[]> {
  let next: Promise<readonly Found[]> | null = null
  for (const batch of chunks(ids, BATCH_ROWS)) {
    // One statement at a time on this connection.
    const found: readonly Found[] | null = await next
    next = reader.read(db, batch)
    // Whoever stops half-way does not wait for it; a fault is told where it is awaited.
    next.catch(() => {})
    if (found !== null) yield found
  }
  if (next !== null) yield await next
}

/** Ids to read, and ids to let go of: those that are no more, and those held in a later version. */
function compare(
  heldByFollower: readonly ReadonlyMap<string, number>[],
  current: ReadonlyMap<string, number>,
): { readonly changed: readonly string[]; readonly gone: readonly string[] } {
  const gone = new Set<string>()
  for (const held of heldByFollower) {
    for (const [id, version] of held) {
      if (version > (current.get(id) ?? -1)) gone.add(id)
    }
  }
  const changed = [...current].flatMap(([id, version]) =>
    heldByFollower.every((held) => held.get(id) === version) ? [] : [id],
  )
  return { changed, gone: [...gone] }
}

interface GroupRow {
  readonly group_no: number
  readonly member_nos: readonly number[]
  readonly members_version: number
  readonly usn: number | null
  readonly stamped_at: Date | null
}

/**
 * Hands over the whole list of every group, empty ones too. Versions of lists are not compared: a follower that
 * stopped half-way may hold a group whose edges had not come yet.
 */
async function catchUpMembers(parts: CatchUp, followers: readonly Follower[]): Promise<void> {
  const { rows: sizes } = await sql<{ no: number; size: number }>`
    select g.no, (select count(*)::integer from membership m where m.group_no = g.no) as size
    from directory_group g order by g.no`.execute(parts.db)
  // Where the journal no longer says when a list changed: not before anything a follower has seen.
  const { epoch } = parts.head
  const fallbackUsn = Math.max(
    ...followers.map(({ position }) => (position?.epoch === epoch ? position.usn : 0)),
  )
  for (const page of pages(sizes)) {
    const rows = await readMembers(parts.db, page)
    const changes = rows.map((row) => toMembers(row, fallbackUsn))
    await parts.slices.apply(followers, changes)
  }
}

function* pages(groups: readonly { no: number; size: number }[]): Generator<readonly number[]> {
  let page: number[] = []
  let edges = 0
  for (const { no, size } of groups) {
    page.push(no)
    edges += size
    if (edges < EDGE_PAGE_ROWS && page.length < BATCH_ROWS) continue
    yield page
    page = []
    edges = 0
  }
  if (page.length > 0) yield page
}

async function readMembers(
  db: Kysely<Tables>,
  groupNos: readonly number[],
): Promise<readonly GroupRow[]> {
  const { rows } = await sql<GroupRow>`
    select g.no as group_no, g.members_version, j.usn, j.at as stamped_at,
           array(select m.member_no from membership m where m.group_no = g.no order by m.member_no)
             as member_nos
    from directory_group g
    left join lateral (
      select j.usn, j.at from journal j where j.entity = g.id order by j.usn desc limit 1) j on true
    where g.no = any (${groupNos}::integer[])`.execute(db)
  return rows
}

function toMembers(row: GroupRow, fallbackUsn: number): AnyChange {
  return {
    kind: 'members',
    groupNo: row.group_no,
    memberNos: row.member_nos,
    membersVersion: row.members_version,
    usn: row.usn ?? fallbackUsn,
    atMs: row.stamped_at?.getTime() ?? 0,
  }
}
