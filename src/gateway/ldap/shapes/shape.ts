import {
  type AttributeType,
  BerWriter,
  formatGeneralizedTime,
  readAttributeType,
  Tag,
  withSuperiors,
} from '../../../../protocols/ldap/index.ts'
import type { Directory } from '../../../directory/directory.ts'
import type { Entry, EntryValue } from '../../../directory/query.ts'
import type { NameCache } from '../name-cache.ts'
import { SUBSCHEMA_DN, type Tree } from '../tree.ts'
import type { Viewer } from '../viewer.ts'

/** What the values of an entry may depend on beyond the entry itself. */
export interface ShapeContext {
  readonly directory: Directory
  readonly tree: Tree
  readonly viewer: Viewer
  readonly names: NameCache
}

/** Depends on the entry's value and on nothing else, so its encoding is kept. */
export interface FixedAttribute<V extends EntryValue> {
  readonly type: AttributeType
  readonly isFixed: true
  /** Sent only when asked for by name. */
  readonly isNamedOnly: boolean
  values(value: V, tree: Tree): readonly string[]
}

/** Depends on other entries, the journal or the viewer. */
export interface LiveAttribute<V extends EntryValue> {
  readonly type: AttributeType
  readonly isFixed: false
  readonly isNamedOnly: boolean
  values(entry: Entry<V>, context: ShapeContext): readonly string[]
  /** The whole PartialAttribute where there is a quicker way; null when there are no values. */
  encode?(entry: Entry<V>, context: ShapeContext): Buffer | null
  /** Whether there are values, where that can be told without making them all. */
  isPresent?(entry: Entry<V>, context: ShapeContext): boolean
}

export type ShapeAttribute<V extends EntryValue> = FixedAttribute<V> | LiveAttribute<V>

/** How one kind of entry looks over LDAP, attributes in the order in which they are sent. */
export interface Shape<V extends EntryValue = EntryValue> {
  readonly kind: V['kind']
  /** Superiors included. */
  readonly objectClasses: readonly string[]
  readonly attributes: readonly ShapeAttribute<V>[]
}

export function fixed<V extends EntryValue>(
  name: string,
  values: (value: V, tree: Tree) => string | number | null | readonly string[],
  options: { readonly isNamedOnly?: boolean } = {},
): FixedAttribute<V> {
  return {
    type: readAttributeType(name),
    isFixed: true,
    isNamedOnly: options.isNamedOnly ?? false,
    values: (value, tree) => listOf(values(value, tree)),
  }
}

export function live<V extends EntryValue>(
  name: string,
  values: (entry: Entry<V>, context: ShapeContext) => string | number | null | readonly string[],
  quicker: Required<Pick<LiveAttribute<V>, 'encode' | 'isPresent'>> | null = null,
): LiveAttribute<V> {
  const attribute = {
    type: readAttributeType(name),
    isFixed: false as const,
    isNamedOnly: false,
    values: (entry: Entry<V>, context: ShapeContext) => listOf(values(entry, context)),
  }
  return quicker === null ? attribute : { ...attribute, ...quicker }
}

function listOf(values: string | number | null | readonly string[]): readonly string[] {
  if (values === null) return []
  return typeof values === 'string' || typeof values === 'number' ? [String(values)] : values
}

/** Each class with its superiors, once. */
export function classes(...names: readonly string[]): readonly string[] {
  return [...new Set(names.flatMap((name) => withSuperiors(name).toReversed()))]
}

/** The operational attributes every entry has. */
export function commonAttributes<V extends EntryValue>(
  structuralClass: string,
): readonly ShapeAttribute<V>[] {
  return [
    fixed('entryUUID', ({ id }) => id),
    fixed('entryDN', (value, tree) => tree.dnOf(value)),
    fixed('distinguishedName', (value, tree) => tree.dnOf(value), { isNamedOnly: true }),
    fixed('structuralObjectClass', () => structuralClass),
    fixed('subschemaSubentry', () => SUBSCHEMA_DN),
    fixed('hasSubordinates', () => 'FALSE'),
    fixed('numSubordinates', () => 0),
    fixed('createTimestamp', ({ createdAtMs }) => formatGeneralizedTime(createdAtMs)),
    live('modifyTimestamp', ({ modifiedAtMs }) => formatGeneralizedTime(modifiedAtMs)),
    live('entryUSN', ({ usn }) => usn),
  ]
}

/** A PartialAttribute from values that are OCTET STRING elements already. */
export function encodeElements(name: string, elements: readonly Buffer[]): Buffer {
  let length = 0
  for (const element of elements) length += element.length
  const writer = new BerWriter(length + 64)
  const start = writer.open(Tag.sequence)
  writer.text(name)
  const set = writer.open(Tag.set)
  for (const element of elements) writer.raw(element)
  writer.close(set).close(start)
  return writer.view()
}

/** A PartialAttribute from text. */
export function encodeValues(name: string, values: readonly string[]): Buffer {
  const writer = new BerWriter()
  const start = writer.open(Tag.sequence)
  writer.text(name)
  const set = writer.open(Tag.set)
  for (const value of values) writer.text(value)
  writer.close(set).close(start)
  return writer.view()
}
