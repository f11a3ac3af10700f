import { ScimError } from '../errors.ts'
import type { Json, JsonObject } from '../json.ts'
import { makeListResponse, makeResponse } from '../message.ts'
import type { Schema } from '../schema/attribute.ts'
import { type ResourceType, resourceTypes, schemas } from '../schema/resource-type.ts'
import type { ServiceSettings } from '../settings.ts'
import { RESOURCE_TYPE_SCHEMA, SCHEMA_SCHEMA, SERVICE_PROVIDER_CONFIG_SCHEMA } from '../urns.ts'
import type { Call, Operation } from './call.ts'

/** RFC 7644 §4. What is written here is what is served: nothing is announced that isn't there. */
export const readServiceProviderConfig: Operation = (call) => {
  refuseFilter(call)
  return makeResponse(200, describeService(call))
}

export const listResourceTypes: Operation = (call) => {
  refuseFilter(call)
  return listWhole(resourceTypes.map((type) => describeType(type, call)))
}

export const readResourceType: Operation = (call) => {
  const type = resourceTypes.find(({ name }) => name === call.id)
  if (type === undefined) throw new ScimError('SCIM_NOT_FOUND', 'there is no such resource type')
  return makeResponse(200, describeType(type, call))
}

export const listSchemas: Operation = (call) => {
  refuseFilter(call)
  return listWhole(schemas.map((schema) => describeSchema(schema, call)))
}

export const readSchema: Operation = (call) => {
  const schema = schemas.find(({ id }) => id.toLowerCase() === call.id.toLowerCase())
  if (schema === undefined) throw new ScimError('SCIM_NOT_FOUND', 'there is no such schema')
  return makeResponse(200, describeSchema(schema, call))
}

/** RFC 7644 §4: sorting, paging and selection are ignored, a filter is refused. */
function refuseFilter({ params }: Call): void {
  if (params.has('filter')) {
    throw new ScimError('SCIM_FORBIDDEN', "what describes the service can't be filtered")
  }
}

function listWhole(resources: readonly Json[]) {
  return makeListResponse({ totalResults: resources.length, startIndex: 1, resources })
}

function describeService({ settings, request }: Call): JsonObject {
  const documentation =
    settings.documentationUri === null ? {} : { documentationUri: settings.documentationUri }
  return {
    schemas: [SERVICE_PROVIDER_CONFIG_SCHEMA],
    ...documentation,
    patch: { supported: false },
    bulk: { supported: false, maxOperations: 0, maxPayloadSize: 0 },
    filter: { supported: true, maxResults: settings.maxPageSize },
    changePassword: { supported: false },
    sort: { supported: true },
    etag: { supported: true },
    pagination: describePagination(settings),
    authenticationSchemes: [
      {
        type: 'oauthbearertoken',
        name: 'Bearer token',
        description: 'A token an administrator makes for this connection',
        specUri: 'https://www.rfc-editor.org/rfc/rfc6750',
        primary: true,
      },
    ],
    meta: {
      resourceType: 'ServiceProviderConfig',
      location: `${request.baseUrl}/ServiceProviderConfig`,
    },
  }
}

/** RFC 9865 §4. */
function describePagination(settings: ServiceSettings): JsonObject {
  return {
    cursor: false,
    index: true,
    defaultPaginationMethod: 'index',
    defaultPageSize: settings.defaultPageSize,
    maxPageSize: settings.maxPageSize,
  }
}

function describeType(type: ResourceType, { request }: Call): JsonObject {
  return {
    schemas: [RESOURCE_TYPE_SCHEMA],
    id: type.name,
    name: type.name,
    description: type.description,
    endpoint: type.endpoint,
    schema: type.schema.id,
    schemaExtensions: type.extensions.map(({ id }) => ({ schema: id, required: false })),
    meta: {
      resourceType: 'ResourceType',
      location: `${request.baseUrl}/ResourceTypes/${type.name}`,
    },
  }
}

function describeSchema(schema: Schema, { request }: Call): JsonObject {
  return {
    schemas: [SCHEMA_SCHEMA],
    id: schema.id,
    name: schema.name,
    description: schema.description,
    attributes: schema.attributes.map(describeAttribute),
    meta: { resourceType: 'Schema', location: `${request.baseUrl}/Schemas/${schema.id}` },
  }
}

function describeAttribute(definition: Schema['attributes'][number]): JsonObject {
  const { subAttributes, ...rest } = definition
  return subAttributes === undefined
    ? rest
    : { ...rest, subAttributes: subAttributes.map(describeAttribute) }
}
