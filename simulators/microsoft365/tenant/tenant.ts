import type { VirtualClock } from '../clock.ts'
import type { SeededRandom } from '../random.ts'
import type {
  Change,
  CreateOptions,
  DirectoryRecord,
  ObjectKind,
  ObjectState,
  Properties,
  Version,
} from './record.ts'
import { changeSignIn, NO_SIGN_IN, type SignInChange, type SignInFacts } from './sign-in-facts.ts'

const DAY_MS = 86_400_000
/** Entra keeps deleted users and groups for 30 days. */
export const RECYCLE_MS = 30 * DAY_MS
const NO_CHANGES: readonly string[] = []

export interface LogEntry {
  readonly seq: number
  readonly atMs: number
  readonly record: DirectoryRecord
}

export interface VerifiedDomain {
  readonly name: string
  readonly isDefault: boolean
  readonly isInitial: boolean
}

export interface Organization {
  readonly id: string
  readonly displayName: string
  readonly domains: readonly VerifiedDomain[]
}

/** A request to change the tenant that makes no sense: unknown object, name in use. */
export class TenantError extends Error {
  override readonly name = 'TenantError'
}

/**
 * The directory of one Microsoft 365 tenant with its whole history, in memory.
 *
 * Every change takes the next `seq`, adds a version or an edge event and a log entry, so that any
 * reader can be shown the tenant as it was, in part or in whole.
 */
export class Tenant {
  readonly organization: Organization
  readonly #clock: VirtualClock
  readonly #random: SeededRandom
  readonly #objects = new Map<string, DirectoryRecord>()
  readonly #byKind = new Map<ObjectKind, DirectoryRecord[]>()
  readonly #byUpn = new Map<string, DirectoryRecord>()
  readonly #log: LogEntry[] = []
  readonly #recycled = new Map<DirectoryRecord, number>()
  readonly #roles = new Map<string, readonly string[]>()
  readonly #units = new Map<string, number>()
  readonly #signIns = new Map<string, SignInFacts>()
  #isFounding: boolean
  readonly #listeners: ((change: Change) => void)[] = []

  constructor(parts: { organization: Organization; clock: VirtualClock; random: SeededRandom }) {
    this.organization = parts.organization
    this.#clock = parts.clock
    this.#random = parts.random
    this.#isFounding = true
  }

  /** Number of the newest change; 0 while nothing has changed since the beginning. */
  get head(): number {
    return this.#log.length
  }

  get nowMs(): number {
    return this.#clock.nowMs()
  }

  /** Ends the founding: what exists now has always existed, later changes are history. */
  seal(): void {
    this.#isFounding = false
  }

  /** Tells of each change from here on, after it was made. */
  onChange(tell: (change: Change) => void): void {
    this.#listeners.push(tell)
  }

  /** Changes after `since` up to `until`, oldest first. */
  changes(since: number, until: number): readonly LogEntry[] {
    return this.#log.slice(since, until)
  }

  changedAtMs(seq: number): number {
    return this.#log[seq - 1]?.atMs ?? 0
  }

  /** Every object of a kind there ever was, deleted and purged ones too, in order of creation. */
  all(kind: ObjectKind): readonly DirectoryRecord[] {
    return this.#byKind.get(kind) ?? []
  }

  find(id: string): DirectoryRecord | null {
    return this.#objects.get(id.toLowerCase()) ?? null
  }

  /** By id or userPrincipalName, whatever its state. */
  findUser(idOrUpn: string): DirectoryRecord | null {
    const record = this.find(idOrUpn) ?? this.#byUpn.get(idOrUpn.toLowerCase()) ?? null
    return record?.kind === 'user' ? record : null
  }

  /** By id or, for tests and people, by the display name of a group that lives. */
  findGroup(idOrName: string): DirectoryRecord | null {
    const record = this.find(idOrName)
    if (record?.kind === 'group') return record
    return (
      this.all('group').find((group) => {
        const { state, properties } = current(group)
        return state === 'live' && properties['displayName'] === idOrName
      }) ?? null
    )
  }

  /** @throws {TenantError} when there is none */
  read(id: string): DirectoryRecord {
    const record = this.find(id)
    if (record === null) throw new TenantError(`no object ${id}`)
    return record
  }

  /** @throws {TenantError} when the id or the userPrincipalName is in use */
  create(kind: ObjectKind, properties: Properties, options: CreateOptions = {}): DirectoryRecord {
    const id = (options.id ?? this.#random.uuid()).toLowerCase()
    if (this.#objects.has(id)) throw new TenantError(`id ${id} is in use`)
    const upn = properties['userPrincipalName']
    if (kind === 'user') this.#claimUpn(upn, null)
    const record: DirectoryRecord = {
      id,
      kind,
      no: this.#objects.size,
      versions: [],
      members: kind === 'group' ? new Set(options.memberIds) : null,
      edges: [],
    }
    this.#objects.set(id, record)
    const ofKind = this.#byKind.get(kind) ?? []
    ofKind.push(record)
    this.#byKind.set(kind, ofKind)
    if (typeof upn === 'string') this.#byUpn.set(upn.toLowerCase(), record)
    const seq = this.#record(record)
    const managerId = options.managerId ?? null
    record.versions.push({ seq, state: 'live', properties, managerId, changed: NO_CHANGES })
    if (seq > 0) {
      for (const memberId of record.members ?? [])
        record.edges.push({ seq, memberId, isMember: true })
    }
    this.#tell({ op: 'create', kind, properties, ...options, id })
    return record
  }

  /** Null clears a property; one left out keeps its value. */
  update(id: string, properties: Properties): void {
    const record = this.read(id)
    const before = current(record)
    if (before.state !== 'live') throw new TenantError(`${id} is ${before.state}`)
    const upn = properties['userPrincipalName']
    if (record.kind === 'user' && upn !== undefined) {
      this.#claimUpn(upn, record)
      this.#byUpn.delete(String(before.properties['userPrincipalName']).toLowerCase())
      this.#byUpn.set(String(upn).toLowerCase(), record)
    }
    const changed = Object.keys(properties)
    this.#append(record, { properties: { ...before.properties, ...properties }, changed })
    this.#tell({ op: 'update', id: record.id, properties })
  }

  setManager(id: string, managerId: string | null): void {
    const record = this.read(id)
    if (managerId !== null) this.read(managerId)
    this.#append(record, { managerId, changed: ['manager'] })
    this.#tell({ op: 'setManager', id: record.id, managerId })
  }

  /** Soft deletion. Memberships stay on record and no group tells of it, as with Microsoft. */
  delete(id: string): void {
    const record = this.#expectState(id, 'live')
    this.#recycled.set(record, this.#clock.nowMs())
    const deletedDateTime = new Date(this.#clock.nowMs()).toISOString()
    const properties = { ...current(record).properties, deletedDateTime }
    this.#append(record, { state: 'deleted', properties, changed: NO_CHANGES })
    this.#tell({ op: 'delete', id: record.id })
  }

  restore(id: string): void {
    const record = this.#expectState(id, 'deleted')
    this.#recycled.delete(record)
    const { deletedDateTime: _, ...properties } = current(record).properties
    this.#append(record, { state: 'live', properties, changed: NO_CHANGES })
    this.#tell({ op: 'restore', id: record.id })
  }

  /** Permanent deletion, from the recycle bin only. */
  purge(id: string): void {
    const record = this.#expectState(id, 'deleted')
    this.#recycled.delete(record)
    const upn = String(current(record).properties['userPrincipalName']).toLowerCase()
    if (this.#byUpn.get(upn) === record) this.#byUpn.delete(upn)
    this.#append(record, { state: 'purged', properties: {}, changed: NO_CHANGES })
    this.#tell({ op: 'purge', id: record.id })
  }

  /** Purges what has lain in the recycle bin for 30 days. */
  purgeExpired(): number {
    const expired = [...this.#recycled].filter(
      ([, atMs]) => this.#clock.nowMs() - atMs >= RECYCLE_MS,
    )
    for (const [record] of expired) this.purge(record.id)
    return expired.length
  }

  /** Roles of the directory that a user holds; none for most. */
  rolesOf(id: string): readonly string[] {
    return this.#roles.get(id) ?? []
  }

  setRoles(id: string, roles: readonly string[]): void {
    const record = this.read(id)
    this.#roles.set(record.id, roles)
    this.#tell({ op: 'setRoles', id: record.id, roles })
  }

  /** How many were bought of a product; as many as there are users, until it is said. */
  unitsOf(skuId: string): number {
    return this.#units.get(skuId) ?? this.all('user').length
  }

  setUnits(id: string, units: number): void {
    this.#units.set(id, units)
    this.#tell({ op: 'setUnits', id, units })
  }

  /** How a person signs in; {@link NO_SIGN_IN} until something was set. */
  signInOf(id: string): SignInFacts {
    return this.#signIns.get(id) ?? NO_SIGN_IN
  }

  /** @throws {TypeError} for a name or value that is none */
  setSignIn(id: string, change: SignInChange): void {
    const { id: userId } = this.read(id)
    const { password, ...others } = change
    const facts = changeSignIn(this.signInOf(userId), change)
    this.#signIns.set(userId, facts)
    const { passwordHash } = facts
    const told = password === undefined ? others : { passwordHash, ...others }
    this.#tell({ op: 'setSignIn', id: userId, signIn: told })
  }

  addMembers(groupId: string, memberIds: readonly string[]): void {
    this.#setMembers(groupId, memberIds, true)
  }

  removeMembers(groupId: string, memberIds: readonly string[]): void {
    this.#setMembers(groupId, memberIds, false)
  }

  #tell(change: Change): void {
    for (const tell of this.#listeners) tell(change)
  }

  #setMembers(groupId: string, memberIds: readonly string[], isMember: boolean): void {
    const group = this.#expectState(groupId, 'live')
    const members = group.members
    if (members === null) throw new TenantError(`${groupId} is not a group`)
    for (const id of memberIds) {
      const memberId = this.read(id).id
      if (members.has(memberId) === isMember) continue
      if (isMember) members.add(memberId)
      else members.delete(memberId)
      const seq = this.#record(group)
      if (seq > 0) group.edges.push({ seq, memberId, isMember })
    }
    this.#tell({ op: isMember ? 'addMembers' : 'removeMembers', id: group.id, memberIds })
  }

  #expectState(id: string, state: ObjectState): DirectoryRecord {
    const record = this.read(id)
    const now = current(record).state
    if (now !== state) throw new TenantError(`${id} is ${now}, not ${state}`)
    return record
  }

  #claimUpn(upn: unknown, owner: DirectoryRecord | null): void {
    if (typeof upn !== 'string' || !upn.includes('@'))
      throw new TenantError('a user needs a userPrincipalName')
    const other = this.#byUpn.get(upn.toLowerCase())
    if (other !== undefined && other !== owner)
      throw new TenantError(`userPrincipalName ${upn} is in use`)
  }

  #append(record: DirectoryRecord, change: Partial<Version>): void {
    const { properties, state, managerId } = current(record)
    const seq = this.#record(record)
    record.versions.push({
      state,
      properties,
      managerId,
      changed: NO_CHANGES,
      ...change,
      seq,
    })
  }

  #record(record: DirectoryRecord): number {
    if (this.#isFounding) return 0
    const seq = this.#log.length + 1
    this.#log.push({ seq, atMs: this.#clock.nowMs(), record })
    return seq
  }
}

/** The newest version of all. */
export function current(record: DirectoryRecord): Version {
  const version = record.versions.at(-1)
  if (version === undefined) throw new TenantError(`${record.id} has no version`)
  return version
}
