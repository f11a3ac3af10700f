import type { Dn, Rdn } from './dn.ts'

const ESCAPED = /["+,;<>\\]/g
const OUTER = /^[ #]|[ ]$/g

/** Writes a DN in its one canonical spelling (RFC 4514 §2): no optional space, fewest escapes. */
export function formatDn(dn: Dn): string {
  return dn.map(formatRdn).join(',')
}

export function formatRdn(rdn: Rdn): string {
  return rdn
    .map(({ type, value }) => {
      const text = typeof value === 'string' ? escapeDnValue(value) : `#${value.toString('hex')}`
      return `${type}=${text}`
    })
    .join('+')
}

/** Escapes an attribute value for use in a DN (RFC 4514 §2.4). */
export function escapeDnValue(value: string): string {
  return value.replace(ESCAPED, '\\$&').replace(OUTER, '\\$&').replaceAll('\0', '\\00')
}
