import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { type Filter, formatFilter, parseFilter, ScimError } from '../../protocols/scim/index.ts'
import { aFilter } from '../support/scim-arbitraries.ts'
import { readVectors } from '../support/scim-filters.ts'

await t.test('a filter written out reads the same again', async (t) => {
  let brackets = 0
  fc.assert(
    fc.property(aFilter, (filter) => {
      if (hasBrackets(filter)) brackets += 1
      deepStrictEqual(parseFilter(formatFilter(filter)), filter)
    }),
    { numRuns: 300 },
  )
  t.ok(brackets > 0, 'brackets were among them')
})

await t.test('mutated filters are read or refused, and nothing else happens', async (t) => {
  const seeds = readVectors('filters-accepted.txt')
    .filter(({ word }) => word === 'filter')
    .map(({ text }) => text)
  let read = 0
  let refused = 0
  const mutation = fc.record({
    seed: fc.constantFrom(...seeds),
    at: fc.nat(200),
    remove: fc.nat(4),
    insert: fc.constantFrom('', ' ', '"', '(', ')', '[', ']', '.', ':', '\\', 'not', 'and', '\0'),
  })
  fc.assert(
    fc.property(mutation, ({ seed, at, remove, insert }) => {
      const place = at % (seed.length + 1)
      const text = seed.slice(0, place) + insert + seed.slice(place + remove)
      try {
        const filter = parseFilter(text)
        deepStrictEqual(parseFilter(formatFilter(filter)), filter)
        read += 1
      } catch (error) {
        if (!(error instanceof ScimError)) throw error
        refused += 1
      }
    }),
    { numRuns: 2_000 },
  )
  t.ok(read > 0 && refused > 0, `${read} read, ${refused} refused`)
})

function hasBrackets(filter: Filter): boolean {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return filter.operands.some(hasBrackets)
    case 'not':
      return hasBrackets(filter.operand)
    default:
      return filter.kind === 'valuePath'
  }
}
