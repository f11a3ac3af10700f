import { RESOURCE_TYPE_SCHEMA, SCHEMA_SCHEMA, SERVICE_PROVIDER_CONFIG_SCHEMA } from '../urns.ts'
import {
  type AttributeDefinition,
  complex,
  flag,
  integer,
  reference,
  type Schema,
  type Traits,
  text,
} from './attribute.ts'

const readOnly: Traits = { mutability: 'readOnly' }
const needed: Traits = { mutability: 'readOnly', required: true }

function feature(
  name: string,
  description: string,
  more: readonly AttributeDefinition[] = [],
): AttributeDefinition {
  return complex(name, description, {
    ...needed,
    subAttributes: [flag('supported', 'Whether it is supported.', needed), ...more],
  })
}

const externalUri = { ...readOnly, referenceTypes: ['external'] }

/** RFC 7643 §5; `pagination` is RFC 9865 §4. */
export const serviceProviderConfigSchema: Schema = {
  id: SERVICE_PROVIDER_CONFIG_SCHEMA,
  name: 'ServiceProviderConfig',
  description: 'What this service can do',
  attributes: [
    reference('documentationUri', 'Where the documentation is.', externalUri),
    feature('patch', 'PATCH.'),
    feature('bulk', 'Bulk operations.', [
      integer('maxOperations', 'The most operations in a request.', needed),
      integer('maxPayloadSize', 'The largest request, in bytes.', needed),
    ]),
    feature('filter', 'Filters.', [
      integer('maxResults', 'The most resources in an answer.', needed),
    ]),
    feature('changePassword', 'Changing a password.'),
    feature('sort', 'Sorting.'),
    feature('etag', 'Entity tags.'),
    complex('pagination', 'Ways to page through a list.', {
      ...readOnly,
      subAttributes: [
        flag('cursor', 'Whether pages can be asked for by cursor.', needed),
        flag('index', 'Whether pages can be asked for by index.', needed),
        text('defaultPaginationMethod', 'What is used when the request names none.', {
          ...readOnly,
          canonicalValues: ['cursor', 'index'],
        }),
        integer('defaultPageSize', 'Resources on a page when the request names none.', readOnly),
        integer('maxPageSize', 'The most resources on a page.', readOnly),
        integer('cursorTimeout', 'Seconds for which a cursor can be used.', readOnly),
      ],
    }),
    complex('authenticationSchemes', 'Ways to authenticate.', {
      ...needed,
      multiValued: true,
      returned: 'default',
      subAttributes: [
        text('type', 'The kind of scheme.', {
          ...needed,
          canonicalValues: ['oauth', 'oauth2', 'oauthbearertoken', 'httpbasic', 'httpdigest'],
        }),
        text('name', 'Its name.', needed),
        text('description', 'What it is.', needed),
        reference('specUri', 'Where it is specified.', externalUri),
        reference('documentationUri', 'Where its use is described.', externalUri),
        flag('primary', 'Whether it is the preferred one.', readOnly),
      ],
    }),
  ],
}

/** RFC 7643 §6. */
export const resourceTypeSchema: Schema = {
  id: RESOURCE_TYPE_SCHEMA,
  name: 'ResourceType',
  description: 'A kind of resource this service has',
  attributes: [
    text('name', 'Its name.', needed),
    text('description', 'What it is.', readOnly),
    reference('endpoint', 'Its path below the base URL.', { ...needed, referenceTypes: ['uri'] }),
    reference('schema', 'The URI of its schema.', {
      ...needed,
      caseExact: true,
      referenceTypes: ['uri'],
    }),
    complex('schemaExtensions', 'The extensions it can have.', {
      ...needed,
      required: false,
      multiValued: true,
      subAttributes: [
        reference('schema', 'The URI of the extension.', { ...needed, referenceTypes: ['uri'] }),
        flag('required', 'Whether each resource must have it.', needed),
      ],
    }),
  ],
}

const characteristics: readonly AttributeDefinition[] = [
  text('name', 'Its name.', { ...needed, caseExact: true }),
  text('type', 'The type of its values.', {
    ...needed,
    canonicalValues: [
      'string',
      'complex',
      'boolean',
      'decimal',
      'integer',
      'dateTime',
      'reference',
      'binary',
    ],
  }),
  flag('multiValued', 'Whether it can have several values.', needed),
  text('description', 'What it is.', readOnly),
  flag('required', 'Whether it must be there.', needed),
  text('canonicalValues', 'Values with a known meaning.', {
    ...readOnly,
    multiValued: true,
    caseExact: true,
  }),
  flag('caseExact', 'Whether upper and lower case differ.', readOnly),
  text('mutability', 'When it can be written.', {
    ...readOnly,
    caseExact: true,
    canonicalValues: ['readOnly', 'readWrite', 'immutable', 'writeOnly'],
  }),
  text('returned', 'When it is part of an answer.', {
    ...readOnly,
    caseExact: true,
    canonicalValues: ['always', 'never', 'default', 'request'],
  }),
  text('uniqueness', 'Among what its values are unique.', {
    ...readOnly,
    caseExact: true,
    canonicalValues: ['none', 'server', 'global'],
  }),
  text('referenceTypes', 'What a reference can point at.', {
    ...readOnly,
    multiValued: true,
    caseExact: true,
  }),
]

/** RFC 7643 §7. */
export const schemaSchema: Schema = {
  id: SCHEMA_SCHEMA,
  name: 'Schema',
  description: 'The attributes of a kind of resource',
  attributes: [
    text('name', 'Its name.', readOnly),
    text('description', 'What it is for.', readOnly),
    complex('attributes', 'Its attributes.', {
      ...needed,
      multiValued: true,
      subAttributes: [
        ...characteristics,
        complex('subAttributes', 'The parts of a complex attribute.', {
          ...readOnly,
          multiValued: true,
          subAttributes: characteristics,
        }),
      ],
    }),
  ],
}
