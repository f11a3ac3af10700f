import {
  type Dn,
  dnKey,
  escapeDnValue,
  formatDn,
  LdapError,
  normaliseDn,
  parseDn,
  rdnKey,
} from '../../../protocols/ldap/index.ts'
import type { Directory } from '../../directory/directory.ts'
import { foldText } from '../../directory/fold.ts'
import type { Entry, EntryKind, EntryValue } from '../../directory/query.ts'

export type ContainerName = 'base' | 'people' | 'groups' | 'services' | 'sudoers' | 'automount'

/** A fixed node of the tree (ARCHITECTURE §5). */
export interface Container {
  readonly name: ContainerName
  readonly dn: string
  /** The entries right below it, null for the base, which has containers below it. */
  readonly kind: EntryKind | null
}

/** What a DN names. */
export type Target =
  | { readonly is: 'root' }
  | { readonly is: 'subschema' }
  | { readonly is: 'container'; readonly container: Container }
  | { readonly is: 'entry'; readonly entry: Entry }
  /** The private group that goes with a person's own gid. */
  | { readonly is: 'private-group'; readonly entry: Entry }
  | { readonly is: 'nothing'; readonly matchedDn: string }
  | { readonly is: 'malformed' }

export const SUBSCHEMA_DN = 'cn=Subschema'

const UNITS: readonly (readonly [ContainerName, EntryKind | null])[] = [
  ['people', 'person'],
  ['groups', 'group'],
  ['services', 'service'],
  ['sudoers', null],
  ['automount', null],
]

const RDN_TYPE: Readonly<Record<EntryKind, string>> = { person: 'uid', group: 'cn', service: 'uid' }

/** A value that no escaping and no parsing changes (RFC 4514 §2.4). */
const PLAIN_VALUE = /^[\w.@-]+$/

const root: Target = { is: 'root' }
const subschema: Target = { is: 'subschema' }
const malformed: Target = { is: 'malformed' }
/** Names outside the tree, by their keys. */
const FIXED: ReadonlyMap<string, Target> = new Map<string, Target>([
  ['', root],
  [normaliseDn(SUBSCHEMA_DN), subschema],
])

/** Where everything is: DNs of entries in their one spelling, and what any spelling of a DN names. */
export class Tree {
  readonly baseDn: string
  readonly base: Target
  /** The base first, then its children. */
  readonly containers: readonly Container[]
  readonly #byText = new Map<string, Target>()
  readonly #byKey = new Map<string, Container>()
  readonly #dnOfKind: Readonly<Record<EntryKind, string>>
  readonly #parents: readonly {
    readonly kind: EntryKind
    readonly dn: string
    readonly rdnType: string
    readonly end: string
  }[]

  /** @param domain DNS name whose labels become the base DN */
  constructor(domain: string) {
    this.baseDn = formatDn(domain.split('.').map((label) => [{ type: 'dc', value: label }]))
    const base: Container = { name: 'base', dn: this.baseDn, kind: null }
    this.base = { is: 'container', container: base }
    const units = UNITS.map(([name, kind]) => ({ name, kind, dn: `ou=${name},${this.baseDn}` }))
    this.containers = [base, ...units]
    this.#dnOfKind = {
      person: `ou=people,${this.baseDn}`,
      group: `ou=groups,${this.baseDn}`,
      service: `ou=services,${this.baseDn}`,
    }
    this.#parents = (['person', 'group', 'service'] as const).map((kind) => {
      const dn = this.#dnOfKind[kind]
      return { kind, dn, rdnType: `${RDN_TYPE[kind]}=`, end: `,${dn}` }
    })
    for (const container of this.containers) {
      this.#byText.set(container.dn, { is: 'container', container })
      this.#byKey.set(normaliseDn(container.dn), container)
    }
  }

  dnOf(value: EntryValue): string {
    const { kind } = value
    const name = kind === 'person' ? value.username : value.name
    return `${RDN_TYPE[kind]}=${escapeDnValue(name)},${this.#dnOfKind[kind]}`
  }

  privateGroupDn(username: string): string {
    return `cn=${escapeDnValue(username)},${this.#dnOfKind.group}`
  }

  resolve(text: string, directory: Directory): Target {
    const plain = this.#plain(text, directory)
    if (plain !== null) return plain
    const known = this.#byText.get(text)
    if (known !== undefined) return known
    const dn = parse(text)
    if (dn === null) return malformed
    const key = dnKey(dn)
    const fixedTarget = FIXED.get(key)
    if (fixedTarget !== undefined) return fixedTarget
    const container = this.#byKey.get(key)
    return container === undefined ? this.#below(dn, directory) : { is: 'container', container }
  }

  /** What a DN names in the spelling in which we give it, which is what clients send back to us. */
  #plain(text: string, directory: Directory): Target | null {
    for (const { kind, rdnType, dn, end } of this.#parents) {
      if (!text.startsWith(rdnType) || !text.endsWith(end)) continue
      const value = text.slice(rdnType.length, -end.length)
      if (!PLAIN_VALUE.test(value)) return null
      return find(directory, kind, foldText(value)) ?? { is: 'nothing', matchedDn: dn }
    }
    return null
  }

  #below(dn: Dn, directory: Directory): Target {
    const parent = this.#byKey.get(dnKey(dn.slice(1)))
    if (parent === undefined || parent.kind === null) {
      return { is: 'nothing', matchedDn: this.#deepest(dn) }
    }
    const [rdn = []] = dn
    const [{ type = '', value = '' } = {}] = rdn
    const nothing: Target = { is: 'nothing', matchedDn: parent.dn }
    if (rdn.length !== 1 || typeof value !== 'string') return nothing
    // Compares attribute types through all their names and the OID.
    if (rdnKey([{ type, value }]) !== rdnKey([{ type: RDN_TYPE[parent.kind], value }])) {
      return nothing
    }
    return find(directory, parent.kind, foldText(value)) ?? nothing
  }

  /** The closest existing superior of a name that does not exist (RFC 4511 §4.1.9). */
  #deepest(dn: Dn): string {
    for (let at = 1; at < dn.length; at++) {
      const container = this.#byKey.get(dnKey(dn.slice(at)))
      if (container !== undefined) return container.dn
    }
    return ''
  }
}

/** What a DN names while there is no tree yet, too. */
export function resolveDn(text: string, tree: Tree | null, directory: Directory): Target {
  if (tree !== null) return tree.resolve(text, directory)
  const dn = parse(text)
  if (dn === null) return malformed
  return FIXED.get(dnKey(dn)) ?? { is: 'nothing', matchedDn: '' }
}

function find(directory: Directory, kind: EntryKind, folded: string): Target | null {
  switch (kind) {
    case 'person':
      return targetOf(directory.personByUsername(folded))
    case 'service':
      return targetOf(directory.serviceByName(folded))
    case 'group': {
      const group = directory.groupByName(folded)
      if (group !== null) return targetOf(group)
      const person = directory.personByUsername(folded)
      return person === null ? null : { is: 'private-group', entry: person }
    }
  }
}

function targetOf(entry: Entry | null): Target | null {
  return entry === null ? null : { is: 'entry', entry }
}

function parse(text: string): Dn | null {
  try {
    return parseDn(text)
  } catch (error) {
    if (error instanceof LdapError) return null
    throw error
  }
}
