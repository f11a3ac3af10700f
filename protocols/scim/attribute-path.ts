import { schemaUris } from './schema/resource-type.ts'

/** RFC 7644 §3.10: `[urn:]name[.sub]`. Names keep the case they were written in. */
export interface AttributePath {
  /** A registered schema's URI, spelled as registered; null when the name stands alone. */
  readonly schema: string | null
  readonly name: string
  readonly sub: string | null
}

// ATTRNAME of RFC 7644 figure 1, and `$ref` (RFC 7643 §2.4), which that grammar forgot.
const names = /^(\$?[A-Za-z][\w-]*)(?:\.(\$?[A-Za-z][\w-]*))?$/

const longestFirst = schemaUris.toSorted((a, b) => b.length - a.length)

/**
 * Null when `text` is not a path, or its URI is not one of ours. A URI holds dots of its own
 * (`…:2.0:User:manager.value`), so registered ones are tried, and nothing is split before that.
 */
export function parseAttributePath(text: string): AttributePath | null {
  const schema = findSchemaPrefix(text)
  const match = names.exec(schema === null ? text : text.slice(schema.length + 1))
  if (match?.[1] === undefined) return null
  return { schema, name: match[1], sub: match[2] ?? null }
}

export function formatAttributePath(path: AttributePath): string {
  const prefix = path.schema === null ? '' : `${path.schema}:`
  return `${prefix}${path.name}${path.sub === null ? '' : `.${path.sub}`}`
}

/** The registered spelling of a schema's URI, compared without case; null when it isn't one. */
export function findSchemaUri(text: string): string | null {
  const lower = text.toLowerCase()
  return schemaUris.find((uri) => uri.toLowerCase() === lower) ?? null
}

function findSchemaPrefix(text: string): string | null {
  if (!text.includes(':')) return null
  const lower = text.toLowerCase()
  return longestFirst.find((uri) => lower.startsWith(`${uri.toLowerCase()}:`)) ?? null
}
