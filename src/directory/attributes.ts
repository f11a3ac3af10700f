import type { PrincipalId } from './id.ts'
import type { PersonAttributes } from './person.ts'

/** What an admin may change of a person by itself, with the most characters; her username has a command of its own. */
export const EDITABLE = {
  userPrincipalName: 113,
  mail: 256,
  displayName: 256,
  givenName: 64,
  surname: 64,
  jobTitle: 128,
  department: 64,
  companyName: 64,
  officeLocation: 128,
  employeeId: 16,
  employeeType: 64,
  mobilePhone: 64,
  businessPhone: 64,
  streetAddress: 1_024,
  city: 128,
  region: 128,
  postalCode: 40,
  country: 128,
  preferredLanguage: 64,
} as const satisfies Partial<Record<keyof PersonAttributes, number>>

export type EditableAttribute = keyof typeof EDITABLE

export type Edits = { readonly [K in EditableAttribute]?: PersonAttributes[K] | null } & {
  /** Who manages her; null for nobody. */
  readonly managerId?: PrincipalId | null
}

/** What can be mastered here: all that is edited as a text, and who her manager is. */
export type MasteredName = EditableAttribute | 'manager'

export const EDITABLE_NAMES = Object.keys(EDITABLE) as readonly EditableAttribute[]

export const MASTERED_NAMES: readonly MasteredName[] = [...EDITABLE_NAMES, 'manager']

export function isMasteredName(name: string): name is MasteredName {
  return isEditable(name) || name === 'manager'
}

export function isEditable(name: string): name is EditableAttribute {
  return Object.hasOwn(EDITABLE, name)
}

const ADDRESSES: Readonly<Partial<Record<EditableAttribute, RegExp>>> = {
  // What Entra takes: ASCII without accents, 64 characters before the @.
  userPrincipalName: /^[A-Za-z0-9'.\-_!#^~]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+$/,
  mail: /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+$/,
}
/** Without them she would have no name to show, or none to sign in with. */
const REQUIRED: ReadonlySet<EditableAttribute> = new Set(['displayName', 'userPrincipalName'])

/** Attributes by which she is found at log-in as well. */
export function isLoginAddress(name: string): boolean {
  return Object.hasOwn(ADDRESSES, name)
}

/** Why a value cannot be taken; null when it can. Lengths are those of the narrowest target. */
export function faultOfEdit(name: EditableAttribute, value: string | null): string | null {
  if (value === null) return REQUIRED.has(name) ? `${name} cannot be cleared` : null
  if (value.trim() === '') return `${name} is empty: to clear it, give null`
  if (value !== value.trim()) return `${name} begins or ends with a space`
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\u0000-\u001f\u007f]/.test(value)) return `${name} holds a control character`
  if (/\p{Surrogate}/u.test(value)) return `${name} holds half a character`
  const most = EDITABLE[name]
  if (value.length > most) return `${name} has more than ${most} characters`
  const isAddress = ADDRESSES[name]?.test(value) ?? true
  return isAddress ? null : `${name} is not an address such as adele.vance@contoso.example`
}
