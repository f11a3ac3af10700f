import { parseAttributeDescription } from '../attribute-description.ts'
import { LdapError } from '../errors.ts'
import { MAX_FILTER_DEPTH, MAX_FILTER_ELEMENTS, MAX_SUBSTRINGS } from '../limits.ts'
import type { ExtensibleFilter, Filter } from './filter.ts'

const KINDS = { '~': 'approx', '>': 'greaterOrEqual', '<': 'lessOrEqual' } as const
const HEX_PAIR = /^[0-9a-fA-F]{2}$/
const EXTENSIBLE = /^([^:]*)(:[dD][nN])?(?::([^:]+))?$/

/**
 * Parses a filter's string form (RFC 4515 §3).
 *
 * @throws {LdapError} `LDAP_BAD_FILTER`
 */
export function parseFilter(text: string): Filter {
  const parser = new FilterParser(text)
  const filter = parser.filter(0)
  if (!parser.isAtEnd) throw bad('text after the filter')
  return filter
}

class FilterParser {
  readonly #text: string
  #at = 0
  #elements = 0

  constructor(text: string) {
    this.#text = text
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length
  }

  filter(depth: number): Filter {
    if (depth > MAX_FILTER_DEPTH) throw bad('nested too deep')
    if (++this.#elements > MAX_FILTER_ELEMENTS) throw bad('too large')
    this.#expect('(')
    const filter = this.#component(depth)
    this.#expect(')')
    return filter
  }

  #component(depth: number): Filter {
    switch (this.#text[this.#at]) {
      case '&':
        return { kind: 'and', filters: this.#list(depth) }
      case '|':
        return { kind: 'or', filters: this.#list(depth) }
      case '!':
        this.#at++
        return { kind: 'not', filter: this.filter(depth + 1) }
      default:
        return this.#item()
    }
  }

  #list(depth: number): Filter[] {
    this.#at++
    const filters: Filter[] = []
    while (this.#text[this.#at] === '(') filters.push(this.filter(depth + 1))
    return filters
  }

  #item(): Filter {
    const equals = this.#text.indexOf('=', this.#at)
    if (equals < 0) throw bad('no comparison')
    const before = this.#text[equals - 1] ?? ''
    const end = this.#endOfValue(equals + 1)
    const value = this.#text.slice(equals + 1, end)
    const left = this.#text.slice(this.#at, equals)
    this.#at = end
    if (before === ':') return extensible(left.slice(0, -1), value)
    if (before === '~' || before === '>' || before === '<') {
      return { kind: KINDS[before], attribute: described(left.slice(0, -1)), value: bytesOf(value) }
    }
    return simple(described(left), value)
  }

  #endOfValue(from: number): number {
    const end = this.#text.indexOf(')', from)
    if (end < 0) throw bad('no closing parenthesis')
    return end
  }

  #expect(character: string): void {
    if (this.#text[this.#at] !== character) throw bad(`${character} is missing`)
    this.#at++
  }
}

function simple(attribute: string, value: string): Filter {
  if (value === '*') return { kind: 'present', attribute }
  const pieces = value.split('*')
  if (pieces.length === 1) return { kind: 'equal', attribute, value: bytesOf(value) }
  if (pieces.length > MAX_SUBSTRINGS + 2) throw bad('too many substrings')
  const initial = pieces.shift() ?? ''
  const final = pieces.pop() ?? ''
  if (pieces.includes('')) throw bad('empty substring')
  return {
    kind: 'substrings',
    attribute,
    initial: initial === '' ? null : bytesOf(initial),
    any: pieces.map(bytesOf),
    final: final === '' ? null : bytesOf(final),
  }
}

function extensible(left: string, value: string): ExtensibleFilter {
  const [isFound, type = '', dn, rule] = EXTENSIBLE.exec(left) ?? []
  // `cn:dn:=x` has no rule, while `cn:caseExactMatch:=x` has one and no `:dn`.
  if (isFound === undefined || (type === '' && rule === undefined)) throw bad('extensible match')
  return {
    kind: 'extensible',
    rule: rule === undefined ? null : described(rule),
    attribute: type === '' ? null : described(type),
    value: bytesOf(value),
    isDnMatched: dn !== undefined,
  }
}

function described(text: string): string {
  if (parseAttributeDescription(text) === null) throw bad('no attribute description')
  return text
}

/** Undoes the escapes of RFC 4515 §3: a backslash and two hex digits for any byte. */
function bytesOf(text: string): Buffer {
  if (/[(*\0]/.test(text)) throw bad('a character needs a backslash')
  if (!text.includes('\\')) return Buffer.from(text)
  const [first = '', ...rest] = text.split('\\')
  const parts = [Buffer.from(first)]
  for (const part of rest) {
    const pair = part.slice(0, 2)
    if (!HEX_PAIR.test(pair)) throw bad('bad escape')
    parts.push(Buffer.from(pair, 'hex'), Buffer.from(part.slice(2)))
  }
  return Buffer.concat(parts)
}

function bad(reason: string): LdapError {
  return new LdapError('LDAP_BAD_FILTER', reason)
}
