import { SeededRandom } from '../random.ts'
import { DEFAULT_DOMAIN, INITIAL_DOMAIN, MERGED_DOMAIN, NAMED_PEOPLE } from './contoso.ts'
import { type AssignedLicense, ownStates, SKU_E3, SKU_F3 } from './licences.ts'
import {
  asciiOf,
  DEPARTMENTS,
  type Department,
  GIVEN_NAMES,
  type Name,
  OFFICES,
  SURNAMES,
  spelling,
} from './names.ts'
import type { Properties } from './record.ts'
import type { Tenant } from './tenant.ts'

const NO_LICENCE: readonly AssignedLicense[] = []
const E3: readonly AssignedLicense[] = [{ disabledPlans: [], skuId: SKU_E3 }]
const F3: readonly AssignedLicense[] = [{ disabledPlans: [], skuId: SKU_F3 }]
const STATES = new Map([E3, F3].map((licences) => [licences, ownStates(licences)]))
const NONE: readonly never[] = []
const FOUNDED_MS = Date.UTC(2019, 0, 7, 8)
const DAY_MS = 86_400_000
/** How many people report to one manager, about. */
const SPAN = 8
const WEIGHTED: readonly Department[] = DEPARTMENTS.flatMap((department) =>
  Array.from({ length: department.weight }, () => department),
)

interface Draft {
  readonly given: Name
  readonly surname: Name
  readonly jobTitle: string
  readonly department: string
}

/** Every nth generated person has a trait, so that a small tenant shows each of them too. */
const EVERY = {
  guest: { nth: 33, at: 2 },
  disabled: { nth: 25, at: 4 },
  namesake: { nth: 29, at: 6 },
  synced: { nth: 3, at: 1 },
  merged: { nth: 17, at: 3 },
  withoutMail: { nth: 23, at: 8 },
} as const

/** @param index among the generated people; null for a named one, who has no trait */
function has(trait: keyof typeof EVERY, index: number | null): boolean {
  return index !== null && index % EVERY[trait].nth === EVERY[trait].at
}

/**
 * Founds the tenant's people: the named ones first, the rest from the seed.
 *
 * @param count how many in all, guests and disabled accounts included
 */
export function generatePeople(tenant: Tenant, options: { seed: string; count: number }): void {
  const random = new SeededRandom(`people ${options.seed}`)
  const localParts = new Map<string, number>()
  const heads = new Map<string, string[]>()
  const ids = Array.from({ length: options.count }, () => random.uuid())
  let previous: Draft | null = null
  for (const [no, id] of ids.entries()) {
    const named = NAMED_PEOPLE[no]
    const index = named === undefined ? no - NAMED_PEOPLE.length : null
    const draft: Draft = named ?? draftPerson(random, has('namesake', index) ? previous : null)
    previous = draft
    const local = uniqueLocal(localParts, `${asciiOf(draft.given)}.${asciiOf(draft.surname)}`)
    if (has('guest', index)) {
      tenant.create('user', guestProperties(draft, local), { id })
      continue
    }
    const properties = memberProperties(random, draft, { no, local, index })
    const namedManager = named?.manager == null ? null : (ids[named.manager] ?? null)
    const managerId = index === null ? namedManager : managerOf(heads, draft, random)
    tenant.create('user', properties, { id, managerId })
    enlist(heads, draft.department, id)
  }
}

/** People who head others: the first of each department, then everybody at a fixed span. */
function enlist(heads: Map<string, string[]>, department: string, id: string): void {
  const known = heads.get(department) ?? []
  known.push(id)
  heads.set(department, known)
}

function managerOf(
  heads: Map<string, string[]>,
  draft: Draft,
  random: SeededRandom,
): string | null {
  const colleagues = heads.get(draft.department) ?? []
  if (colleagues.length === 0) return null
  const at = Math.max(0, Math.floor((colleagues.length - 1) / SPAN))
  return colleagues[Math.max(0, at - random.below(2))] ?? null
}

function draftPerson(random: SeededRandom, namesake: Draft | null): Draft {
  const department = random.pick(WEIGHTED)
  return {
    given: namesake?.given ?? random.pick(GIVEN_NAMES),
    surname: namesake?.surname ?? random.pick(SURNAMES),
    jobTitle: random.pick(department.titles),
    department: department.name,
  }
}

function uniqueLocal(taken: Map<string, number>, local: string): string {
  const count = (taken.get(local) ?? 0) + 1
  taken.set(local, count)
  return count === 1 ? local : `${local}${count}`
}

function nameProperties(draft: Draft): { displayName: string; given: string; surname: string } {
  const given = spelling(draft.given)
  const surname = spelling(draft.surname)
  return { displayName: `${given} ${surname}`, given, surname }
}

function memberProperties(
  random: SeededRandom,
  draft: Draft,
  traits: { no: number; local: string; index: number | null },
): Properties {
  const { no, local, index } = traits
  const { displayName, given, surname } = nameProperties(draft)
  const office = random.pick(OFFICES)
  const isMerged = has('merged', index)
  const isMailless = has('withoutMail', index)
  const hired = FOUNDED_MS + random.below(2_000) * DAY_MS
  const extension = 1000 + random.below(9000)
  const mail = `${local}@${isMerged ? MERGED_DOMAIN : DEFAULT_DOMAIN}`
  const licences = isMailless ? NO_LICENCE : random.chance(0.7) ? E3 : F3
  const properties: Record<string, unknown> = {
    accountEnabled: !has('disabled', index),
    assignedLicenses: licences,
    licenseAssignmentStates: STATES.get(licences) ?? NONE,
    businessPhones: random.chance(0.8) ? [`${office.dialling} ${extension}`] : NONE,
    city: office.city,
    companyName: isMerged ? 'Fabrikam' : 'Contoso',
    country: office.country,
    createdDateTime: new Date(hired - 7 * DAY_MS).toISOString(),
    department: draft.department,
    displayName,
    employeeHireDate: new Date(hired).toISOString(),
    employeeId: `E${String(100_001 + no)}`,
    givenName: given,
    jobTitle: draft.jobTitle,
    mailNickname: local,
    officeLocation: `${1 + random.below(40)}/${1000 + random.below(3000)}`,
    otherMails: NONE,
    postalCode: office.postalCode,
    preferredLanguage: office.language,
    proxyAddresses: isMailless ? NONE : [`SMTP:${mail}`, `smtp:${local}@${INITIAL_DOMAIN}`],
    streetAddress: office.street,
    surname,
    usageLocation: office.usageLocation,
    userPrincipalName: `${local}@${DEFAULT_DOMAIN}`,
    userType: 'Member',
  }
  if (!isMailless) properties['mail'] = mail
  if (office.state !== null) properties['state'] = office.state
  if (random.chance(0.6)) properties['mobilePhone'] = `${office.dialling} ${extension + 10_000}`
  if (has('synced', index)) addOnPremises(properties, { no, local, displayName })
  return properties
}

function addOnPremises(
  properties: Record<string, unknown>,
  who: { no: number; local: string; displayName: string },
): void {
  const sam = who.local.slice(0, 20)
  properties['onPremisesDistinguishedName'] =
    `CN=${who.displayName.replace(/([,\\+"<>;=#])/g, '\\$1')},OU=Staff,DC=corp,DC=contoso,DC=example`
  properties['onPremisesDomainName'] = 'corp.contoso.example'
  properties['onPremisesImmutableId'] = Buffer.from(
    `contoso-${String(who.no).padStart(8, '0')}`,
  ).toString('base64')
  properties['onPremisesLastSyncDateTime'] = '2025-01-15T04:00:00Z'
  properties['onPremisesSamAccountName'] = sam
  properties['onPremisesSecurityIdentifier'] =
    `S-1-5-21-1004336348-1177238915-682003330-${who.no + 1100}`
  properties['onPremisesSyncEnabled'] = true
  properties['onPremisesUserPrincipalName'] = `${sam}@corp.contoso.example`
}

function guestProperties(draft: Draft, local: string): Properties {
  const { displayName, given, surname } = nameProperties(draft)
  const mail = `${local}@partner.example`
  return {
    accountEnabled: true,
    assignedLicenses: NONE,
    businessPhones: NONE,
    companyName: 'Partner',
    createdDateTime: new Date(FOUNDED_MS).toISOString(),
    creationType: 'Invitation',
    displayName,
    externalUserState: 'Accepted',
    givenName: given,
    mail,
    mailNickname: `${mail.replace('@', '_')}#EXT#`,
    otherMails: [mail],
    proxyAddresses: [`SMTP:${mail}`],
    surname,
    userPrincipalName: `${mail.replace('@', '_')}#EXT#@${INITIAL_DOMAIN}`,
    userType: 'Guest',
  }
}
