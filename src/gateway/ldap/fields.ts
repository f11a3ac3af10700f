import { type AttributeType, readAttributeType } from '../../../protocols/ldap/index.ts'
import type { EntryKind, Field } from '../../directory/query.ts'

/** Where the read model keeps an attribute's values for one kind of entry. */
export interface IndexedField {
  readonly kind: EntryKind
  readonly field: Field
  /** Every entry of the kind has it, so presence need not be asked. */
  readonly isAlways: boolean
}

export interface IndexedAttribute {
  /** How an assertion value becomes the index's. */
  readonly form: 'text' | 'integer' | 'time'
  readonly fields: readonly IndexedField[]
}

type Row = readonly [
  name: string,
  form: IndexedAttribute['form'],
  ...fields: readonly IndexedField[],
]

const ROWS: readonly Row[] = [
  ['uid', 'text', always('person', 'name'), always('service', 'name')],
  ['cn', 'text', always('person', 'displayName'), always('group', 'name')],
  ['displayName', 'text', always('person', 'displayName')],
  ['givenName', 'text', some('person', 'givenName')],
  ['mail', 'text', some('person', 'mail')],
  ['title', 'text', some('person', 'jobTitle')],
  ['departmentNumber', 'text', some('person', 'department')],
  ['o', 'text', some('person', 'companyName')],
  ['physicalDeliveryOfficeName', 'text', some('person', 'officeLocation')],
  ['employeeNumber', 'text', some('person', 'employeeId')],
  ['employeeType', 'text', some('person', 'employeeType')],
  ['uidNumber', 'integer', always('person', 'uidNumber')],
  ['gidNumber', 'integer', always('person', 'gidNumber'), always('group', 'gidNumber')],
  ['entryUUID', 'text', always('person', 'id'), always('group', 'id'), always('service', 'id')],
  ['entryUSN', 'integer', ...onAll('usn')],
  ['createTimestamp', 'time', ...onAll('createdAtMs')],
  ['modifyTimestamp', 'time', ...onAll('modifiedAtMs')],
]

function always(kind: EntryKind, field: Field): IndexedField {
  return { kind, field, isAlways: true }
}

function some(kind: EntryKind, field: Field): IndexedField {
  return { kind, field, isAlways: false }
}

function onAll(field: Field): IndexedField[] {
  return [always('person', field), always('group', field), always('service', field)]
}

const BY_TYPE: ReadonlyMap<AttributeType, IndexedAttribute> = new Map(
  ROWS.map(([name, form, ...fields]) => [readAttributeType(name), { form, fields }]),
)

/** Null when no index of the read model holds the attribute. */
export function findIndexed(type: AttributeType): IndexedAttribute | null {
  return BY_TYPE.get(type) ?? null
}
