import { formatGeneralizedTime } from '../../../../protocols/ldap/index.ts'
import { canSignIn } from '../../../directory/hold.ts'
import type { Person } from '../../../directory/person.ts'
import type { Entry } from '../../../directory/query.ts'
import { takesPart } from '../viewer.ts'
import {
  classes,
  commonAttributes,
  encodeElements,
  fixed,
  live,
  type Shape,
  type ShapeContext,
} from './shape.ts'

const OBJECT_CLASSES = classes('inetOrgPerson', 'posixAccount', 'shadowAccount', 'ldapPublicKey')
/** shadow(5) counts days since 1970; the second day is long past, which is what is meant. */
const EXPIRED_DAY = 1
/** What passwd(5) can't hold in its gecos field, and all that is no ASCII. */
const NOT_GECOS = /[^ -~]|[:,=]/g
const MARKS = /\p{M}/gu

/** inetOrgPerson, posixAccount, shadowAccount, ldapPublicKey; held people as ARCHITECTURE §6 says. */
export const personShape: Shape<Person> = {
  kind: 'person',
  objectClasses: OBJECT_CLASSES,
  attributes: [
    fixed('objectClass', () => OBJECT_CLASSES),
    fixed('uid', ({ username }) => username),
    fixed('cn', ({ displayName }) => displayName),
    fixed('sn', ({ surname, displayName }) => surname ?? displayName),
    fixed('givenName', ({ givenName }) => givenName),
    fixed('displayName', ({ displayName }) => displayName),
    fixed('mail', ({ mail }) => mail),
    fixed('uidNumber', ({ uidNumber }) => uidNumber),
    fixed('gidNumber', ({ gidNumber }) => gidNumber),
    fixed('homeDirectory', ({ homeDirectory }) => homeDirectory),
    fixed('loginShell', ({ loginShell }) => loginShell),
    fixed('gecos', ({ displayName }) => gecosOf(displayName)),
    fixed('sshPublicKey', (person) => (canSignIn(person) ? person.sshPublicKeys : null)),
    fixed('shadowExpire', (person) => (canSignIn(person) ? null : EXPIRED_DAY)),
    fixed('title', ({ jobTitle }) => jobTitle),
    fixed('departmentNumber', ({ department }) => department),
    fixed('o', ({ companyName }) => companyName),
    fixed('physicalDeliveryOfficeName', ({ officeLocation }) => officeLocation),
    fixed('employeeNumber', ({ employeeId }) => employeeId),
    fixed('employeeType', ({ employeeType }) => employeeType),
    fixed('telephoneNumber', ({ businessPhone }) => businessPhone),
    fixed('mobile', ({ mobilePhone }) => mobilePhone),
    fixed('street', ({ streetAddress }) => streetAddress),
    fixed('l', ({ city }) => city),
    fixed('st', ({ region }) => region),
    fixed('postalCode', ({ postalCode }) => postalCode),
    fixed('preferredLanguage', ({ preferredLanguage }) => preferredLanguage),
    live('manager', managerOf),
    live(
      'memberOf',
      (entry, context) => groupsOf(entry, context).map(context.tree.dnOf, context.tree),
      { encode: encodeMemberOf, isPresent: hasVisibleGroup },
    ),
    fixed('nsAccountLock', (person) => (canSignIn(person) ? null : 'TRUE')),
    fixed('pwdAccountLockedTime', lockedTimeOf),
    ...commonAttributes<Person>('inetOrgPerson'),
  ],
}

function managerOf(entry: Entry<Person>, { directory, tree, viewer }: ShapeContext): string | null {
  const { managerId } = entry.value
  const manager = managerId === null ? null : directory.entryById(managerId)
  return manager === null || !viewer.names(manager) ? null : tree.dnOf(manager.value)
}

/** Groups she takes part in, nested ones included, as far as the viewer may know of them. */
function* eachVisibleGroup(
  entry: Entry,
  { directory, viewer }: ShapeContext,
): Generator<Entry, void, void> {
  if (!takesPart(entry)) return
  for (const no of directory.allGroups(entry.no)) {
    const group = directory.entry(no)
    if (group !== null && viewer.names(group)) yield group
  }
}

export function visibleGroups(entry: Entry, context: ShapeContext): Entry[] {
  return [...eachVisibleGroup(entry, context)]
}

export function hasVisibleGroup(entry: Entry, context: ShapeContext): boolean {
  return !eachVisibleGroup(entry, context).next().done
}

function groupsOf(entry: Entry, context: ShapeContext) {
  return visibleGroups(entry, context).map(({ value }) => value)
}

export function encodeMemberOf(entry: Entry, context: ShapeContext): Buffer | null {
  const groups = visibleGroups(entry, context)
  if (groups.length === 0) return null
  return encodeElements(
    'memberOf',
    groups.map((group) => context.names.elementOf(group)),
  )
}

function lockedTimeOf(person: Person): string | null {
  if (person.holds.length === 0) return null
  return formatGeneralizedTime(Math.min(...person.holds.map(({ sinceMs }) => sinceMs)))
}

function gecosOf(displayName: string): string {
  const plain = displayName.normalize('NFKD').replace(MARKS, '')
  return plain.replace(NOT_GECOS, '?')
}
