import { type AttributeDefinition, complex, dateTime, reference, text } from './attribute.ts'

const readOnly = { mutability: 'readOnly' } as const

/** What every resource has beside its schema's attributes (RFC 7643 §3 and §3.1). */
export const commonAttributes: readonly AttributeDefinition[] = [
  reference('schemas', 'The schemas whose attributes the resource has.', {
    referenceTypes: ['uri'],
    multiValued: true,
    required: true,
    returned: 'always',
  }),
  text('id', 'Identifier given by this service; never changes and is never used again.', {
    ...readOnly,
    caseExact: true,
    returned: 'always',
    uniqueness: 'server',
  }),
  text('externalId', 'Identifier given by the client.', { caseExact: true }),
  complex('meta', 'Facts about the resource, kept by this service.', {
    ...readOnly,
    subAttributes: [
      text('resourceType', 'Name of the resource type.', { ...readOnly, caseExact: true }),
      dateTime('created', 'When the resource was added.', readOnly),
      dateTime('lastModified', 'When the resource was last changed.', readOnly),
      reference('location', 'Where the resource can be read.', {
        ...readOnly,
        referenceTypes: ['uri'],
      }),
      text('version', 'Entity tag of the resource.', { ...readOnly, caseExact: true }),
    ],
  }),
]
