import type { Contract } from '../contract/contract.ts'
import { badRequest, unsupportedQuery } from './graph-error.ts'

export type Predicate = (properties: Readonly<Record<string, unknown>>) => boolean

const MAX_FILTER_CHARS = 8_000
const MAX_TERMS = 300
const TOKEN = /\s*(?:'((?:[^']|'')*)'|([(),])|([^\s(),']+))/gy

type Token = { readonly kind: 'text' | 'mark' | 'word'; readonly value: string }

/**
 * `$filter`, the part of it that directory objects answer without an index of their own: eq, ne, in,
 * startsWith, `any(x:x eq …)` is not among it; and, or, not and brackets are.
 *
 * @param canAsk whether the request is an advanced query, which `ne` and `not` need
 * @throws {GraphError} 400 for anything else
 */
export function parseFilter(
  text: string,
  options: { contract: Contract; entity: string; isAdvanced: boolean },
): Predicate {
  if (text.length > MAX_FILTER_CHARS) throw badRequest('Filter too long.')
  const parser = new FilterParser(tokenize(text), options)
  return parser.parse()
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  TOKEN.lastIndex = 0
  let end = 0
  for (const match of text.matchAll(TOKEN)) {
    const [whole, quoted, mark, word] = match
    if (quoted !== undefined) tokens.push({ kind: 'text', value: quoted.replaceAll("''", "'") })
    else if (mark !== undefined) tokens.push({ kind: 'mark', value: mark })
    else if (word !== undefined) tokens.push({ kind: 'word', value: word })
    end = match.index + whole.length
  }
  if (text.slice(end).trim() !== '' || tokens.length === 0)
    throw badRequest('Invalid filter clause')
  if (tokens.length > MAX_TERMS)
    throw unsupportedQuery('Too many child clauses specified in search filter expression.')
  return tokens
}

class FilterParser {
  readonly #tokens: readonly Token[]
  readonly #options: { contract: Contract; entity: string; isAdvanced: boolean }
  #at = 0

  constructor(
    tokens: readonly Token[],
    options: { contract: Contract; entity: string; isAdvanced: boolean },
  ) {
    this.#tokens = tokens
    this.#options = options
  }

  parse(): Predicate {
    const predicate = this.#or()
    if (this.#at < this.#tokens.length) throw badRequest('Invalid filter clause')
    return predicate
  }

  #or(): Predicate {
    const terms = [this.#and()]
    while (this.#accept('or')) terms.push(this.#and())
    return (properties) => terms.some((term) => term(properties))
  }

  #and(): Predicate {
    const terms = [this.#term()]
    while (this.#accept('and')) terms.push(this.#term())
    return (properties) => terms.every((term) => term(properties))
  }

  #term(): Predicate {
    if (this.#accept('not')) {
      this.#needAdvanced("'not'")
      const inner = this.#term()
      return (properties) => !inner(properties)
    }
    if (this.#accept('(')) {
      const inner = this.#or()
      this.#expect(')')
      return inner
    }
    if (this.#accept('startsWith')) return this.#startsWith()
    return this.#comparison()
  }

  #startsWith(): Predicate {
    this.#expect('(')
    const name = this.#property()
    this.#expect(',')
    const prefix = fold(this.#value())
    this.#expect(')')
    return (properties) => {
      const value = properties[name]
      return typeof value === 'string' && value.toLowerCase().startsWith(String(prefix))
    }
  }

  #comparison(): Predicate {
    const name = this.#property()
    const operator = this.#next().value.toLowerCase()
    if (operator === 'in') return this.#in(name)
    if (operator !== 'eq' && operator !== 'ne')
      throw unsupportedQuery(`Unsupported property filter clause operator '${operator}'.`)
    const wanted = fold(this.#value())
    if (operator === 'eq') return (properties) => fold(properties[name] ?? null) === wanted
    this.#needAdvanced("'ne'")
    return (properties) => fold(properties[name] ?? null) !== wanted
  }

  #in(name: string): Predicate {
    this.#expect('(')
    const wanted = new Set([fold(this.#value())])
    while (this.#accept(',')) wanted.add(fold(this.#value()))
    this.#expect(')')
    return (properties) => wanted.has(fold(properties[name] ?? null))
  }

  #property(): string {
    const name = this.#next().value
    const { contract, entity } = this.#options
    if (!contract.hasProperty(entity, name))
      throw badRequest(
        `Invalid filter clause: Could not find a property named '${name}' on type 'microsoft.graph.${entity}'.`,
      )
    return name
  }

  #value(): unknown {
    const token = this.#next()
    if (token.kind === 'text') return token.value
    const literal = { true: true, false: false, null: null }[token.value]
    if (literal !== undefined) return literal
    if (/^-?\d+$/.test(token.value)) return Number(token.value)
    return token.value
  }

  #needAdvanced(what: string): void {
    if (!this.#options.isAdvanced)
      throw unsupportedQuery(
        `Operator ${what} is not supported because the required parameters might be missing. Try adding $count=true query parameter and ConsistencyLevel:eventual header.`,
      )
  }

  #next(): Token {
    const token = this.#tokens[this.#at++]
    if (token === undefined) throw badRequest('Invalid filter clause')
    return token
  }

  #accept(word: string): boolean {
    const token = this.#tokens[this.#at]
    if (token === undefined || token.kind === 'text') return false
    if (token.value.toLowerCase() !== word.toLowerCase()) return false
    this.#at++
    return true
  }

  #expect(mark: string): void {
    if (!this.#accept(mark)) throw badRequest(`Invalid filter clause: '${mark}' expected.`)
  }
}

/** The directory compares text without regard to case. */
function fold(value: unknown): unknown {
  return typeof value === 'string' ? value.toLowerCase() : value
}
