import t from 'tap'
import { Circuit } from '../../../src/sources/circuit.ts'

await t.test('three people without an answer open it for a moment, not one who repeats', (t) => {
  let nowMs = 0
  const circuit = new Circuit(() => nowMs)
  for (const person of ['a', 'a', 'a', 'b']) circuit.unanswered(person)
  t.equal(circuit.find(), null)
  circuit.unanswered('c')
  t.match(circuit.find(), { why: 'unreachable' })
  nowMs += 5_000
  t.equal(circuit.find(), null)
  t.end()
})

await t.test('attempts far apart tell of nothing common', (t) => {
  let nowMs = 0
  const circuit = new Circuit(() => nowMs)
  for (const person of ['a', 'b', 'c', 'd', 'e']) {
    circuit.unanswered(person)
    t.equal(circuit.find(), null, person)
    nowMs += 6_000
  }
  t.end()
})
