import fc from 'fast-check'
import type { CompareOp, Filter, FilterValue, ValuePathRest } from '../../protocols/scim/index.ts'

const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'

const anOp = fc.constantFrom<CompareOp>('eq', 'ne', 'co', 'sw', 'ew', 'gt', 'ge', 'lt', 'le')

const aValue: fc.Arbitrary<FilterValue> = fc.oneof(
  fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0')),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
  fc.boolean(),
  fc.constant(null),
)

const aName = fc.constantFrom('userName', 'emails', 'x-y_1', 'not', 'And', '$ref', 'pr')

const aPath = fc
  .tuple(fc.constantFrom(null, enterprise), aName, fc.option(aName))
  .map(([schema, name, sub]) => ({ schema, name, sub }))

const aTest: fc.Arbitrary<Filter> = fc.oneof(
  aPath.map((path): Filter => ({ kind: 'present', path })),
  fc
    .tuple(aPath, anOp, aValue)
    .map(([path, op, value]): Filter => ({ kind: 'compare', path, op, value })),
)

const aRest: fc.Arbitrary<ValuePathRest> = fc.oneof(
  aName.map((sub): ValuePathRest => ({ kind: 'present', sub })),
  fc
    .tuple(aName, anOp, aValue)
    .map(([sub, op, value]): ValuePathRest => ({ kind: 'compare', sub, op, value })),
)

/** `and` and `or` of two or more, and `not`, around the leaves. */
export function combine(leaf: fc.Arbitrary<Filter>, depth: number): fc.Arbitrary<Filter> {
  if (depth === 0) return leaf
  const inner = combine(leaf, depth - 1)
  return fc.oneof(
    leaf,
    inner.map((operand): Filter => ({ kind: 'not', operand })),
    fc
      .tuple(
        fc.constantFrom('and' as const, 'or' as const),
        fc.array(inner, { minLength: 2, maxLength: 3 }),
      )
      .map(([kind, operands]): Filter => ({ kind, operands })),
  )
}

const aValuePath = fc
  .tuple(aPath, combine(aTest, 2), fc.option(aRest))
  .map(([path, filter, rest]): Filter => ({ kind: 'valuePath', path, filter, rest }))

/** Any filter of the shape the parser gives, whether or not its names mean something. */
export const aFilter: fc.Arbitrary<Filter> = combine(fc.oneof(aTest, aTest, aValuePath), 3)
