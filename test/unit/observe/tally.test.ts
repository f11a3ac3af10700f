import t from 'tap'
import { Tally } from '../../../src/observe/tally.ts'

await t.test('counts by labels in any order, and begins anew when drained', async (t) => {
  const tally = new Tally<[operation: string, code: number]>()
  for (const operation of ['bind', 'search', 'search', 'bind', 'search']) tally.add(operation, 0)
  tally.add('bind', 49)
  const drain = () => {
    const found: [string, number, number][] = []
    tally.drain((count, [operation, code]) => found.push([operation, code, count]))
    return found
  }
  t.same(drain(), [
    ['bind', 0, 2],
    ['search', 0, 3],
    ['bind', 49, 1],
  ])
  t.same(drain(), [], 'nothing is told twice')
  tally.add('bind', 49)
  t.same(drain(), [['bind', 49, 1]], 'the cell used last was drained as well')
})
