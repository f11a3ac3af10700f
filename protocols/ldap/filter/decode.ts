import type { BerReader } from '../ber/reader.ts'
import { Tag } from '../ber/reader.ts'
import { LdapError } from '../errors.ts'
import {
  MAX_ASSERTION_BYTES,
  MAX_FILTER_DEPTH,
  MAX_FILTER_ELEMENTS,
  MAX_SUBSTRINGS,
} from '../limits.ts'
import type { ExtensibleFilter, Filter, SubstringFilter } from './filter.ts'

/** Tag bytes of RFC 4511 §4.5.1. */
export const FilterTag = {
  and: 0xa0,
  or: 0xa1,
  not: 0xa2,
  equal: 0xa3,
  substrings: 0xa4,
  greaterOrEqual: 0xa5,
  lessOrEqual: 0xa6,
  present: 0x87,
  approx: 0xa8,
  extensible: 0xa9,
} as const

/** Tag bytes inside a MatchingRuleAssertion and of a substring's pieces. */
export const AssertionTag = {
  rule: 0x81,
  type: 0x82,
  value: 0x83,
  dnAttributes: 0x84,
  initial: 0x80,
  any: 0x81,
  final: 0x82,
} as const

/**
 * Reads one filter.
 *
 * @throws {LdapError} `LDAP_MALFORMED` for a damaged structure, `LDAP_LIMIT` for one deeper or
 *   larger than allowed, `LDAP_PROTOCOL` for a sound one that RFC 4511 §4.5.1.7 forbids
 */
export function decodeFilter(reader: BerReader): Filter {
  return new FilterDecoder(reader).decode(0)
}

class FilterDecoder {
  readonly #reader: BerReader
  #elements = 0
  #assertionBytes = 0

  constructor(reader: BerReader) {
    this.#reader = reader
  }

  decode(depth: number): Filter {
    if (depth > MAX_FILTER_DEPTH) throw new LdapError('LDAP_LIMIT', 'filter nested too deep')
    if (++this.#elements > MAX_FILTER_ELEMENTS)
      throw new LdapError('LDAP_LIMIT', 'filter too large')
    const reader = this.#reader
    const tag = reader.peekTag()
    switch (tag) {
      case FilterTag.and:
        return { kind: 'and', filters: this.#set(tag, depth) }
      case FilterTag.or:
        return { kind: 'or', filters: this.#set(tag, depth) }
      case FilterTag.not:
        return this.#not(depth)
      case FilterTag.equal:
        return this.#assertion('equal', tag)
      case FilterTag.substrings:
        return this.#substrings()
      case FilterTag.greaterOrEqual:
        return this.#assertion('greaterOrEqual', tag)
      case FilterTag.lessOrEqual:
        return this.#assertion('lessOrEqual', tag)
      case FilterTag.present:
        return { kind: 'present', attribute: reader.text(tag) }
      case FilterTag.approx:
        return this.#assertion('approx', tag)
      case FilterTag.extensible:
        return this.#extensible()
      default:
        // The CHOICE is extensible (RFC 4511 §4.5.1): a sound element of an unknown kind.
        reader.skip()
        throw new LdapError('LDAP_PROTOCOL', 'unknown filter choice')
    }
  }

  #set(tag: number, depth: number): Filter[] {
    const filters: Filter[] = []
    const outer = this.#reader.enter(tag)
    while (!this.#reader.isAtEnd) filters.push(this.decode(depth + 1))
    this.#reader.leave(outer)
    return filters
  }

  #not(depth: number): Filter {
    const outer = this.#reader.enter(FilterTag.not)
    const filter = this.decode(depth + 1)
    this.#reader.leave(outer)
    return { kind: 'not', filter }
  }

  #assertion<K extends 'equal' | 'greaterOrEqual' | 'lessOrEqual' | 'approx'>(
    kind: K,
    tag: number,
  ) {
    const outer = this.#reader.enter(tag)
    const attribute = this.#reader.name()
    const value = this.#value()
    this.#reader.leave(outer)
    return { kind, attribute, value }
  }

  #value(tag?: number): Buffer {
    const value = this.#reader.octets(tag)
    this.#assertionBytes += value.length
    if (this.#assertionBytes > MAX_ASSERTION_BYTES) {
      throw new LdapError('LDAP_LIMIT', 'assertion values too long')
    }
    return value
  }

  #substrings(): SubstringFilter {
    const reader = this.#reader
    const outer = reader.enter(FilterTag.substrings)
    const attribute = reader.text()
    const pieces = reader.enter(Tag.sequence)
    const initial =
      reader.peekTag() === AssertionTag.initial ? this.#value(AssertionTag.initial) : null
    const any: Buffer[] = []
    while (reader.peekTag() === AssertionTag.any) {
      if (any.length === MAX_SUBSTRINGS) throw new LdapError('LDAP_LIMIT', 'too many substrings')
      any.push(this.#value(AssertionTag.any))
    }
    const final = reader.peekTag() === AssertionTag.final ? this.#value(AssertionTag.final) : null
    // RFC 4511 §4.5.1.7.2: initial only first, final only last, and at least one piece.
    if (!reader.isAtEnd) throw new LdapError('LDAP_PROTOCOL', 'substrings out of order')
    if (initial === null && final === null && any.length === 0) {
      throw new LdapError('LDAP_PROTOCOL', 'no substrings')
    }
    reader.leave(pieces)
    reader.leave(outer)
    return { kind: 'substrings', attribute, initial, any, final }
  }

  #extensible(): ExtensibleFilter {
    const reader = this.#reader
    const outer = reader.enter(FilterTag.extensible)
    const rule = reader.peekTag() === AssertionTag.rule ? reader.text(AssertionTag.rule) : null
    const attribute = reader.peekTag() === AssertionTag.type ? reader.text(AssertionTag.type) : null
    const value = this.#value(AssertionTag.value)
    const isDnMatched =
      reader.peekTag() === AssertionTag.dnAttributes
        ? reader.boolean(AssertionTag.dnAttributes)
        : false
    reader.leave(outer)
    if (rule === null && attribute === null) {
      throw new LdapError('LDAP_PROTOCOL', 'extensible match without rule and attribute')
    }
    return { kind: 'extensible', rule, attribute, value, isDnMatched }
  }
}
