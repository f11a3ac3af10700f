/**
 * Builders of people, groups and the rest, and a directory in memory to put them in.
 *
 * Each builder gives a complete, plausible value with a number, id and name of its own; what a test
 * is about goes in as an override.
 */

import { ntHash } from '../../src/credentials/nt-hash.ts'
import type { DirectorySettings, Entity } from '../../src/directory/change.ts'
import type { Device } from '../../src/directory/device.ts'
import { foldText } from '../../src/directory/fold.ts'
import type { Group } from '../../src/directory/group.ts'
import type { Guest } from '../../src/directory/guest.ts'
import type { Hold } from '../../src/directory/hold.ts'
import type { Branded } from '../../src/directory/id.ts'
import {
  type Nas,
  type Network,
  NO_TIMES,
  usualDynamicAuthorization,
} from '../../src/directory/network.ts'
import { DEFAULT_PASSWORD_POLICY } from '../../src/directory/password-policy.ts'
import type { LoginName, Person } from '../../src/directory/person.ts'
import type { Entry, EntryValue } from '../../src/directory/query.ts'
import { ReadModel } from '../../src/directory/read-model.ts'
import type { Realm } from '../../src/directory/realm.ts'
import type { Administrator, Service } from '../../src/directory/service.ts'

/** The time at which everything here happens, unless a test says otherwise. */
export const someTimeMs = Date.UTC(2026, 0, 15, 9, 30)

let lastNo = 0

/** A number nobody had before, for an entry of one's own making. */
export function nextNo(): number {
  lastNo++
  return lastNo
}

/** A UUID that shows its number. */
export function idFor<Id extends Branded<string>>(no: number): Id {
  return `00000000-0000-4000-8000-${no.toString(16).padStart(12, '0')}` as string as Id
}

/** A person who may sign in; her log-in names are her username, UPN and mail unless given. */
export function aPerson(overrides: Partial<Person> = {}): Person {
  const no = overrides.no ?? nextNo()
  const username = overrides.username ?? `person${no}`
  const person = {
    kind: 'person' as const,
    id: idFor<Person['id']>(no),
    no,
    version: 1,
    username,
    displayName: `Person ${no}`,
    givenName: 'Person',
    surname: `${no}`,
    mail: `${username}@contoso.example`,
    userPrincipalName: `${username}@contoso.example`,
    jobTitle: null,
    department: null,
    companyName: null,
    officeLocation: null,
    employeeId: null,
    employeeType: null,
    mobilePhone: null,
    businessPhone: null,
    streetAddress: null,
    city: null,
    region: null,
    postalCode: null,
    country: null,
    preferredLanguage: null,
    isGuest: false,
    managerId: null,
    uidNumber: 300_000 + no,
    gidNumber: 300_000 + no,
    homeDirectory: `/home/${username}`,
    loginShell: '/bin/bash',
    sshPublicKeys: [],
    lifecycle: 'active' as const,
    holds: [],
    createdAtMs: someTimeMs,
    ...overrides,
  }
  return { ...person, loginNames: overrides.loginNames ?? loginNamesOf(person) }
}

function loginNamesOf(
  person: Pick<Person, 'username' | 'userPrincipalName' | 'mail'>,
): readonly LoginName[] {
  const names = new Map<string, LoginName>()
  const add = (kind: LoginName['kind'], name: string | null): void => {
    if (name === null) return
    const folded = foldText(name)
    if (!names.has(folded)) names.set(folded, { folded, kind })
  }
  add('username', person.username)
  add('upn', person.userPrincipalName)
  add('mail', person.mail)
  return [...names.values()]
}

export function aHold(overrides: Partial<Hold> = {}): Hold {
  return { reason: 'admin', sinceMs: someTimeMs, note: null, ...overrides }
}

export function aGroup(overrides: Partial<Group> = {}): Group {
  const no = overrides.no ?? nextNo()
  return {
    kind: 'group',
    id: idFor(no),
    no,
    version: 1,
    name: `group${no}`,
    displayName: overrides.name ?? `Group ${no}`,
    description: null,
    mail: null,
    origin: 'static',
    gidNumber: 400_000 + no,
    membersVersion: 1,
    lifecycle: 'active',
    createdAtMs: someTimeMs,
    ...overrides,
  }
}

/** An LDAP client that sees everybody and lets everybody in. */
export function aService(overrides: Partial<Service> = {}): Service {
  const no = overrides.no ?? nextNo()
  return {
    kind: 'service',
    id: idFor(no),
    no,
    version: 1,
    purpose: 'ldap-client',
    name: `service${no}`,
    view: { sees: 'all' },
    allowedGroupIds: null,
    lifecycle: 'active',
    holds: [],
    createdAtMs: someTimeMs,
    ...overrides,
  }
}

export function anAdministrator(overrides: Partial<Administrator> = {}): Administrator {
  const no = overrides.no ?? nextNo()
  return {
    kind: 'administrator',
    id: idFor(no),
    no,
    version: 1,
    username: `admin${no}`,
    role: 'owner',
    lifecycle: 'active',
    holds: [],
    createdAtMs: someTimeMs,
    ...overrides,
  }
}

/** A NAS on loopback with the secret `testing123`. */
export function aNas(overrides: Partial<Nas> = {}): Nas {
  const no = nextNo()
  return {
    kind: 'nas',
    id: idFor(no),
    version: 1,
    name: `nas${no}`,
    addresses: ['127.0.0.1/32', '::1/128'],
    secrets: [Buffer.from('testing123')],
    requireMessageAuthenticator: 'auto',
    limitProxyState: true,
    secretNo: 1,
    oldSecretsUntilMs: null,
    signedAtMs: null,
    radsec: null,
    dynamicAuthorization: usualDynamicAuthorization,
    rate: 100_000,
    ...overrides,
  }
}

/** A realm without servers, which is ours. */
export function aRealm(overrides: Partial<Realm> = {}): Realm {
  const no = nextNo()
  return {
    kind: 'realm',
    id: idFor(no),
    version: 1,
    name: `realm${no}.example`,
    servers: [],
    allow: [],
    vlan: null,
    operatorName: null,
    ...overrides,
  }
}

export function aDevice(overrides: Partial<Device> = {}): Device {
  const no = nextNo()
  return {
    kind: 'device',
    id: idFor(no),
    version: 1,
    mac: '02:11:22:33:44:55',
    name: `device${no}`,
    ownerId: null,
    networkIds: [],
    vlan: null,
    enabled: true,
    expiresAtMs: null,
    createdAtMs: 0,
    ...overrides,
  }
}

/** One whose password is {@link guestPassword}, and whose time is now. */
export function aGuest(overrides: Partial<Guest> = {}): Guest {
  const no = nextNo()
  const password = Buffer.from(guestPassword)
  return {
    kind: 'guest',
    id: idFor(no),
    version: 1,
    name: `guest-${no}`,
    label: null,
    company: null,
    note: null,
    sponsorId: null,
    startsAtMs: Date.now() - 60_000,
    expiresAtMs: Date.now() + 3_600_000,
    revokedAtMs: null,
    createdAtMs: 0,
    secret: { ntHash: ntHash(password), password },
    ...overrides,
  }
}

export const guestPassword = 'k7m2-q9xt-04bz-r8pw'

/** A network that takes any request and lets everybody in by any method. */
export function aNetwork(overrides: Partial<Network> = {}): Network {
  const no = nextNo()
  return {
    kind: 'network',
    id: idFor(no),
    version: 1,
    name: `network${no}`,
    priority: 100,
    rules: [{}],
    methods: ['pap', 'ttls-pap'],
    groups: [],
    everyone: true,
    vlan: null,
    attributes: [],
    sessionTimeoutSeconds: null,
    ...NO_TIMES,
    ...overrides,
  }
}

export function someSettings(overrides: Partial<DirectorySettings> = {}): DirectorySettings {
  return {
    kind: 'settings',
    id: idFor(0),
    version: 1,
    domain: 'contoso.example',
    organization: 'Contoso',
    allowPlaintextBinds: false,
    allowNetworkPasswords: false,
    passwordPolicy: DEFAULT_PASSWORD_POLICY,
    ...overrides,
  }
}

/** A read model with a journal of its own: each call is one change, applied at once. */
export class MemoryDirectory {
  readonly model = new ReadModel()
  readonly #versions = new Map<string, number>()
  #usn = 0

  constructor(...entities: readonly Entity[]) {
    this.put(...entities)
    this.#reached()
  }

  /** Puts new entities, or newer ones of the same id: the version is raised where it is not higher. */
  put(...entities: readonly Entity[]): void {
    for (const entity of entities) {
      const held = this.#versions.get(entity.id) ?? 0
      const value = entity.version > held ? entity : { ...entity, version: held + 1 }
      this.#versions.set(entity.id, value.version)
      this.model.apply([{ kind: entity.kind, id: entity.id, value, ...this.#stamp() }])
    }
    this.#reached()
  }

  /** As {@link put}, for one changed value; gives what the model holds now. */
  change<V extends EntryValue>(value: V, overrides: Partial<V>): Entry<V> {
    this.put({ ...value, ...overrides })
    return this.entryOf(value)
  }

  /** Takes the entity out for good. */
  purge(entity: Entity): void {
    this.model.apply([{ kind: entity.kind, id: entity.id, value: null, ...this.#stamp() }])
    this.#reached()
  }

  join(group: Group, ...members: readonly EntryValue[]): void {
    this.#setMembers(group, members, true)
  }

  leave(group: Group, ...members: readonly EntryValue[]): void {
    this.#setMembers(group, members, false)
  }

  /** What the model holds for `value`. @throws when it is not there */
  entryOf<V extends EntryValue>(value: V): Entry<V> {
    const entry = this.model.entry(value.no)
    if (entry === null) throw new Error(`no entry ${value.no}`)
    return entry as Entry<V>
  }

  #setMembers(group: Group, members: readonly EntryValue[], isMember: boolean): void {
    for (const { no } of members) {
      const change = { kind: 'membership' as const, groupNo: group.no, memberNo: no, isMember }
      this.model.apply([{ ...change, ...this.#stamp() }])
    }
    this.#reached()
  }

  #stamp(): { usn: number; atMs: number } {
    this.#usn++
    return { usn: this.#usn, atMs: someTimeMs + this.#usn }
  }

  #reached(): void {
    this.model.reached({ usn: this.#usn, epoch: 'test' })
  }
}
