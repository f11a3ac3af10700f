import type { Schema } from './attribute.ts'
import { resourceTypeSchema, schemaSchema, serviceProviderConfigSchema } from './discovery.ts'
import { enterpriseUserSchema } from './enterprise-user.ts'
import { groupSchema } from './group.ts'
import { userSchema } from './user.ts'

/** Names of the resource types served here, as they stand in `meta.resourceType`. */
export type ResourceTypeName = 'User' | 'Group'

/** RFC 7643 §6. */
export interface ResourceType {
  readonly name: ResourceTypeName
  readonly description: string
  /** Path below the base URL, with its slash. */
  readonly endpoint: string
  readonly schema: Schema
  readonly extensions: readonly Schema[]
}

export const userType: ResourceType = {
  name: 'User',
  description: 'People',
  endpoint: '/Users',
  schema: userSchema,
  extensions: [enterpriseUserSchema],
}

export const groupType: ResourceType = {
  name: 'Group',
  description: 'Groups of people',
  endpoint: '/Groups',
  schema: groupSchema,
  extensions: [],
}

export const resourceTypes: readonly ResourceType[] = [userType, groupType]

/** Everything `/Schemas` lists. */
export const schemas: readonly Schema[] = [
  userSchema,
  enterpriseUserSchema,
  groupSchema,
  serviceProviderConfigSchema,
  resourceTypeSchema,
  schemaSchema,
]

/** The URIs with which an attribute's name can begin (RFC 7644 §3.10). */
export const schemaUris: readonly string[] = schemas.map((schema) => schema.id)
