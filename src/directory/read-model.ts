import type {
  AnyChange,
  Change,
  DirectorySettings,
  EntityChange,
  FollowedKind,
  Position,
} from './change.ts'
import type { Device } from './device.ts'
import { digestOf, digestOfLines, sha256 } from './digest.ts'
import type { Directory, Follower, SearchOptions } from './directory.ts'
import { EntryTable } from './entry-table.ts'
import { evaluate, hasValue } from './evaluate.ts'
import { foldText } from './fold.ts'
import type { Group } from './group.ts'
import type { Guest } from './guest.ts'
import { History } from './history.ts'
import type { PrincipalId } from './id.ts'
import { Membership } from './membership.ts'
import type { Nas, Network } from './network.ts'
import type { Person } from './person.ts'
import { planSearch, type Sources } from './plan.ts'
import type { Entry, EntryKind, EntryValue, Field, Query } from './query.ts'
import type { Realm } from './realm.ts'
import { Registry } from './registry.ts'
import type { Administrator, Service } from './service.ts'
import { ShutOut } from './shut-out.ts'

type MembersChange = Extract<Change, { kind: 'membership' | 'members' }>

/**
 * The serving view of the directory: everything the gateways answer from, held in memory and kept
 * current by the journal's feed.
 *
 * Before the first catch-up its position has usn 0 and the epoch `''`, which no journal has.
 */
export class ReadModel implements Directory, Follower {
  readonly name = 'read-model'
  readonly kinds = [
    'person',
    'group',
    'service',
    'administrator',
    'nas',
    'network',
    'realm',
    'device',
    'guest',
    'settings',
    'membership',
  ] as const

  readonly #shutOut = new ShutOut()
  readonly #table = new EntryTable(this.#shutOut)
  readonly #membership = new Membership((no) => this.#table.touch(no))
  readonly #registry = new Registry(this.#shutOut)
  readonly #sources: Sources = {
    living: this.#table.living,
    indexes: this.#table.indexes,
    membership: this.#membership,
    ofKind: (kind) => this.#table.ofKind(kind),
  }
  readonly #history = new History()
  readonly #membersVersions = new Map<number, number>()
  #position: Position = { usn: 0, epoch: '' }

  get position(): Position {
    return this.#position
  }

  get settings(): DirectorySettings {
    return this.#registry.settings
  }

  entry(no: number): Entry | null {
    return this.#table.entry(no)
  }

  entryById(id: string): Entry | null {
    return this.#table.entryById(id)
  }

  personByLoginName(folded: string): Entry<Person> | null {
    return this.#table.personByLoginName(folded)
  }

  personByUsername(folded: string): Entry<Person> | null {
    return this.#table.byName('person', folded) as Entry<Person> | null
  }

  groupByName(folded: string): Entry<Group> | null {
    return this.#table.byName('group', folded) as Entry<Group> | null
  }

  serviceByName(folded: string): Entry<Service> | null {
    return this.#table.byName('service', folded) as Entry<Service> | null
  }

  administratorByName(folded: string): Administrator | null {
    return this.#registry.administrators().find((one) => foldText(one.username) === folded) ?? null
  }

  administratorById(id: string): Administrator | null {
    return this.#registry.administrators().find((one) => one.id === id) ?? null
  }

  nasById(id: string): Nas | null {
    return this.#registry.nasById(id)
  }

  allNas(): readonly Nas[] {
    return this.#registry.allNas()
  }

  deviceById(id: string): Device | null {
    return this.#registry.devices.byId(id)
  }

  deviceByMac(mac: string): Device | null {
    return this.#registry.devices.byKey(mac)
  }

  devices(): readonly Device[] {
    return this.#registry.devices.inOrder()
  }

  guestById(id: string): Guest | null {
    return this.#registry.guests.byId(id)
  }

  guestByName(name: string): Guest | null {
    return this.#registry.guests.byKey(name)
  }

  guests(): readonly Guest[] {
    return this.#registry.guests.inOrder()
  }

  guestIdsBySponsor(id: string): Iterable<PrincipalId> {
    return this.#registry.guests.idsBySponsor(id)
  }

  realms(): readonly Realm[] {
    return this.#registry.realms()
  }

  networks(): readonly Network[] {
    return this.#registry.networks()
  }

  directMembers(groupNo: number): Iterable<number> {
    return this.#membership.directMembers(groupNo)
  }

  directMemberCount(groupNo: number): number {
    return this.#membership.directMembers(groupNo).size
  }

  allMembers(groupNo: number): Iterable<number> {
    return this.#membership.allMembers(groupNo)
  }

  directGroups(no: number): Iterable<number> {
    return this.#membership.directGroups(no)
  }

  allGroups(no: number): Iterable<number> {
    return this.#membership.allGroups(no)
  }

  isMember(groupNo: number, no: number): boolean {
    return this.#membership.isMember(groupNo, no)
  }

  lookUp(field: Field, value: string | number): Entry | null | undefined {
    const no = this.#table.indexes.only(field, value)
    if (no === null || no === undefined) return no
    const entry = this.#table.entry(no)
    return entry !== null && hasValue(entry, field, value) ? entry : null
  }

  *search(query: Query, options: SearchOptions = {}): Generator<Entry, void, void> {
    const candidates = planSearch(query, this.#sources) ?? this.#table.living
    const { afterNo = -1, goOn } = options
    let no = candidates.nextAbove(afterNo)
    while (no >= 0 && (goOn === undefined || goOn(no))) {
      const entry = this.#table.entry(no)
      if (entry !== null && evaluate(query, entry, this.#membership) === true) yield entry
      no = candidates.nextAbove(no)
    }
  }

  count(kind: EntryKind): number {
    return this.#table.ofKind(kind).size
  }

  versions(kind: FollowedKind): ReadonlyMap<string, number> {
    switch (kind) {
      case 'credential':
      case 'client-authority':
      case 'client-certificate':
        return new Map()
      case 'person':
      case 'group':
      case 'service':
        return this.#table.versions(kind)
      default:
        return this.#registry.versions(kind)
    }
  }

  /**
   * Of the last whole list of each group. Edges that came one by one since do not raise it, as none
   * of them tells whether it was the last: a catch-up then reads the list once more than it had to.
   */
  apply(changes: readonly AnyChange[]): void {
    for (const change of changes) {
      if (!isOfTheView(change)) continue
      this.#table.changing(change.usn, change.atMs)
      if (change.kind === 'membership' || change.kind === 'members') this.#applyMembers(change)
      else this.#applyEntity(change)
    }
  }

  deny(principalIds: readonly string[], atMs: number): void {
    this.#shutOut.add(principalIds, atMs)
    this.#showAnew(principalIds)
  }

  forgetDenials(principalIds: readonly string[]): void {
    this.#shutOut.delete(principalIds)
    this.#showAnew(principalIds)
  }

  /** Every value is taken until the next {@link reached}, as none of the versions held is certain. */
  restarted(): void {
    this.#table.distrustVersions()
    this.#registry.distrustVersions()
    this.#membersVersions.clear()
    this.#history.startAnew()
  }

  reached(position: Position): void {
    this.#position = position
    this.#table.trustVersions()
    this.#registry.trustVersions()
    this.#history.resume()
  }

  /**
   * One digest of all values and direct edges, tombstones included; versions and journal numbers
   * left out, so that two directories with the same content have the same one.
   */
  digest(): string {
    const lines = this.#registry.digestLines()
    for (const no of this.#table.living) {
      const value = this.#table.value(no)
      if (value !== null) lines.push(digestOf(value))
    }
    for (const [id, { kind }] of this.#table.tombstones()) lines.push(`${kind} ${id} deleted`)
    for (const [groupNo, members] of this.#membership.heldEdges()) {
      lines.push(`members ${groupNo} ${sha256(members.join())}`)
    }
    return digestOfLines(lines)
  }

  #showAnew(ids: readonly string[]): void {
    this.#table.showAnew(ids)
    this.#registry.showAnew()
  }

  #applyEntity(change: EntityChange): void {
    const { kind, id, value, usn } = change
    if (value === null) this.#history.purge(id, usn)
    else if (this.#history.isPurgedSince(id, usn)) return
    if (kind !== 'person' && kind !== 'group' && kind !== 'service') {
      this.#registry.apply(change)
    } else if (value === null) {
      this.#purge(id)
    } else {
      this.#applyEntry(value as EntryValue)
    }
  }

  #applyEntry(value: EntryValue): void {
    const { gone, came } = this.#table.put(value)
    for (const no of gone) this.#membership.bury(no)
    if (came !== null) this.#membership.revive(came, value.kind === 'group')
  }

  #purge(id: string): void {
    for (const no of this.#table.remove(id)) {
      this.#membership.bury(no)
      this.#membership.forget(no)
      this.#membersVersions.delete(no)
      this.#history.purgeNo(no)
    }
  }

  #applyMembers(change: MembersChange): void {
    const { groupNo } = change
    if (this.#history.isPurgedNo(groupNo) || !this.#takes(change)) return
    if (change.kind === 'members') {
      const memberNos = change.memberNos.filter((no) => !this.#history.isPurgedNo(no))
      this.#membership.replaceMembers(groupNo, memberNos)
      if (change.membersVersion === undefined) this.#membersVersions.delete(groupNo)
      else this.#membersVersions.set(groupNo, change.membersVersion)
    } else if (!this.#history.isPurgedNo(change.memberNo)) {
      this.#membership.setMember(groupNo, change.memberNo, change.isMember)
    }
  }

  /** A list with a newer version of its own is taken even when its journal rows are gone. */
  #takes(change: MembersChange): boolean {
    const { groupNo, usn } = change
    if (change.kind === 'membership') {
      return this.#history.takesEdge(groupNo, change.memberNo, usn)
    }
    const held = this.#membersVersions.get(groupNo) ?? 0
    return this.#history.takesList(groupNo, usn) || (change.membersVersion ?? 0) > held
  }
}

/** Credentials and certificates are others' to hold. */
function isOfTheView(change: AnyChange): change is Change {
  const { kind } = change
  return kind !== 'credential' && kind !== 'client-authority' && kind !== 'client-certificate'
}
