import {
  type AttributeType,
  type AttributeValues,
  readAttributeType,
} from '../../../protocols/ldap/index.ts'
import type { Person } from '../../directory/person.ts'
import type { Entry } from '../../directory/query.ts'
import { encodeOctets } from './name-cache.ts'
import type { Selection } from './selection.ts'
import { groupShape } from './shapes/group.ts'
import { classes, encodeValues } from './shapes/shape.ts'
import { type Container, SUBSCHEMA_DN, type Tree } from './tree.ts'
import { takesPart } from './viewer.ts'

/** An entry that is no entry of the directory: a container, the root DSE, the schema. */
export interface SyntheticEntry {
  readonly dn: string
  readonly attributes: ReadonlyMap<AttributeType, readonly string[]>
  /** The root DSE shows its operational attributes to whoever asks for all. */
  readonly isRoot?: boolean
}

export type Values = Readonly<Record<string, readonly string[]>>

export function syntheticEntry(dn: string, values: Values): SyntheticEntry {
  const attributes = new Map<AttributeType, readonly string[]>()
  for (const [name, list] of Object.entries(values)) attributes.set(readAttributeType(name), list)
  return { dn, attributes }
}

export function syntheticValues(entry: SyntheticEntry): AttributeValues {
  return (type) => entry.attributes.get(type) ?? []
}

/** Name and attributes as BER, those selected and no others. */
export function encodeSynthetic(
  entry: SyntheticEntry,
  selection: Selection,
): { readonly objectName: Buffer; readonly attributes: readonly Buffer[] } {
  const attributes: Buffer[] = []
  for (const [type, values] of entry.attributes) {
    const isWanted = entry.isRoot === true ? selection.hasAnyway(type) : selection.has(type)
    if (isWanted) attributes.push(encodeValues(type.name, selection.isTypesOnly ? [] : values))
  }
  return { objectName: encodeOctets(entry.dn), attributes }
}

interface ContainerFacts {
  readonly organization: string | null
  readonly hasChildren: boolean
}

/** Containers as entries, kept while what they show stays the same. */
export class ContainerEntries {
  readonly #made = new Map<
    Container,
    { readonly facts: ContainerFacts; readonly entry: SyntheticEntry }
  >()

  entryOf(container: Container, facts: ContainerFacts): SyntheticEntry {
    const { organization, hasChildren } = facts
    const made = this.#made.get(container)
    if (made?.facts.organization === organization && made.facts.hasChildren === hasChildren) {
      return made.entry
    }
    const entry = containerEntry(container, facts)
    this.#made.set(container, { facts, entry })
    return entry
  }
}

/** The base and its units. The base carries its domain's first label, as dcObject wants. */
function containerEntry(container: Container, facts: ContainerFacts): SyntheticEntry {
  const [, label = ''] = /^[^=]+=([^,]*)/.exec(container.dn) ?? []
  const isBase = container.name === 'base'
  const own: Values = isBase
    ? {
        objectClass: classes('organization', 'dcObject'),
        dc: [label],
        o: [facts.organization ?? label],
      }
    : { objectClass: classes('organizationalUnit'), ou: [label] }
  return syntheticEntry(container.dn, {
    ...own,
    structuralObjectClass: [isBase ? 'organization' : 'organizationalUnit'],
    subschemaSubentry: [SUBSCHEMA_DN],
    entryDN: [container.dn],
    hasSubordinates: [facts.hasChildren ? 'TRUE' : 'FALSE'],
  })
}

/** The group with a person's own gid, which exists by that number and by its DN only. */
export function privateGroupEntry(entry: Entry<Person>, tree: Tree): SyntheticEntry {
  const { username, gidNumber } = entry.value
  const dn = tree.privateGroupDn(username)
  return syntheticEntry(dn, {
    objectClass: groupShape.objectClasses,
    cn: [username],
    gidNumber: [String(gidNumber)],
    ...(takesPart(entry) ? { memberUid: [username], member: [tree.dnOf(entry.value)] } : {}),
    structuralObjectClass: ['groupOfNames'],
    subschemaSubentry: [SUBSCHEMA_DN],
    entryDN: [dn],
    hasSubordinates: ['FALSE'],
  })
}
