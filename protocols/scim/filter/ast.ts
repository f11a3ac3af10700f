import type { AttributePath } from '../attribute-path.ts'

/** RFC 7644 §3.4.2.2, table 3; `pr` is a node of its own. */
export type CompareOp = 'eq' | 'ne' | 'co' | 'sw' | 'ew' | 'gt' | 'ge' | 'lt' | 'le'

/** Those of a bound filter, where `ne` has become `not eq`. */
export type BoundOp = Exclude<CompareOp, 'ne'>

export type FilterValue = string | number | boolean | null

/**
 * A filter as it was written, with names that nobody has looked up yet.
 *
 * Chains of one connective are one node; parentheses that change nothing survive as a nested node,
 * so that a filter can be written out again as it came.
 */
export type Filter =
  | { readonly kind: 'and' | 'or'; readonly operands: readonly Filter[] }
  | { readonly kind: 'not'; readonly operand: Filter }
  | { readonly kind: 'present'; readonly path: AttributePath }
  | {
      readonly kind: 'compare'
      readonly path: AttributePath
      readonly op: CompareOp
      readonly value: FilterValue
    }
  | {
      readonly kind: 'valuePath'
      readonly path: AttributePath
      readonly filter: Filter
      /** What follows the bracket: `emails[type eq "work"].value eq "x"`. Null when nothing does. */
      readonly rest: ValuePathRest | null
    }

/**
 * Not in the RFC's grammar of filters, where `.value` may follow a bracket in a PATCH path only;
 * Entra matches people with it.
 */
export type ValuePathRest =
  | { readonly kind: 'present'; readonly sub: string }
  | {
      readonly kind: 'compare'
      readonly sub: string
      readonly op: CompareOp
      readonly value: FilterValue
    }

/** A comparison that is neither negated nor one of presence. */
export interface Test {
  readonly op: BoundOp
  readonly value: string | number | boolean
}
