import { Ajv, type Options } from 'ajv'
import type { FastifySchema, FastifySchemaCompiler } from 'fastify'

const common: Options = { useDefaults: true, allErrors: true, addUsedSchema: false }

/**
 * Checks requests against the schemas of their routes. What stands in an address is text and is read
 * as what the schema asks for; a body says itself what is a number and what is null.
 */
export function makeValidatorCompiler(): FastifySchemaCompiler<FastifySchema> {
  const body = new Ajv(common)
  const address = new Ajv({ ...common, coerceTypes: 'array' })
  return ({ schema, httpPart }) => (httpPart === 'body' ? body : address).compile(schema)
}
