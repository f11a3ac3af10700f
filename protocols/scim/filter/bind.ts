import { type AttributePath, formatAttributePath } from '../attribute-path.ts'
import { ScimError } from '../errors.ts'
import {
  type Attribute,
  findAttribute,
  findSubAttribute,
  wholeOf,
} from '../schema/find-attribute.ts'
import type { ResourceType } from '../schema/resource-type.ts'
import type { BoundOp, CompareOp, Filter, FilterValue, Test } from './ast.ts'
import { checkValue } from './check-value.ts'

/**
 * A filter whose names are looked up and whose values fit them: what a store compiles.
 *
 * `ne` has become `not eq`, so it is true where the attribute is absent; a comparison with null or
 * the empty string has become one of presence (RFC 7643 §2.5). `compare` stands on single-valued
 * attributes only: what is asked of a multi-valued one is asked of each of its values, inside
 * `some`. There, `attribute` of the inner nodes is a part of the outer one, or its `value`.
 */
export type BoundFilter =
  | { readonly kind: 'and' | 'or'; readonly operands: readonly BoundFilter[] }
  | { readonly kind: 'not'; readonly operand: BoundFilter }
  | { readonly kind: 'never' }
  | { readonly kind: 'present'; readonly attribute: Attribute }
  | { readonly kind: 'some'; readonly attribute: Attribute; readonly where: BoundFilter }
  | {
      readonly kind: 'compare'
      readonly attribute: Attribute
      readonly op: BoundOp
      /** Of a dateTime: milliseconds since 1970. */
      readonly value: string | number | boolean
    }

export interface BindOptions {
  /** Numbers, and booleans in quotes, are taken where the attribute asks for another type. */
  readonly isLenient?: boolean
  /** Attributes this type lacks but that are no mistake: they are absent (RFC 7644 §3.4.2.1). */
  readonly isKnownElsewhere?: (path: AttributePath) => boolean
}

/** @throws {ScimError} `SCIM_INVALID_FILTER` */
export function bindFilter(
  filter: Filter,
  type: ResourceType,
  options: BindOptions = {},
): BoundFilter {
  return new Binder(type, options).bind(filter, null)
}

class Binder {
  readonly #type: ResourceType
  readonly #options: BindOptions

  constructor(type: ResourceType, options: BindOptions) {
    this.#type = type
    this.#options = options
  }

  /** `scope` is the attribute whose brackets we are in. */
  bind(filter: Filter, scope: Attribute | null): BoundFilter {
    switch (filter.kind) {
      case 'and':
      case 'or':
        return {
          kind: filter.kind,
          operands: filter.operands.map((operand) => this.bind(operand, scope)),
        }
      case 'not':
        return { kind: 'not', operand: this.bind(filter.operand, scope) }
      case 'present': {
        const attribute = this.#find(filter.path, scope)
        return attribute === null ? never : this.#present(attribute, scope)
      }
      case 'compare':
        return this.#compareAt(this.#find(filter.path, scope), filter, scope)
      case 'valuePath':
        return this.#valuePath(filter)
    }
  }

  #valuePath(filter: Extract<Filter, { kind: 'valuePath' }>): BoundFilter {
    const attribute = this.#find(filter.path, null)
    if (attribute === null) return never
    if (!attribute.definition.multiValued) {
      throw refuse(attribute, 'has one value only, so brackets select nothing')
    }
    const where = this.bind(filter.filter, attribute)
    const { rest } = filter
    if (rest === null) return { kind: 'some', attribute, where }
    const part = findSubAttribute(attribute, rest.sub)
    if (part === null) throw refuse(attribute, `has no part "${rest.sub}"`)
    const some = (test: BoundFilter): BoundFilter => ({
      kind: 'some',
      attribute,
      where: { kind: 'and', operands: [where, test] },
    })
    if (rest.kind === 'present') return some(this.#present(part, attribute))
    // The negation goes outside: no value that is selected may be equal.
    const { test, isNegated } = positive(rest.op, rest.value)
    const inner =
      test === null ? this.#present(part, attribute) : this.#compare(part, test, attribute)
    return isNegated ? negate(some(inner)) : some(inner)
  }

  #compareAt(
    attribute: Attribute | null,
    filter: { readonly op: CompareOp; readonly value: FilterValue },
    scope: Attribute | null,
  ): BoundFilter {
    const { test, isNegated } = positive(filter.op, filter.value)
    const bound =
      attribute === null
        ? never
        : test === null
          ? this.#present(attribute, scope)
          : this.#compare(attribute, test, scope)
    return isNegated ? negate(bound) : bound
  }

  #present(attribute: Attribute, scope: Attribute | null): BoundFilter {
    refuseSecret(attribute)
    const present: BoundFilter = { kind: 'present', attribute }
    return attribute.parent?.multiValued === true && scope === null
      ? { kind: 'some', attribute: wholeOf(attribute), where: present }
      : present
  }

  #compare(attribute: Attribute, test: Test, scope: Attribute | null): BoundFilter {
    refuseSecret(attribute)
    const { definition } = attribute
    if (definition.type === 'complex' || definition.multiValued) {
      const value = findSubAttribute(attribute, 'value')
      if (value === null) throw refuse(attribute, 'is compared by its parts')
      return this.#compare(value, test, scope)
    }
    const compare: BoundFilter = {
      kind: 'compare',
      attribute,
      op: test.op,
      value: checkValue(attribute, test, this.#options.isLenient === true),
    }
    return attribute.parent?.multiValued === true && scope === null
      ? { kind: 'some', attribute: wholeOf(attribute), where: compare }
      : // The plain values of an attribute that has no parts stand inside `some` as well.
        compare
  }

  /** Null only for what is known elsewhere. */
  #find(path: AttributePath, scope: Attribute | null): Attribute | null {
    const attribute =
      scope === null
        ? findAttribute(this.#type, path)
        : path.schema === null && path.sub === null
          ? findSubAttribute(scope, path.name)
          : null
    if (attribute !== null) return attribute
    if (scope === null && this.#options.isKnownElsewhere?.(path) === true) return null
    const name = formatAttributePath(path)
    throw new ScimError('SCIM_INVALID_FILTER', `there is no attribute "${name}"`)
  }
}

const never: BoundFilter = { kind: 'never' }

/**
 * Takes the negation out of a comparison; `test` is null where presence is asked.
 *
 * @throws {ScimError} `SCIM_INVALID_FILTER` when null is compared by order or substring
 */
function positive(
  op: CompareOp,
  value: FilterValue,
): { readonly test: Test | null; readonly isNegated: boolean } {
  const isUnassigned = value === null || value === ''
  if (isUnassigned && (op === 'eq' || op === 'ne')) return { test: null, isNegated: op === 'eq' }
  if (value === null) {
    throw new ScimError('SCIM_INVALID_FILTER', `"${op}" can't compare with null`)
  }
  return op === 'ne'
    ? { test: { op: 'eq', value }, isNegated: true }
    : { test: { op, value }, isNegated: false }
}

function negate(operand: BoundFilter): BoundFilter {
  return { kind: 'not', operand }
}

/** A filter on what is never returned would tell it bit by bit (RFC 7643 §7, `returned`). */
function refuseSecret(attribute: Attribute): void {
  if (attribute.definition.returned === 'never') {
    throw refuse(attribute, "can't be part of a filter")
  }
}

function refuse(attribute: Attribute, why: string): ScimError {
  return new ScimError('SCIM_INVALID_FILTER', `"${attribute.key}" ${why}`)
}
