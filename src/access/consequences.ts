import type { Directory } from '../directory/directory.ts'
import type { HoldReason } from '../directory/hold.ts'
import type { Person } from '../directory/person.ts'
import type { Entry } from '../directory/query.ts'
import type { Service } from '../directory/service.ts'
import { decide } from './decide.ts'
import { sees } from './view.ts'

/** What may be done to somebody, and has consequences elsewhere. */
export const ACTS = ['activate', 'suspend', 'resume', 'delete', 'rename'] as const
export type Act = (typeof ACTS)[number]

/** By name, each in the order of the directory. */
export interface Reach {
  readonly networks: readonly string[]
  /** LDAP clients she may sign in through. */
  readonly ldapClients: readonly string[]
  /** SCIM connections that tell of her as active. */
  readonly scimConnections: readonly string[]
}

export interface Change {
  readonly loses: Reach
  readonly gains: Reach
  /** Groups she is in directly, and is seen in no longer. */
  readonly leaves: readonly string[]
  /** Why she still may sign in nowhere afterwards. */
  readonly stillHeld: readonly HoldReason[]
}

const NOTHING: Reach = { networks: [], ldapClients: [], scimConnections: [] }

/** Where a person may sign in, and what tells others that she may. */
export function reachOf(directory: Directory, person: Entry<Person>): Reach {
  const networks = directory
    .networks()
    .filter((network) => decide(directory, person, { kind: 'network', network }).ok)
  const services = Array.from(
    directory.search({ op: 'kind', kind: 'service' }),
    ({ value }) => value,
  )
    .filter((value): value is Service => value.kind === 'service')
    .filter((service) => service.lifecycle === 'active')
  const isActive = decide(directory, person, { kind: 'ldap', client: null }).ok
  const ofPurpose = (purpose: Service['purpose']) =>
    services.filter((service) => service.purpose === purpose)
  const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name)
  return {
    networks: names(networks),
    ldapClients: names(
      ofPurpose('ldap-client').filter(
        (client) => decide(directory, person, { kind: 'ldap', client }).ok,
      ),
    ),
    scimConnections: isActive
      ? names(ofPurpose('scim-connection').filter(({ view }) => sees(directory, view, person)))
      : [],
  }
}

/** What an act would change for one person. Pure: reads memory, changes nothing. */
export function consequencesOf(directory: Directory, person: Entry<Person>, act: Act): Change {
  const after = afterwards(person, act)
  const before = reachOf(directory, person)
  const then = after === null ? NOTHING : reachOf(directory, after)
  return {
    loses: without(before, then),
    gains: without(then, before),
    leaves: after === null ? directGroups(directory, person) : [],
    stillHeld: after?.value.holds.map(({ reason }) => reason) ?? [],
  }
}

/** She as she would be; null when she would be gone. */
function afterwards(person: Entry<Person>, act: Act): Entry<Person> | null {
  const { value } = person
  const as = (changed: Partial<Person>) => withValue(person, { ...value, ...changed })
  switch (act) {
    case 'delete':
      return null
    case 'activate':
      return as({ lifecycle: 'active' })
    case 'suspend':
      return as({ holds: [...otherHolds(value), { reason: 'admin', sinceMs: 0, note: null }] })
    case 'resume':
      return as({ holds: otherHolds(value) })
    case 'rename':
      return person
  }
}

function otherHolds({ holds }: Person): Person['holds'] {
  return holds.filter(({ reason }) => reason !== 'admin')
}

function withValue(entry: Entry<Person>, value: Person): Entry<Person> {
  const { no, usn, modifiedAtMs } = entry
  return { no, usn, modifiedAtMs, value } as Entry<Person>
}

function directGroups(directory: Directory, { no }: Entry<Person>): readonly string[] {
  return Array.from(directory.directGroups(no)).flatMap((groupNo) => {
    const group = directory.entry(groupNo)
    return group?.value.kind === 'group' ? [group.value.name] : []
  })
}

function without(a: Reach, b: Reach): Reach {
  const less = (names: readonly string[], others: readonly string[]) =>
    names.filter((name) => !others.includes(name))
  return {
    networks: less(a.networks, b.networks),
    ldapClients: less(a.ldapClients, b.ldapClients),
    scimConnections: less(a.scimConnections, b.scimConnections),
  }
}
