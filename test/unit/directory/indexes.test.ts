import fc from 'fast-check'
import t from 'tap'
import { Intersection, Lone, Range, unionOf } from '../../../src/directory/candidates.ts'
import { FieldIndexes } from '../../../src/directory/indexes/field-indexes.ts'
import { hashNumber, hashText } from '../../../src/directory/indexes/hash.ts'
import { TrigramIndex } from '../../../src/directory/indexes/trigram-index.ts'
import { ValueIndex } from '../../../src/directory/indexes/value-index.ts'
import { NoSet } from '../../../src/directory/no-set.ts'
import { Paged, PagedNumbers } from '../../../src/directory/paged.ts'
import { aPerson } from '../../support/directory.ts'

function numbersOf(candidates: { nextAbove(no: number): number } | null): number[] {
  const numbers: number[] = []
  if (candidates === null) return numbers
  for (let no = candidates.nextAbove(-1); no >= 0; no = candidates.nextAbove(no)) numbers.push(no)
  return numbers
}

/** Few numbers close together make bitmaps, many far apart make lists. */
const dense = fc.nat(200)
const sparse = fc.nat(2_000_000_000)
const operation = fc.record({ isAdded: fc.boolean(), no: fc.oneof(dense, sparse) })

t.test('a set of numbers behaves as a sorted Set, whichever form it takes', async (t) => {
  const operations = fc.oneof(
    fc.array(operation, { maxLength: 200, size: 'max' }),
    fc.array(fc.record({ isAdded: fc.boolean(), no: dense }), { maxLength: 400, size: 'max' }),
  )
  fc.assert(
    fc.property(operations, fc.array(fc.nat(210), { maxLength: 20 }), (all, probes) => {
      const set = new NoSet()
      const expected = new Set<number>()
      for (const { isAdded, no } of all) {
        const was = expected.has(no)
        if (isAdded) expected.add(no)
        else expected.delete(no)
        if (isAdded ? set.add(no) === was : set.delete(no) !== was) return false
      }
      const sorted = [...expected].sort((a, b) => a - b)
      return (
        set.size === expected.size &&
        `${[...set]}` === `${sorted}` &&
        probes.every((no) => set.has(no) === expected.has(no)) &&
        probes.every((no) => set.nextAbove(no) === (sorted.find((other) => other > no) ?? -1))
      )
    }),
    { numRuns: 200 },
  )
  t.ok(true, 'no counterexample')
})

t.test('a full bitmap goes back to a list when it empties, and keeps what is left', async (t) => {
  const set = new NoSet(Array.from({ length: 5000 }, (_, no) => no))
  for (let no = 0; no < 4990; no++) set.delete(no)
  t.same([...set], [4990, 4991, 4992, 4993, 4994, 4995, 4996, 4997, 4998, 4999])
  t.equal(set.size, 10)
  t.ok(set.add(31), 'and takes more')
  t.equal(set.nextAbove(-1), 31)
})

t.test('adding one set to another gives their union, in any combination of forms', async (t) => {
  const bitmap = Array.from({ length: 300 }, (_, no) => no * 2)
  const longer = Array.from({ length: 2000 }, (_, no) => no * 3)
  const list = [1, 5, 1_000_000]
  for (const [a, b] of [
    [bitmap, longer],
    [longer, bitmap],
    [list, bitmap],
    [bitmap, list],
    [list, [2, 5]],
    [[], bitmap],
  ] as const) {
    const union = new NoSet(a)
    const other = new NoSet(b)
    union.addAll(other)
    const expected = [...new Set([...a, ...b])].sort((x, y) => x - y)
    t.same([...union], expected)
    t.equal(union.size, expected.length)
    t.same([...other], [...new Set(b)], 'the other is as before')
  }
})

t.test(
  'a value index finds what a Map of sets finds, through any number of removals',
  async (t) => {
    // Hashes with the same low bits crowd together, so that gaps must close the right way.
    const hash = fc.tuple(fc.nat(7), fc.nat(3)).map(([high, low]) => high * 0x1000_0000 + low)
    const step = fc.record({ isAdded: fc.boolean(), hash, no: fc.nat(6) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
        const index = new ValueIndex()
        const expected = new Map<number, Set<number>>()
        for (const one of steps) {
          const numbers = expected.get(one.hash) ?? new Set()
          expected.set(one.hash, numbers)
          if (one.isAdded) {
            index.add(one.hash, one.no)
            numbers.add(one.no)
          } else {
            index.delete(one.hash, one.no)
            numbers.delete(one.no)
          }
        }
        return [...expected].every(([key, numbers]) => {
          const found = index.find(key)
          const listed = typeof found === 'number' ? [found] : numbersOf(found)
          return `${listed}` === `${[...numbers].sort((a, b) => a - b)}`
        })
      }),
      { numRuns: 200 },
    )
    t.ok(true, 'no counterexample')
  },
)

t.test('a value index keeps what it holds while it grows', async (t) => {
  const index = new ValueIndex()
  for (let no = 0; no < 5000; no++) index.add(hashNumber(no), no)
  const lost = Array.from({ length: 5000 }, (_, no) => no).filter(
    (no) => index.find(hashNumber(no)) !== no,
  )
  t.same(lost, [])
  t.equal(index.find(hashText('nobody')), null)
})

t.test('trigrams: a text is found by any part of three letters or more', async (t) => {
  const index = new TrigramIndex()
  index.replace([], ['adele vance', 'adele@contoso.example'], 1)
  index.replace([], ['grady archie'], 2)
  const find = (initial: string | null, any: string[], final: string | null) => {
    const found = index.find({ initial, any, final })
    return found === null ? null : numbersOf(found)
  }
  t.same(find(null, ['ele v'], null), [1])
  t.same(find('ad', [], null), [1], 'a prefix of two is enough')
  t.same(find('gr', ['rch'], 'hie'), [2])
  t.same(find(null, ['dele'], 'hie'), [], 'no entry has both')
  t.same(find(null, ['zzz'], null), [])
  t.equal(find(null, ['ad'], 'ce'), null, 'too short to tell')

  index.replace(['grady archie'], ['grady vance'], 2)
  t.same(find(null, ['vance'], null), [1, 2])
  t.same(find(null, ['archie'], null), [])
  t.same(find('grady', [], null), [2])
})

t.test('trigrams: an entry with a very long text is a candidate for every part', async (t) => {
  const index = new TrigramIndex()
  const long = `${'a'.repeat(400)}needle`
  index.replace([], [long], 1)
  index.replace([], ['needle'], 2)
  t.same(numbersOf(index.find({ initial: null, any: ['needle'], final: null })), [1, 2])
  t.same(numbersOf(index.find({ initial: null, any: ['zzz'], final: null })), [1])
  index.replace([long], ['short'], 1)
  t.same(numbersOf(index.find({ initial: null, any: ['needle'], final: null })), [2])
})

t.test('candidates: lone, intersected, in a range and united', async (t) => {
  const column = new PagedNumbers()
  for (const [no, value] of [
    [1, 10],
    [5000, 20],
    [9000, 30],
  ] as const) {
    column.set(no, value)
  }
  const evens = new NoSet([2, 4, 6])
  t.same(numbersOf(new Lone(7)), [7])
  t.same(numbersOf(new Intersection([new NoSet([4, 5, 6]), evens])), [4, 6])
  t.same(numbersOf(new Range(column, { least: 20, most: 30, living: 3 })), [5000, 9000])
  t.same(numbersOf(unionOf([evens, new Lone(3), new NoSet([6, 8])])), [2, 3, 4, 6, 8])
  t.same(numbersOf(unionOf([])), [])
})

t.test('a paged table takes far numbers and forgets what is set to null', async (t) => {
  const table = new Paged<string>()
  table.set(2_000_000, 'far')
  t.equal(table.at(2_000_000), 'far')
  t.equal(table.at(1), null)
  table.set(2_000_000, null)
  t.equal(table.at(2_000_000), null)
})

t.test('the indexes let go of what an entry no longer holds', async (t) => {
  const indexes = new FieldIndexes()
  const ada = aPerson({ username: 'ada', department: 'R&D', mail: 'ada@contoso.example' })
  const moved = { ...ada, department: 'Sales', mail: null, uidNumber: 7 }
  indexes.replace(null, ada)
  const found = () => ({
    before: numbersOf(indexes.equalText('department', 'r&d')),
    after: numbersOf(indexes.equalText('department', 'sales')),
    mail: numbersOf(indexes.present('mail')),
    upn: numbersOf(indexes.equalText('loginName', 'ada@contoso.example')),
    uid: numbersOf(indexes.equalNumber('uidNumber', ada.uidNumber, 1)),
    part: numbersOf(indexes.substring('department', { initial: 'sal', any: [], final: null })),
    range: numbersOf(indexes.within('uidNumber', { least: 0, most: 10, living: 1 })),
  })
  const { no } = ada
  t.same(found(), {
    before: [no],
    after: [],
    mail: [no],
    upn: [no],
    uid: [no],
    part: [],
    range: [],
  })
  indexes.replace(ada, moved)
  t.same(found(), {
    before: [],
    after: [no],
    mail: [],
    upn: [no],
    uid: [],
    part: [no],
    range: [no],
  })
  indexes.replace(moved, null)
  const nothing = { before: [], after: [], mail: [], upn: [], uid: [], part: [], range: [] }
  t.same(found(), nothing)
})
