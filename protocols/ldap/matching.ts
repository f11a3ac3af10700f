import { normaliseDn } from './dn/normalise.ts'
import { LdapError } from './errors.ts'
import { prepareValue } from './prepare.ts'
import type { MatchKind } from './schema/matching-rules.ts'
import { findAttributeType, findObjectClass } from './schema/schema.ts'

/** A value in the form in which it is compared; two of one kind may be compared with `<`. */
export type Comparable = string | bigint | number

const INTEGER = /^-?\d{1,40}$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const TIME =
  /^(\d{4})(\d\d)(\d\d)(\d\d)(?:(\d\d)(\d\d|60)?)?(?:[.,](\d{1,9}))?(Z|[+-]\d\d(?:\d\d)?)$/
/** Values longer than this match nothing: nobody stores them and folding them takes time. */
export const MAX_ASSERTION_LENGTH = 64 * 1024

/**
 * Brings a value into the form its rule compares (RFC 4517 §4.2).
 *
 * @returns null when the value isn't of the rule's syntax: the comparison is Undefined
 */
export function comparableOf(kind: MatchKind, text: string): Comparable | null {
  if (text.length > MAX_ASSERTION_LENGTH) return null
  switch (kind) {
    case 'caseIgnore':
      return prepareValue(text, true)
    case 'caseExact':
      return prepareValue(text, false)
    case 'integer':
    case 'bitAnd':
    case 'bitOr':
      return INTEGER.test(text) ? BigInt(text) : null
    case 'numeric':
      return text.replaceAll(' ', '')
    case 'telephone':
      return text.replace(/[\s-]/gu, '').toLowerCase()
    case 'boolean':
      return text === 'TRUE' || text === 'FALSE' ? text : null
    case 'octets':
      return text
    default:
      return named(kind, text)
  }
}

function named(kind: 'time' | 'dn' | 'inChain' | 'oid' | 'uuid', text: string): Comparable | null {
  switch (kind) {
    case 'time':
      return parseGeneralizedTime(text)
    case 'uuid': {
      const lower = text.toLowerCase()
      return UUID.test(lower) ? lower : null
    }
    case 'oid':
      return canonicalOid(text)
    default:
      return canonicalDn(text)
  }
}

/** One key for all spellings of a DN; null when it is none. */
function canonicalDn(text: string): string | null {
  try {
    return normaliseDn(text)
  } catch (error) {
    if (error instanceof LdapError) return null
    throw error
  }
}

/** RFC 4517 §4.2.26: a name stands for its OID, so both become the name we know it by. */
function canonicalOid(text: string): string {
  const trimmed = text.trim()
  const known = findObjectClass(trimmed)?.name ?? findAttributeType(trimmed)?.name
  return (known ?? trimmed).toLowerCase()
}

/** Milliseconds since 1970 of a GeneralizedTime (RFC 4517 §3.3.13); null when it is none. */
export function parseGeneralizedTime(text: string): number | null {
  const found = TIME.exec(text)
  if (found === null) return null
  const [, year, month, day, hour, minute, second, fraction, zone = 'Z'] = found
  const ms = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute ?? 0),
    Number(second ?? 0),
  )
  // Date.UTC rolls the 31st of June over; such a value is no time.
  if (new Date(ms).getUTCMonth() !== Number(month) - 1) return null
  // The fraction is one of the smallest unit given.
  const unitMs = second !== undefined ? 1_000 : minute !== undefined ? 60_000 : 3_600_000
  return ms + Math.floor(Number(`0.${fraction ?? 0}`) * unitMs) - zoneMs(zone)
}

function zoneMs(zone: string): number {
  if (zone === 'Z') return 0
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3) || 0)
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000
}

/** The one spelling in which times are sent: whole seconds, UTC. */
export function formatGeneralizedTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`
}
