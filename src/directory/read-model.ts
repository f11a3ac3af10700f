import type { Change, DirectorySettings, EntityChange, EntityKind, Position } from './change.ts'
import type { CredentialChange } from './credential.ts'
import type { Directory, Follower } from './directory.ts'
import { EntryTable } from './entry-table.ts'
import { evaluate } from './evaluate.ts'
import { foldText } from './fold.ts'
import type { Group } from './group.ts'
import { Membership } from './membership.ts'
import type { Nas, Network } from './network.ts'
import type { Person } from './person.ts'
import type { Entry, EntryKind, EntryValue, Query } from './query.ts'
import { Registry } from './registry.ts'
import type { Administrator, Service } from './service.ts'

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
    'settings',
    'membership',
  ] as const

  readonly #table = new EntryTable()
  readonly #membership = new Membership((no) => this.#table.touch(no))
  readonly #registry = new Registry()
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

  *search(query: Query, options?: { readonly afterNo?: number }): Generator<Entry, void, void> {
    const living = this.#table.living
    for (let no = living.nextAbove(options?.afterNo ?? -1); no >= 0; no = living.nextAbove(no)) {
      const entry = this.#table.entry(no)
      if (entry !== null && evaluate(query, entry, this.#membership) === true) yield entry
    }
  }

  count(kind: EntryKind): number {
    return this.#table.ofKind(kind).size
  }

  versions(kind: EntityKind | 'credential'): ReadonlyMap<string, number> {
    switch (kind) {
      case 'credential':
        return new Map()
      case 'person':
      case 'group':
      case 'service':
        return this.#table.versions(kind)
      default:
        return this.#registry.versions(kind)
    }
  }

  membersVersions(): ReadonlyMap<number, number> {
    return this.#membersVersions
  }

  apply(changes: readonly (Change | CredentialChange)[]): void {
    for (const change of changes) {
      if (change.kind === 'credential') continue
      this.#table.changing(change.usn, change.atMs)
      switch (change.kind) {
        case 'membership':
          this.#membership.setMember(change.groupNo, change.memberNo, change.isMember)
          this.#noteMembers(change.groupNo)
          break
        case 'members':
          this.#membership.replaceMembers(change.groupNo, change.memberNos)
          this.#noteMembers(change.groupNo)
          break
        default:
          this.#applyEntity(change)
      }
    }
  }

  reached(position: Position): void {
    this.#position = position
  }

  #applyEntity(change: EntityChange): void {
    const { kind, value } = change
    switch (kind) {
      case 'person':
      case 'group':
      case 'service':
        this.#applyEntry(change.id, value as EntryValue | null)
        break
      default:
        this.#registry.apply(change)
    }
  }

  #applyEntry(id: string, value: EntryValue | null): void {
    const outcome = value === null ? this.#table.remove(id) : this.#table.put(value)
    for (const no of outcome.gone) this.#membership.bury(no)
    if (outcome.came !== null) this.#membership.revive(outcome.came, value?.kind === 'group')
  }

  /** The list of members is known to be as new as the group it came after. */
  #noteMembers(groupNo: number): void {
    const group = this.#table.entry(groupNo)
    if (group?.value.kind === 'group') {
      this.#membersVersions.set(groupNo, group.value.membersVersion)
    }
  }
}
