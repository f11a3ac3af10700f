import type { EntryValue, Field } from './query.ts'

/** Fields that hold a number; all others are text. */
export type NumberField = 'uidNumber' | 'gidNumber' | 'usn' | 'createdAtMs' | 'modifiedAtMs'
export type TextField = Exclude<Field, NumberField>

/** What an entry's own value says, which leaves out the two numbers that memberships move too. */
export type OwnNumberField = Exclude<NumberField, 'usn' | 'modifiedAtMs'>

export const textFields = [
  'id',
  'name',
  'loginName',
  'displayName',
  'givenName',
  'surname',
  'mail',
  'userPrincipalName',
  'jobTitle',
  'department',
  'companyName',
  'officeLocation',
  'employeeId',
  'employeeType',
  'mobilePhone',
  'businessPhone',
  'description',
  'managerId',
] as const satisfies readonly TextField[]

export function isNumberField(field: Field): field is NumberField {
  switch (field) {
    case 'uidNumber':
    case 'gidNumber':
    case 'usn':
    case 'createdAtMs':
    case 'modifiedAtMs':
      return true
    default:
      return false
  }
}

/** The text as it stands, not folded; null when absent, undefined when the kind has no such field. */
export function textOf(
  value: EntryValue,
  field: Exclude<TextField, 'loginName'>,
): string | null | undefined {
  if (field === 'id') return value.id
  switch (value.kind) {
    case 'person':
      return field === 'name' ? value.username : field === 'description' ? undefined : value[field]
    case 'group':
      return groupText(value, field)
    case 'service':
      return field === 'name' ? value.name : undefined
  }
}

function groupText(
  value: EntryValue & { kind: 'group' },
  field: TextField,
): string | null | undefined {
  switch (field) {
    case 'name':
    case 'displayName':
    case 'description':
    case 'mail':
      return value[field]
    default:
      return undefined
  }
}

export function numberOf(value: EntryValue, field: OwnNumberField): number | undefined {
  switch (field) {
    case 'createdAtMs':
      return value.createdAtMs
    case 'uidNumber':
      return value.kind === 'person' ? value.uidNumber : undefined
    case 'gidNumber':
      return value.kind === 'service' ? undefined : value.gidNumber
  }
}
