import type {
  GroupValues,
  MemberChange,
  MemberType,
  PersonValues,
  SourceGone,
  SourceGroup,
  SourceItem,
  SourcePerson,
} from '../source.ts'
import { isObject, nonsense } from './graph.ts'

/** Longer than any limit Microsoft states for the properties we read. */
const MAX_TEXT = 1_024
/** More than Microsoft sells to one person. */
const MAX_LICENCES = 200

/** Graph's names for ours, where a plain text is copied. */
const PERSON_TEXTS = {
  displayName: 'displayName',
  givenName: 'givenName',
  surname: 'surname',
  mail: 'mail',
  userPrincipalName: 'userPrincipalName',
  jobTitle: 'jobTitle',
  department: 'department',
  companyName: 'companyName',
  officeLocation: 'officeLocation',
  employeeId: 'employeeId',
  employeeType: 'employeeType',
  mobilePhone: 'mobilePhone',
  streetAddress: 'streetAddress',
  city: 'city',
  region: 'state',
  postalCode: 'postalCode',
  country: 'country',
  preferredLanguage: 'preferredLanguage',
  createdAt: 'createdDateTime',
} as const satisfies Partial<Record<keyof PersonValues, string>>

/** What is asked of `/users/delta`; another list needs another token. */
export const USER_SELECT: readonly string[] = [
  'id',
  ...Object.values(PERSON_TEXTS),
  'businessPhones',
  'accountEnabled',
  'userType',
  'onPremisesSyncEnabled',
  'assignedLicenses',
  'manager',
]

/** Graph's names for ours, of what says who may change the members of a group. */
const GROUP_FLAGS = {
  isMailEnabled: 'mailEnabled',
  isSyncedFromOnPremises: 'onPremisesSyncEnabled',
  isRoleAssignable: 'isAssignableToRole',
} as const satisfies Partial<Record<keyof GroupValues, string>>

export const GROUP_SELECT: readonly string[] = [
  'id',
  'displayName',
  'description',
  'mail',
  'createdDateTime',
  'groupTypes',
  ...Object.values(GROUP_FLAGS),
  'members',
]

type Entity = Readonly<Record<string, unknown>>

/** @throws {SourceError} `SOURCE_NONSENSE` for an object without an id or with a value of another type */
export function toPersonItem(value: unknown): SourceItem {
  const { entity, id } = readEntity(value)
  return readGone(entity, id) ?? toPerson(entity, id)
}

/** @throws {SourceError} `SOURCE_NONSENSE` */
export function toGroupItem(value: unknown): SourceItem {
  const { entity, id } = readEntity(value)
  return readGone(entity, id) ?? toGroup(entity, id)
}

function readEntity(value: unknown): { readonly entity: Entity; readonly id: string } {
  if (!isObject(value)) throw nonsense('an object of another shape')
  const id = value['id']
  if (typeof id !== 'string' || id === '' || id.length > 128) throw nonsense('an object without id')
  return { entity: value, id }
}

function readGone(entity: Entity, externalId: string): SourceGone | null {
  return entity['@removed'] === undefined ? null : { kind: 'gone', externalId }
}

function toPerson(entity: Entity, externalId: string): SourcePerson {
  const values: Record<string, unknown> = {}
  for (const [ours, theirs] of Object.entries(PERSON_TEXTS)) {
    if (theirs in entity) values[ours] = readText(entity[theirs], theirs)
  }
  if ('businessPhones' in entity) values['businessPhone'] = readFirst(entity['businessPhones'])
  if ('accountEnabled' in entity) values['isEnabled'] = readFlag(entity, 'accountEnabled')
  if ('onPremisesSyncEnabled' in entity) {
    values['isSyncedFromOnPremises'] = readFlag(entity, 'onPremisesSyncEnabled')
  }
  if ('assignedLicenses' in entity) {
    const licences = readLicences(entity['assignedLicenses'])
    values['isLicensed'] = licences.length > 0
    values['licences'] = licences
  }
  const isGuest = readGuest(entity)
  if (isGuest !== null) values['isGuest'] = isGuest
  if ('manager@delta' in entity) values['managerExternalId'] = readManager(entity['manager@delta'])
  return { kind: 'person', externalId, values: values as PersonValues }
}

/** Accounts from before 2014 have no userType: then a guest is known by its UPN. */
function readGuest(entity: Entity): boolean | null {
  const { userType, userPrincipalName } = entity as Record<string, unknown>
  if (typeof userType === 'string') return userType.toLowerCase() === 'guest'
  if (typeof userPrincipalName === 'string') return /#EXT#@/i.test(userPrincipalName)
  return null
}

function toGroup(entity: Entity, externalId: string): SourceGroup {
  const values: Record<string, unknown> = {}
  for (const name of ['displayName', 'description', 'mail']) {
    if (name in entity) values[name] = readText(entity[name], name)
  }
  if ('createdDateTime' in entity)
    values['createdAt'] = readText(entity['createdDateTime'], 'createdDateTime')
  for (const [ours, theirs] of Object.entries(GROUP_FLAGS)) {
    if (theirs in entity) values[ours] = readFlag(entity, theirs)
  }
  if ('groupTypes' in entity) {
    const types = entity['groupTypes'] === null ? [] : readList(entity['groupTypes'])
    values['isDynamic'] = types.includes('DynamicMembership')
    values['isUnified'] = types.includes('Unified')
  }
  const members = entity['members@delta']
  return {
    kind: 'group',
    externalId,
    values: values as GroupValues,
    members: members === undefined ? [] : readList(members).map(toMember),
  }
}

function toMember(value: unknown): MemberChange {
  const { entity, id } = readEntity(value)
  return {
    externalId: id,
    type: memberType(entity['@odata.type']),
    // Whatever the reason it gives, it is not a member.
    isMember: !('@removed' in entity),
  }
}

function memberType(odataType: unknown): MemberType {
  if (odataType === '#microsoft.graph.user') return 'person'
  return odataType === '#microsoft.graph.group' ? 'group' : 'other'
}

/** A list of one, or of a former and a present one. */
function readManager(value: unknown): string | null {
  const present = readList(value)
    .map(readEntity)
    .find(({ entity }) => !('@removed' in entity))
  return present?.id ?? null
}

function readList(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw nonsense('a list of another shape')
  return value
}

/** Ids of what was bought, in lower case and in order, so that only a change is one. */
function readLicences(value: unknown): readonly string[] {
  if (value === null) return []
  const ids = readList(value)
    .map((one) => (isObject(one) ? readText(one['skuId'] ?? null, 'skuId') : null))
    .filter((id) => id !== null)
  const unique = [...new Set(ids.map((id) => id.toLowerCase()))]
  return unique.toSorted((a, b) => (a < b ? -1 : 1)).slice(0, MAX_LICENCES)
}

function readFirst(value: unknown): string | null {
  if (value === null) return null
  const [first = null] = readList(value)
  return readText(first, 'businessPhones')
}

function readFlag(entity: Entity, name: string): boolean | null {
  const value = entity[name]
  if (value === null || typeof value === 'boolean') return value
  throw nonsense(`a ${name} that is neither true nor false`)
}

/** Absent is null, never ''. What no database or directory can hold is taken out. */
function readText(value: unknown, name: string): string | null {
  if (value === null) return null
  if (typeof value !== 'string') throw nonsense(`a ${name} that is no text`)
  const clean = isClean(value) ? value : Buffer.from(value.replaceAll('\u0000', '')).toString()
  const cut = clean.length > MAX_TEXT ? clean.slice(0, MAX_TEXT) : clean
  return cut.trim() === '' ? null : cut
}

/** Neither NUL nor half of a surrogate pair. */
function isClean(text: string): boolean {
  return !text.includes('\u0000') && !/[\ud800-\udfff]/.test(text)
}
