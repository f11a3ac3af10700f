import { isUtf8 } from 'node:buffer'
import type { ExtensibleFilter, Filter, SubstringFilter } from './filter.ts'

const SIGNS = { equal: '=', greaterOrEqual: '>=', lessOrEqual: '<=', approx: '~=' } as const
const ESCAPED = /[\0()*\\]/g

/** Writes a filter's string form (RFC 4515 §3); the inverse of `parseFilter`. */
export function formatFilter(filter: Filter): string {
  switch (filter.kind) {
    case 'and':
      return `(&${filter.filters.map(formatFilter).join('')})`
    case 'or':
      return `(|${filter.filters.map(formatFilter).join('')})`
    case 'not':
      return `(!${formatFilter(filter.filter)})`
    case 'present':
      return `(${filter.attribute}=*)`
    case 'substrings':
      return `(${filter.attribute}=${formatSubstrings(filter)})`
    case 'extensible':
      return `(${formatExtensible(filter)}:=${escapeFilterValue(filter.value)})`
    default:
      return `(${filter.attribute}${SIGNS[filter.kind]}${escapeFilterValue(filter.value)})`
  }
}

function formatSubstrings(filter: SubstringFilter): string {
  const pieces = [filter.initial, ...filter.any, filter.final]
  return pieces.map((piece) => (piece === null ? '' : escapeFilterValue(piece))).join('*')
}

function formatExtensible(filter: ExtensibleFilter): string {
  const dn = filter.isDnMatched ? ':dn' : ''
  const rule = filter.rule === null ? '' : `:${filter.rule}`
  return `${filter.attribute ?? ''}${dn}${rule}`
}

/** Escapes an assertion value for use in a filter; bytes that are no UTF-8 are all escaped. */
export function escapeFilterValue(value: Buffer): string {
  if (!isUtf8(value)) return value.toString('hex').replace(/../g, '\\$&')
  return value.toString().replace(ESCAPED, (character) => {
    return `\\${character.charCodeAt(0).toString(16).padStart(2, '0')}`
  })
}
