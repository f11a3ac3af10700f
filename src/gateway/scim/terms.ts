import {
  ENTERPRISE_USER_SCHEMA,
  GROUP_SCHEMA,
  type Json,
  type ResourceTypeName,
  USER_SCHEMA,
} from '../../../protocols/scim/index.ts'
import type { Condition, Relation, TextField, TimeField } from '../../directory/ports/listing.ts'

/** What a SCIM attribute with one value is in the directory. */
export type Term =
  | { readonly kind: 'text'; readonly field: TextField }
  | { readonly kind: 'time'; readonly field: TimeField }
  /** `active`: true for whoever has no hold. */
  | { readonly kind: 'active' }
  | { readonly kind: 'constant'; readonly value: Json }
  /** A field of whoever stands in a relation. */
  | { readonly kind: 'related'; readonly relation: Relation; readonly field: TextField }
  /** It is there under a condition, but can't be searched: a location, a version. */
  | { readonly kind: 'opaque'; readonly exists: Condition }

/**
 * What a multi-valued attribute is in the directory: fields that are shown as if they were values of
 * a list, each there under a condition, or those who stand in a relation.
 */
export type Slot = ({ readonly exists: Condition } | { readonly relation: Relation }) & {
  readonly parts: Readonly<Record<string, Term>>
}

/** The attributes of a resource type that are ever assigned, by `Attribute.key`. */
export interface Terms {
  readonly single: Readonly<Record<string, Term>>
  readonly multiple: Readonly<Record<string, readonly Slot[]>>
}

const text = (field: TextField): Term => ({ kind: 'text', field })
const time = (field: TimeField): Term => ({ kind: 'time', field })
const constant = (value: Json): Term => ({ kind: 'constant', value })
const always: Condition = { op: 'always' }
const opaque: Term = { kind: 'opaque', exists: always }
const present = (field: TextField): Condition => ({ op: 'present', field })

/** A list's value that is one field of a person. */
function oneValue(field: TextField, more: Readonly<Record<string, Term>>): Slot {
  return { exists: present(field), parts: { value: text(field), ...more } }
}

function common(type: ResourceTypeName): Readonly<Record<string, Term>> {
  return {
    id: text('id'),
    externalId: text('externalId'),
    displayName: text('displayName'),
    'meta.resourceType': constant(type),
    'meta.created': time('createdAt'),
    'meta.lastModified': time('changedAt'),
    'meta.location': opaque,
    'meta.version': opaque,
  }
}

const enterprise = (name: string) => `${ENTERPRISE_USER_SCHEMA}:${name}`

const manager = (field: TextField): Term => ({ kind: 'related', relation: 'manager', field })

const hasManager: Condition = { op: 'related', relation: 'manager', where: always }

/** Whether the enterprise extension has anything to say of a person. */
const isEmployed: Condition = {
  op: 'any',
  of: [present('employeeId'), present('companyName'), present('department'), hasManager],
}

const addressFields = {
  streetAddress: text('streetAddress'),
  locality: text('city'),
  region: text('region'),
  postalCode: text('postalCode'),
  country: text('country'),
}

const hasAddress: Condition = {
  op: 'any',
  of: (['streetAddress', 'city', 'region', 'postalCode', 'country'] as const).map(present),
}

const userTerms: Terms = {
  single: {
    ...common('User'),
    userName: text('username'),
    'name.formatted': text('displayName'),
    'name.familyName': text('surname'),
    'name.givenName': text('givenName'),
    title: text('jobTitle'),
    userType: text('employeeType'),
    preferredLanguage: text('preferredLanguage'),
    active: { kind: 'active' },
    [enterprise('employeeNumber')]: text('employeeId'),
    [enterprise('organization')]: text('companyName'),
    [enterprise('department')]: text('department'),
    [enterprise('manager.value')]: manager('id'),
    [enterprise('manager.displayName')]: manager('displayName'),
    [enterprise('manager.$ref')]: { kind: 'opaque', exists: hasManager },
  },
  multiple: {
    schemas: [
      { exists: always, parts: { value: constant(USER_SCHEMA) } },
      { exists: isEmployed, parts: { value: constant(ENTERPRISE_USER_SCHEMA) } },
    ],
    emails: [oneValue('mail', { type: constant('work'), primary: constant(true) })],
    phoneNumbers: [
      oneValue('businessPhone', { type: constant('work') }),
      oneValue('mobilePhone', { type: constant('mobile') }),
    ],
    addresses: [{ exists: hasAddress, parts: { ...addressFields, type: constant('work') } }],
    groups: [
      {
        relation: 'groups',
        parts: {
          value: text('id'),
          display: text('displayName'),
          type: constant('direct'),
          $ref: opaque,
        },
      },
    ],
  },
}

function memberSlot(relation: Relation, type: ResourceTypeName): Slot {
  return {
    relation,
    parts: {
      value: text('id'),
      display: text('displayName'),
      type: constant(type),
      $ref: opaque,
    },
  }
}

const groupTerms: Terms = {
  single: common('Group'),
  multiple: {
    schemas: [{ exists: always, parts: { value: constant(GROUP_SCHEMA) } }],
    members: [memberSlot('memberPeople', 'User'), memberSlot('memberGroups', 'Group')],
  },
}

/** All else of the schemas is never assigned here. */
export const termsOf: Readonly<Record<ResourceTypeName, Terms>> = {
  User: userTerms,
  Group: groupTerms,
}
