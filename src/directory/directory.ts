import type { AnyChange, DirectorySettings, FollowedKind, Position } from './change.ts'
import type { Device } from './device.ts'
import type { Group } from './group.ts'
import type { Guest } from './guest.ts'
import type { PrincipalId } from './id.ts'
import type { Nas, Network } from './network.ts'
import type { Person } from './person.ts'
import type { Entry, Field, Query } from './query.ts'
import type { Realm } from './realm.ts'
import type { Administrator, Service } from './service.ts'

/** How well the answers from memory can be trusted just now. */
export type Freshness = 'fresh' | 'within-limit' | 'too-stale'

export interface SearchOptions {
  /** Only entries whose number is above this one. */
  readonly afterNo?: number
  /**
   * Asked before each candidate, matching or not, with its number; false ends the iteration there.
   * A caller that must let others work in between goes on later from the last number it allowed.
   */
  readonly goOn?: (no: number) => boolean
}

/**
 * An entry that was found before, as it is now: by its number, and by its id where a restore has
 * given the number to somebody else. Null when it is there no longer.
 */
export function entryNow(
  directory: Pick<Directory, 'entry' | 'entryById'>,
  { id, no }: { readonly id: string; readonly no: number },
): Entry | null {
  const entry = directory.entry(no)
  return entry?.value.id === id ? entry : directory.entryById(id)
}

/**
 * The serving view of the directory, in memory. Every read is synchronous and none waits for SQL.
 * Deleted principals and groups are not to be found here; staged and held people are, and what they
 * may do or be seen as is for `access` and the gateways to say.
 */
export interface Directory {
  readonly position: Position
  readonly settings: DirectorySettings

  /** By the persisted number; null when there is none or it is deleted. */
  entry(no: number): Entry | null
  entryById(id: string): Entry | null
  /** By username, UPN or mail address, folded; null when unknown or contested. */
  personByLoginName(folded: string): Entry<Person> | null
  personByUsername(folded: string): Entry<Person> | null
  groupByName(folded: string): Entry<Group> | null
  serviceByName(folded: string): Entry<Service> | null
  administratorByName(folded: string): Administrator | null
  administratorById(id: string): Administrator | null
  nasById(id: string): Nas | null
  allNas(): readonly Nas[]
  /** In the order in which they are tried. */
  networks(): readonly Network[]
  /** In no order; the same list until one changes. */
  realms(): readonly Realm[]
  deviceById(id: string): Device | null
  /** @param mac as `readMac` gives it */
  deviceByMac(mac: string): Device | null
  /** By name; the same list until one changes. */
  devices(): readonly Device[]
  guestById(id: string): Guest | null
  /** @param name folded; whoever asks looks for a person of that name first */
  guestByName(name: string): Guest | null
  /** By name, the removed ones too; the same list until one changes. */
  guests(): readonly Guest[]
  /** Those she vouches for, the removed ones left out. Shared with the read model. */
  guestIdsBySponsor(id: string): Iterable<PrincipalId>

  /** Entry numbers, ascending. Shared with the read model: do not keep across an await. */
  directMembers(groupNo: number): Iterable<number>
  directMemberCount(groupNo: number): number
  /** People and groups reached through nesting as well; a group in a cycle does not reach itself. */
  allMembers(groupNo: number): Iterable<number>
  directGroups(no: number): Iterable<number>
  /** Groups reached through nesting as well. */
  allGroups(no: number): Iterable<number>
  isMember(groupNo: number, no: number): boolean

  /**
   * The one entry whose field has the value (text is folded by the caller); null when there is none,
   * undefined when there may be several, or no index, so that a search has to tell.
   */
  lookUp(field: Field, value: string | number): Entry | null | undefined

  /**
   * Entries for which `query` is true, in the order of `no`, those above `afterNo` only.
   * The iterator is lazy and sees one state only if it is drained without awaiting; when drained in
   * slices it never returns an entry twice and returns every entry that matched throughout.
   */
  search(query: Query, options?: SearchOptions): Iterable<Entry>

  /** Numbers of living entries by kind. */
  count(kind: 'person' | 'group' | 'service'): number
}

/** Something that follows the journal. The feed calls it in the order of `usn`, one call at a time. */
export interface Follower {
  readonly name: string
  /** Null before the first catch-up. */
  readonly position: Position | null
  /** Which kinds it wants to be told of. */
  readonly kinds: readonly (FollowedKind | 'membership')[]
  /** Versions it holds, to be compared when catching up. */
  versions(kind: FollowedKind): ReadonlyMap<string, number>
  /** Applies a slice. Values older than what is held are ignored, so a replay does no harm. */
  apply(changes: readonly AnyChange[]): void
  /**
   * Called when the journal turns out to be another one (a new epoch, after a restore), before the
   * catch-up from it: versions of the old one say nothing, and until `reached` every value is taken.
   */
  restarted?(): void
  /**
   * These principals may be let in no more, whatever their values say: some daemon has just shut them
   * out, and the change that says why is on its way. To be believed until {@link forgetDenials}.
   */
  deny?(principalIds: readonly string[], atMs: number): void
  /** What was known when they were denied has been applied: from now on their values say it all. */
  forgetDenials?(principalIds: readonly string[]): void
  /** Called when everything up to `position` has been applied. */
  reached(position: Position): void
}
