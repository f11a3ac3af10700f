import { ScimError } from './errors.ts'
import type { FilterOptions } from './filter/parse.ts'
import { isJsonArray, isJsonObject, type Json } from './json.ts'
import { hasSchema } from './list-query.ts'
import { type PatchPath, parsePatchPath } from './patch-path.ts'
import { PATCH_OP } from './urns.ts'

/** Operations in one request. */
export const MAX_PATCH_OPERATIONS = 1_000

/** RFC 7644 §3.5.2. Without a path, `value` is an object whose members say what is changed. */
export interface PatchOperation {
  readonly op: 'add' | 'remove' | 'replace'
  readonly path: PatchPath | null
  /** Undefined when there is none, which `remove` may leave out. */
  readonly value: Json | undefined
}

/**
 * Reads a PatchOp message. `op` is taken in any case, since Entra writes `Add`.
 *
 * @throws {ScimError} `SCIM_INVALID_SYNTAX`, `SCIM_INVALID_PATH`, `SCIM_INVALID_VALUE`,
 *   `SCIM_NO_TARGET` for a `remove` without a path, `SCIM_TOO_MANY`
 */
export function parsePatchRequest(
  body: Json,
  options: FilterOptions = {},
): readonly PatchOperation[] {
  if (!isJsonObject(body) || !hasSchema(body, PATCH_OP)) {
    throw new ScimError('SCIM_INVALID_SYNTAX', `the body must be a ${PATCH_OP}`)
  }
  const operations = body['Operations']
  if (!isJsonArray(operations) || operations.length === 0) {
    throw new ScimError('SCIM_INVALID_SYNTAX', '"Operations" must be an array of operations')
  }
  if (operations.length > MAX_PATCH_OPERATIONS) {
    const why = `a request has ${MAX_PATCH_OPERATIONS} operations at most`
    throw new ScimError('SCIM_TOO_MANY', why)
  }
  return operations.map((operation) => parseOperation(operation, options))
}

function parseOperation(operation: Json, options: FilterOptions): PatchOperation {
  if (!isJsonObject(operation)) {
    throw new ScimError('SCIM_INVALID_SYNTAX', 'an operation must be an object')
  }
  const op = readOp(operation['op'])
  const path = readPath(operation['path'], options)
  const value = operation['value']
  if (op === 'remove') {
    if (path === null) throw new ScimError('SCIM_NO_TARGET', '"remove" needs a path')
  } else if (value === undefined) {
    throw new ScimError('SCIM_INVALID_VALUE', `"${op}" needs a value`)
  } else if (path === null && !isJsonObject(value)) {
    throw new ScimError('SCIM_INVALID_VALUE', `"${op}" without a path needs an object`)
  }
  return { op, path, value }
}

function readOp(value: Json | undefined): PatchOperation['op'] {
  const op = typeof value === 'string' ? value.toLowerCase() : ''
  if (op === 'add' || op === 'remove' || op === 'replace') return op
  throw new ScimError('SCIM_INVALID_SYNTAX', '"op" is "add", "remove" or "replace"')
}

function readPath(value: Json | undefined, options: FilterOptions): PatchPath | null {
  if (value === undefined || value === null || value === '') return null
  if (typeof value !== 'string') throw new ScimError('SCIM_INVALID_PATH', '"path" must be a string')
  return parsePatchPath(value, options)
}
