import type { Shaping } from '../faults/shaping.ts'
import { hashFraction, shuffleInPlace } from '../random.ts'
import {
  type DirectoryRecord,
  findVersion,
  isLive,
  membersInView,
  type View,
} from '../tenant/record.ts'
import type { Tenant } from '../tenant/tenant.ts'
import { changesOf, isTold } from './delta-changes.ts'
import type { Round } from './delta-token.ts'

export interface MemberDelta {
  readonly id: string
  readonly isMember: boolean
}

/** One object in a round, or one slice of a group's members. */
export interface PlanEntry {
  readonly record: DirectoryRecord
  readonly members: readonly MemberDelta[]
  /** Told although nothing changed: everything is repeated, not only the difference. */
  readonly isReplay: boolean
}

/** The pages of a round; the same round always gives the same plan. */
export interface Plan {
  readonly pages: readonly (readonly PlanEntry[])[]
}

export interface PlanParts {
  readonly tenant: Tenant
  readonly round: Round
  readonly view: View
  readonly shaping: Shaping
  /** Whether the caller may see who is in a group of hidden membership. */
  readonly canSeeHidden: boolean
}

export function planRound(parts: PlanParts): Plan {
  const { round, shaping } = parts
  const entries: PlanEntry[] = []
  for (const record of recordsToTell(parts)) {
    entries.push(...entriesOf(parts, record, false))
  }
  for (const record of replays(parts)) entries.push(...entriesOf(parts, record, true))
  for (const [at, entry] of [...entries.entries()]) {
    if (hashFraction(round.salt, at, 2) < shaping.duplicates) entries.push(entry)
  }
  if (shaping.isShuffled) shuffleInPlace(entries, round.salt)
  return { pages: paginate(entries, round.salt, shaping) }
}

function recordsToTell(parts: PlanParts): DirectoryRecord[] {
  const { tenant, round, view, shaping } = parts
  const wanted = round.filterIds === null ? null : new Set(round.filterIds)
  const isWanted = (record: DirectoryRecord): boolean => wanted === null || wanted.has(record.id)
  if (round.since === null) {
    return tenant.all(round.kind).filter((record) => {
      const state = findVersion(record, view)?.state
      if (state === 'deleted')
        return isWanted(record) && hashFraction(round.salt, record.no, 3) < shaping.initialRemoved
      return state === 'live' && isWanted(record)
    })
  }
  const distinct = new Set<DirectoryRecord>()
  for (const { seq, record } of tenant.changes(round.since, round.until)) {
    if (record.kind === round.kind && view.sees(seq) && isWanted(record)) distinct.add(record)
  }
  return [...distinct].filter((record) => isTold(round, changesOf(record, round, view)))
}

function replays(parts: PlanParts): DirectoryRecord[] {
  const { tenant, round, view, shaping } = parts
  const all = tenant.all(round.kind)
  if (round.since === null || shaping.replays === 0 || all.length === 0) return []
  const wanted = round.filterIds === null ? null : new Set(round.filterIds)
  const picked = Array.from(
    { length: shaping.replays },
    (_, at) => all[Math.floor(hashFraction(round.salt, at, 4) * all.length)],
  )
  return picked.filter(
    (record) => record !== undefined && canReplay(record, view) && (wanted?.has(record.id) ?? true),
  ) as DirectoryRecord[]
}

/** Old values are repeated only while they are true, or the reader could never get right again. */
function canReplay(record: DirectoryRecord, view: View): boolean {
  const isSeen = ({ seq }: { readonly seq: number }): boolean => view.sees(seq)
  return isLive(record, view) && record.versions.every(isSeen) && record.edges.every(isSeen)
}

function entriesOf(parts: PlanParts, record: DirectoryRecord, isReplay: boolean): PlanEntry[] {
  const members = memberDeltas(parts, record, isReplay)
  if (members.length === 0) return [{ record, members, isReplay }]
  const { deltaPageMembers, memberSlice } = parts.shaping
  const entries: PlanEntry[] = []
  let from = 0
  while (from < members.length) {
    const fraction = hashFraction(parts.round.salt, record.no, from + 5)
    const size = memberSlice === 0 ? deltaPageMembers : 1 + Math.floor(fraction * memberSlice)
    entries.push({ record, members: members.slice(from, from + size), isReplay })
    from += size
  }
  return entries
}

/** What the round tells about a group's members. The end of a member's account is not among it. */
function memberDeltas(parts: PlanParts, record: DirectoryRecord, isReplay: boolean): MemberDelta[] {
  const { tenant, round, view } = parts
  const version = findVersion(record, view)
  const selectsMembers = round.select === null || round.select.includes('members')
  if (record.kind !== 'group' || !selectsMembers || version?.state !== 'live') return []
  if (version.properties['visibility'] === 'HiddenMembership' && !parts.canSeeHidden) return []
  const exists = (id: string): boolean => {
    const member = tenant.find(id)
    return member !== null && isLive(member, view)
  }
  const { isWhole } = changesOf(record, round, view)
  if (!isReplay && !isWhole)
    return netEvents(record, parts, round.since).filter((each) => !each.isMember || exists(each.id))
  const present = membersInView(record, view).filter(exists)
  const former = netEvents(record, parts, isReplay ? null : round.since)
  const isCertain = isReplay || round.since !== null
  return [
    ...present.map((id) => ({ id, isMember: true })),
    ...former.filter(
      (each, at) =>
        !each.isMember &&
        (isCertain || hashFraction(round.salt, record.no, at + 6) < parts.shaping.initialRemoved),
    ),
  ]
}

/** The last word about each member whose place changed after `since`. */
function netEvents(record: DirectoryRecord, parts: PlanParts, since: number | null): MemberDelta[] {
  const verdicts = new Map<string, boolean>()
  for (const event of record.edges) {
    if (event.seq > (since ?? 0) && parts.view.sees(event.seq))
      verdicts.set(event.memberId, event.isMember)
  }
  return [...verdicts].map(([id, isMember]) => ({ id, isMember }))
}

function paginate(entries: readonly PlanEntry[], salt: number, shaping: Shaping): PlanEntry[][] {
  const pages: PlanEntry[][] = []
  let page: PlanEntry[] = []
  let members = 0
  const close = (): void => {
    if (hashFraction(salt, pages.length, 8) < shaping.emptyPages) pages.push([])
    pages.push(page)
    page = []
    members = 0
  }
  for (const entry of entries) {
    const isFull = page.length >= shaping.deltaPageSize
    if (isFull || (page.length > 0 && members + entry.members.length > shaping.deltaPageMembers))
      close()
    page.push(entry)
    members += entry.members.length
  }
  close()
  return pages
}
