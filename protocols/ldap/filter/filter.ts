/**
 * A search filter (RFC 4511 §4.5.1.7). Attribute descriptions and rule names are text as sent,
 * assertion values are bytes.
 */
export type Filter =
  | AndFilter
  | OrFilter
  | NotFilter
  | EqualityFilter
  | SubstringFilter
  | GreaterOrEqualFilter
  | LessOrEqualFilter
  | PresentFilter
  | ApproxFilter
  | ExtensibleFilter

/** Empty means true (RFC 4526). */
export interface AndFilter {
  readonly kind: 'and'
  readonly filters: readonly Filter[]
}

/** Empty means false (RFC 4526). */
export interface OrFilter {
  readonly kind: 'or'
  readonly filters: readonly Filter[]
}

export interface NotFilter {
  readonly kind: 'not'
  readonly filter: Filter
}

export interface EqualityFilter {
  readonly kind: 'equal'
  readonly attribute: string
  readonly value: Buffer
}

/** At least one piece is there. */
export interface SubstringFilter {
  readonly kind: 'substrings'
  readonly attribute: string
  readonly initial: Buffer | null
  readonly any: readonly Buffer[]
  readonly final: Buffer | null
}

export interface GreaterOrEqualFilter {
  readonly kind: 'greaterOrEqual'
  readonly attribute: string
  readonly value: Buffer
}

export interface LessOrEqualFilter {
  readonly kind: 'lessOrEqual'
  readonly attribute: string
  readonly value: Buffer
}

export interface PresentFilter {
  readonly kind: 'present'
  readonly attribute: string
}

export interface ApproxFilter {
  readonly kind: 'approx'
  readonly attribute: string
  readonly value: Buffer
}

/** A rule, an attribute or both are there. */
export interface ExtensibleFilter {
  readonly kind: 'extensible'
  readonly rule: string | null
  readonly attribute: string | null
  readonly value: Buffer
  readonly isDnMatched: boolean
}
