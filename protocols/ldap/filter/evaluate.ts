import { isUtf8 } from 'node:buffer'
import { parseAttributeDescription } from '../attribute-description.ts'
import { type Comparable, comparableOf } from '../matching.ts'
import { prepareSubstring } from '../prepare.ts'
import type { MatchingRule } from '../schema/matching-rules.ts'
import { type AttributeType, findAttributeType, findMatchingRule } from '../schema/schema.ts'
import type { ExtensibleFilter, Filter, SubstringFilter } from './filter.ts'

/** An entry, as far as a filter needs one: the values of an attribute, none when it has none. */
export type AttributeValues = (attribute: AttributeType) => readonly string[]

/** True, false, or undefined as in RFC 4511 §4.5.1.7. */
export type Truth = boolean | undefined

/** Says what a filter is for one entry. */
export type Predicate = (values: AttributeValues) => Truth

const undefinedFilter: Predicate = () => undefined

/**
 * Turns a filter into a function, with names, rules and assertion values looked up once.
 *
 * Attributes, rules and values that the schema does not know make their part Undefined, never an
 * error.
 */
export function compileFilter(filter: Filter): Predicate {
  switch (filter.kind) {
    case 'and':
      return every(filter.filters.map(compileFilter))
    case 'or':
      return some(filter.filters.map(compileFilter))
    case 'not':
      return negate(compileFilter(filter.filter))
    case 'present':
      return compilePresent(filter.attribute)
    case 'substrings':
      return compileSubstrings(filter)
    case 'extensible':
      return compileExtensible(filter)
    case 'greaterOrEqual':
    case 'lessOrEqual':
      return compileOrdering(filter)
    default:
      return compileEquality(filter)
  }
}

/** The attribute a filter speaks of; null when unknown, or with options, which no value here has. */
export function filterAttribute(text: string): AttributeType | null {
  const known = findAttributeType(text)
  if (known !== null) return known
  const description = parseAttributeDescription(text)
  if (description === null || description.options.length > 0) return null
  return findAttributeType(description.type)
}

/** An assertion value as text; null when it is none. */
export function assertionText(value: Buffer): string | null {
  return isUtf8(value) ? value.toString() : null
}

function every(parts: readonly Predicate[]): Predicate {
  return (values) => {
    let truth: Truth = true
    for (const part of parts) {
      const found = part(values)
      if (found === false) return false
      if (found === undefined) truth = undefined
    }
    return truth
  }
}

function some(parts: readonly Predicate[]): Predicate {
  return (values) => {
    let truth: Truth = false
    for (const part of parts) {
      const found = part(values)
      if (found === true) return true
      if (found === undefined) truth = undefined
    }
    return truth
  }
}

function negate(part: Predicate): Predicate {
  return (values) => {
    const found = part(values)
    return found === undefined ? undefined : !found
  }
}

function compilePresent(text: string): Predicate {
  const attribute = filterAttribute(text)
  if (attribute === null) return undefinedFilter
  return (values) => values(attribute).length > 0
}

function compileEquality(filter: {
  readonly attribute: string
  readonly value: Buffer
}): Predicate {
  const attribute = filterAttribute(filter.attribute)
  const rule = attribute?.equality ?? null
  return attribute === null || rule === null
    ? undefinedFilter
    : anyValue(attribute, rule, { value: filter.value, test: (left, right) => left === right })
}

function compileOrdering(
  filter: Extract<Filter, { kind: 'greaterOrEqual' | 'lessOrEqual' }>,
): Predicate {
  const attribute = filterAttribute(filter.attribute)
  const rule = attribute?.ordering ?? null
  if (attribute === null || rule === null) return undefinedFilter
  const test =
    filter.kind === 'greaterOrEqual'
      ? (left: Comparable, right: Comparable) => left >= right
      : (left: Comparable, right: Comparable) => left <= right
  return anyValue(attribute, rule, { value: filter.value, test })
}

function anyValue(
  attribute: AttributeType,
  rule: MatchingRule,
  assertion: {
    readonly value: Buffer
    readonly test: (left: Comparable, right: Comparable) => boolean
  },
): Predicate {
  const text = assertionText(assertion.value)
  const wanted = text === null ? null : comparableOf(rule.kind, text)
  if (wanted === null) return undefinedFilter
  return (values) =>
    values(attribute).some((value) => {
      const found = comparableOf(rule.kind, value)
      return found !== null && assertion.test(found, wanted)
    })
}

function compileSubstrings(filter: SubstringFilter): Predicate {
  const attribute = filterAttribute(filter.attribute)
  const rule = attribute?.substrings ?? null
  if (attribute === null || rule === null) return undefinedFilter
  const fits = compilePieces(filter, rule)
  if (fits === null) return undefinedFilter
  return (values) =>
    values(attribute).some((value) => {
      const found = comparableOf(rule.kind, value)
      return typeof found === 'string' && fits(found)
    })
}

/** Looks for the pieces in order, none overlapping; null when one is no text. */
function compilePieces(
  filter: SubstringFilter,
  rule: MatchingRule,
): ((value: string) => boolean) | null {
  const initial = pieceOf(filter.initial, 'initial', rule)
  const final = pieceOf(filter.final, 'final', rule)
  const any = filter.any.map((piece) => pieceOf(piece, 'any', rule))
  if (initial === null || final === null || any.includes(null)) return null
  return (value) => {
    if (!value.startsWith(initial)) return false
    let at = initial.length
    for (const piece of any) {
      const found = value.indexOf(piece ?? '', at)
      if (found < 0) return false
      at = found + (piece ?? '').length
    }
    return value.length - final.length >= at && value.endsWith(final)
  }
}

function pieceOf(
  piece: Buffer | null,
  place: 'initial' | 'any' | 'final',
  rule: MatchingRule,
): string | null {
  if (piece === null) return ''
  const text = assertionText(piece)
  if (text === null) return null
  if (rule.kind === 'caseIgnore' || rule.kind === 'caseExact') {
    return prepareSubstring(text, { isCaseIgnored: rule.kind === 'caseIgnore', place })
  }
  const found = comparableOf(rule.kind, text)
  return typeof found === 'string' ? found : null
}

/** RFC 4511 §4.5.1.7.7, without a rule the attribute's own equality. */
function compileExtensible(filter: ExtensibleFilter): Predicate {
  const attribute = filter.attribute === null ? null : filterAttribute(filter.attribute)
  const rule = filter.rule === null ? (attribute?.equality ?? null) : findMatchingRule(filter.rule)
  // A rule for all attributes at once is not served: Undefined, as for an unknown rule.
  if (attribute === null || rule === null) return undefinedFilter
  if (rule.kind === 'bitAnd' || rule.kind === 'bitOr') {
    const test = rule.kind === 'bitAnd' ? hasAllBits : hasAnyBit
    return attribute.equality?.kind === 'integer'
      ? anyValue(attribute, rule, { value: filter.value, test })
      : undefinedFilter
  }
  if (rule.use !== 'equality') return undefinedFilter
  return anyValue(attribute, rule, { value: filter.value, test: (left, right) => left === right })
}

function hasAllBits(value: Comparable, mask: Comparable): boolean {
  return (BigInt(value) & BigInt(mask)) === BigInt(mask)
}

function hasAnyBit(value: Comparable, mask: Comparable): boolean {
  return (BigInt(value) & BigInt(mask)) !== 0n
}
