import { createHash } from 'node:crypto'
import {
  ENTERPRISE_USER_SCHEMA,
  formatEntityTag,
  GROUP_SCHEMA,
  isAssigned,
  type Json,
  type JsonObject,
  type Locate,
  type ResourceTypeName,
  USER_SCHEMA,
} from '../../../protocols/scim/index.ts'
import type {
  ListedGroup,
  ListedMember,
  ListedPerson,
  Named,
} from '../../directory/ports/listing.ts'

/** A person as a User (RFC 7643 §4.1). What `terms.ts` says of each attribute must agree with it. */
export function toUser(person: ListedPerson, locate: Locate): JsonObject {
  const enterprise = toEnterpriseUser(person, locate)
  const isEmployed = isAssigned(enterprise)
  const user = {
    schemas: isEmployed ? [USER_SCHEMA, ENTERPRISE_USER_SCHEMA] : [USER_SCHEMA],
    id: person.id,
    ...assigned({
      externalId: person.externalId,
      userName: person.username,
      name: assigned({
        formatted: person.displayName,
        familyName: person.surname,
        givenName: person.givenName,
      }),
      displayName: person.displayName,
      title: person.jobTitle,
      userType: person.employeeType,
      preferredLanguage: person.preferredLanguage,
      active: !person.isHeld,
      emails: toEmails(person),
      phoneNumbers: toPhoneNumbers(person),
      addresses: toAddresses(person),
      groups: person.groups?.map((group) => toGroupOf(group, locate)),
    }),
    ...(isEmployed ? { [ENTERPRISE_USER_SCHEMA]: enterprise } : {}),
  }
  return withMeta(user, {
    type: 'User',
    location: locate('User', person.id),
    createdAtMs: person.createdAtMs,
    changedAtMs: person.changedAtMs,
    version: String(person.version),
  })
}

/** A group as a Group (RFC 7643 §4.2). */
export function toGroup(group: ListedGroup, locate: Locate): JsonObject {
  const resource = {
    schemas: [GROUP_SCHEMA],
    id: group.id,
    ...assigned({
      externalId: group.externalId,
      displayName: group.displayName,
      members: group.members?.map((member) => toMember(member, locate)),
    }),
  }
  return withMeta(resource, {
    type: 'Group',
    location: locate('Group', group.id),
    createdAtMs: group.createdAtMs,
    changedAtMs: group.changedAtMs,
    version: `${group.version}.${group.membersVersion}`,
  })
}

function toEnterpriseUser(person: ListedPerson, locate: Locate): JsonObject {
  const { manager } = person
  return assigned({
    employeeNumber: person.employeeId,
    organization: person.companyName,
    department: person.department,
    manager:
      manager === null
        ? null
        : {
            value: manager.id,
            $ref: locate('User', manager.id),
            displayName: manager.displayName,
          },
  })
}

function toEmails({ mail }: ListedPerson): readonly Json[] {
  return mail === null ? [] : [{ value: mail, type: 'work', primary: true }]
}

function toPhoneNumbers({ businessPhone, mobilePhone }: ListedPerson): readonly Json[] {
  return [
    { value: businessPhone, type: 'work' },
    { value: mobilePhone, type: 'mobile' },
  ].filter(({ value }) => value !== null)
}

function toAddresses(person: ListedPerson): readonly Json[] {
  const address = assigned({
    streetAddress: person.streetAddress,
    locality: person.city,
    region: person.region,
    postalCode: person.postalCode,
    country: person.country,
  })
  return isAssigned(address) ? [{ ...address, type: 'work' }] : []
}

function toGroupOf(group: Named, locate: Locate): Json {
  return {
    value: group.id,
    $ref: locate('Group', group.id),
    display: group.displayName,
    type: 'direct',
  }
}

function toMember(member: ListedMember, locate: Locate): Json {
  const type: ResourceTypeName = member.kind === 'person' ? 'User' : 'Group'
  return { value: member.id, $ref: locate(type, member.id), display: member.displayName, type }
}

/** Without what is unassigned (RFC 7643 §2.5): some clients fail at nulls and empty lists. */
function assigned(attributes: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => isAssigned(value)))
}

interface Facts {
  readonly type: ResourceTypeName
  readonly location: string
  readonly createdAtMs: number
  readonly changedAtMs: number
  /** Of the row; what is joined to it changes without it. */
  readonly version: string
}

const DIGEST_CHARACTERS = 12

/**
 * The tag is the row's version, for a later `If-Match`, and a digest of all that is shown: a group
 * that is renamed changes what its members look like, and no version of theirs.
 */
function withMeta(resource: JsonObject, facts: Facts): JsonObject {
  const digest = createHash('sha256').update(JSON.stringify(resource)).digest('base64url')
  return {
    ...resource,
    meta: {
      resourceType: facts.type,
      created: new Date(facts.createdAtMs).toISOString(),
      lastModified: new Date(facts.changedAtMs).toISOString(),
      location: facts.location,
      version: formatEntityTag(`${facts.version}-${digest.slice(0, DIGEST_CHARACTERS)}`),
    },
  }
}
