import { type AttributePath, parseAttributePath } from '../attribute-path.ts'
import { ScimError } from '../errors.ts'
import type { CompareOp, Filter, FilterValue, ValuePathRest } from './ast.ts'
import { type Mark, refuse, type Token, tokenize } from './token.ts'

/** Characters; 8 kB is what common HTTP servers take as a whole request line. */
export const MAX_FILTER_LENGTH = 8_192
/** Comparisons, connectives and brackets; the bound Databricks documents. */
export const MAX_FILTER_NODES = 200
/** Parentheses and brackets open at once. */
export const MAX_FILTER_DEPTH = 20

export interface FilterOptions {
  /** Takes a bare word for a string, as Microsoft's examples write them: `externalId eq jyoung`. */
  readonly isLenient?: boolean
}

const compareOps: ReadonlySet<string> = new Set<CompareOp>([
  'eq',
  'ne',
  'co',
  'sw',
  'ew',
  'gt',
  'ge',
  'lt',
  'le',
])

/** How strongly a connective binds (RFC 7644 §3.4.2.2, table 5); `not` binds a parenthesis only. */
const powers = { or: 1, and: 2 } as const
const LOOSEST = 1

const jsonNumber = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/

/**
 * Reads a filter (RFC 7644 §3.4.2.2, figure 1). Operators, names and URIs are taken in any case.
 *
 * @throws {ScimError} `SCIM_INVALID_FILTER` with the place, `SCIM_TOO_MANY` above a limit
 */
export function parseFilter(text: string, options: FilterOptions = {}): Filter {
  if (text.length > MAX_FILTER_LENGTH) {
    throw new ScimError('SCIM_TOO_MANY', `a filter has ${MAX_FILTER_LENGTH} characters at most`)
  }
  const parser = new FilterParser(tokenize(text), options.isLenient === true)
  return parser.whole()
}

/** Pratt's method: an operand, then connectives for as long as they bind strongly enough. */
class FilterParser {
  readonly #tokens: readonly Token[]
  readonly #isLenient: boolean
  #next = 0
  #nodes = 0
  #depth = 0
  #bracketed: AttributePath | null = null

  constructor(tokens: readonly Token[], isLenient: boolean) {
    this.#tokens = tokens
    this.#isLenient = isLenient
  }

  whole(): Filter {
    const filter = this.#expression(LOOSEST)
    this.#expect('end')
    return filter
  }

  #expression(weakest: number): Filter {
    let left = this.#operand()
    for (;;) {
      const connective = this.#peekConnective()
      if (connective === null || powers[connective] < weakest) return left
      const operands = [left]
      while (this.#peekConnective() === connective) {
        this.#takeConnective()
        operands.push(this.#expression(powers[connective] + 1))
      }
      left = { kind: connective, operands }
    }
  }

  #peekConnective(): 'and' | 'or' | null {
    const token = this.#peek()
    if (token.kind !== 'word') return null
    const lower = token.text.toLowerCase()
    return lower === 'and' || lower === 'or' ? lower : null
  }

  #takeConnective(): void {
    const token = this.#take()
    if (!(token.spaced && this.#peek().spaced)) throw refuse('a space is missing', token.at)
    this.#count()
  }

  #operand(): Filter {
    const token = this.#take()
    if (token.kind === '(') return this.#enclosed(')', token)
    if (token.kind !== 'word') throw refuse('an attribute is missing', token.at)
    if (token.text.toLowerCase() === 'not' && this.#peek().kind === '(') {
      this.#count()
      return { kind: 'not', operand: this.#enclosed(')', this.#take()) }
    }
    const path = parseAttributePath(token.text)
    if (path === null) throw refuse('not an attribute', token.at)
    return this.#attributeExpression(path)
  }

  #enclosed(end: Mark, opening: Token): Filter {
    this.#depth += 1
    if (this.#depth > MAX_FILTER_DEPTH) throw refuse('nested too deeply', opening.at)
    const inner = this.#expression(LOOSEST)
    this.#expect(end)
    this.#depth -= 1
    return inner
  }

  #attributeExpression(path: AttributePath): Filter {
    this.#count()
    const token = this.#peek()
    if (token.kind === '[' && !token.spaced) return this.#valuePath(path, this.#take())
    const test = this.#test()
    return { ...test, path }
  }

  #valuePath(path: AttributePath, opening: Token): Filter {
    if (this.#bracketed !== null) throw refuse('a bracket inside brackets', opening.at)
    this.#bracketed = path
    const filter = this.#enclosed(']', opening)
    this.#bracketed = null
    return { kind: 'valuePath', path, filter, rest: this.#rest() }
  }

  #rest(): ValuePathRest | null {
    const token = this.#peek()
    if (token.kind !== 'word' || token.spaced) return null
    this.#take()
    const path = token.text.startsWith('.') ? parseAttributePath(token.text.slice(1)) : null
    if (path === null || path.schema !== null || path.sub !== null) {
      throw refuse('not a sub-attribute', token.at)
    }
    this.#count()
    return { ...this.#test(), sub: path.name }
  }

  /** An operator and, unless it is `pr`, its value. */
  #test():
    | { readonly kind: 'present' }
    | { readonly kind: 'compare'; readonly op: CompareOp; readonly value: FilterValue } {
    const token = this.#take()
    const op = token.kind === 'word' && token.spaced ? token.text.toLowerCase() : ''
    if (op === 'pr') return { kind: 'present' }
    if (!isCompareOp(op)) throw refuse('an operator is missing', token.at)
    return { kind: 'compare', op, value: this.#value() }
  }

  #value(): FilterValue {
    const token = this.#take()
    if (!token.spaced) throw refuse('a space is missing', token.at)
    if (token.kind === 'string') return token.text
    if (token.kind !== 'word') throw refuse('a value is missing', token.at)
    const literal = readLiteral(token.text)
    if (literal !== undefined) return literal
    if (this.#isLenient) return readLenient(token.text)
    throw refuse('a value that is not JSON (strings are quoted)', token.at)
  }

  #peek(): Token {
    const token = this.#tokens[this.#next]
    if (token === undefined) throw refuse('the filter ends too early', 0)
    return token
  }

  #take(): Token {
    const token = this.#peek()
    if (token.kind !== 'end') this.#next += 1
    return token
  }

  #expect(kind: Mark): void {
    const token = this.#take()
    if (token.kind !== kind) {
      throw refuse(kind === 'end' ? 'the filter goes on' : `"${kind}" is missing`, token.at)
    }
  }

  #count(): void {
    this.#nodes += 1
    if (this.#nodes > MAX_FILTER_NODES) {
      throw new ScimError('SCIM_TOO_MANY', `a filter has ${MAX_FILTER_NODES} terms at most`)
    }
  }
}

function isCompareOp(text: string): text is CompareOp {
  return compareOps.has(text)
}

/** Undefined when `text` is neither a number nor one of JSON's three words. */
function readLiteral(text: string): FilterValue | undefined {
  if (text === 'true') return true
  if (text === 'false') return false
  if (text === 'null') return null
  if (!jsonNumber.test(text)) return undefined
  // Zero has no sign where it is compared, nor may two spellings of a filter differ by one.
  const number = Number(text) + 0
  return Number.isFinite(number) ? number : undefined
}

function readLenient(text: string): FilterValue {
  const lower = text.toLowerCase()
  return lower === 'true' ? true : lower === 'false' ? false : text
}
