import { type AttributePath, findSchemaUri, parseAttributePath } from './attribute-path.ts'
import { ScimError } from './errors.ts'
import type { Filter } from './filter/ast.ts'
import { type FilterOptions, MAX_FILTER_LENGTH, parseFilter } from './filter/parse.ts'

/** What a PATCH operation changes (RFC 7644 §3.5.2, figure 7). */
export type PatchPath =
  | { readonly kind: 'attribute'; readonly path: AttributePath }
  /** The values of a multi-valued attribute that match, or one part of each. */
  | {
      readonly kind: 'values'
      readonly path: AttributePath
      readonly filter: Filter
      readonly sub: string | null
    }
  /** A schema's URI alone: all attributes of the extension. */
  | { readonly kind: 'extension'; readonly schema: string }

const afterBracket = /^(?:\.(\$?[A-Za-z][\w-]*))?$/

/** @throws {ScimError} `SCIM_INVALID_PATH`, also for a filter in it that is no filter */
export function parsePatchPath(text: string, options: FilterOptions = {}): PatchPath {
  if (text.length > MAX_FILTER_LENGTH) throw refuse('too long')
  const schema = findSchemaUri(text)
  if (schema !== null) return { kind: 'extension', schema }
  const opening = text.indexOf('[')
  if (opening === -1) {
    const path = parseAttributePath(text)
    if (path === null) throw refuse('not an attribute')
    return { kind: 'attribute', path }
  }
  return parseValuePath(text, opening, options)
}

function parseValuePath(text: string, opening: number, options: FilterOptions): PatchPath {
  // No bracket can follow the last one: what comes after it is a name.
  const closing = text.lastIndexOf(']')
  const path = parseAttributePath(text.slice(0, opening))
  const after = afterBracket.exec(text.slice(closing + 1))
  if (closing < opening || path === null || path.sub !== null || after === null) {
    throw refuse('not a path')
  }
  return {
    kind: 'values',
    path,
    filter: parseInner(text.slice(opening + 1, closing), options),
    sub: after[1] ?? null,
  }
}

function parseInner(text: string, options: FilterOptions): Filter {
  let filter: Filter
  try {
    filter = parseFilter(text, options)
  } catch (error) {
    if (error instanceof ScimError) throw refuse(error.message)
    throw error
  }
  if (hasBrackets(filter)) throw refuse('a bracket inside brackets')
  return filter
}

function hasBrackets(filter: Filter): boolean {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return filter.operands.some(hasBrackets)
    case 'not':
      return hasBrackets(filter.operand)
    default:
      return filter.kind === 'valuePath'
  }
}

function refuse(why: string): ScimError {
  return new ScimError('SCIM_INVALID_PATH', `the path can not be used: ${why}`)
}
