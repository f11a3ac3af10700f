import t from 'tap'
import { Denials } from '../../../src/storage/feed/denials.ts'
import { FreshnessClock } from '../../../src/storage/feed/freshness.ts'
import { parseHints } from '../../../src/storage/wake-up.ts'

function makeClock() {
  const time = { monotonicMs: 1_000, wallMs: 1_000_000 }
  const clock = new FreshnessClock({
    monotonicMs: () => time.monotonicMs,
    wallMs: () => time.wallMs,
  })
  /** Time passes while the process runs: it looks at the clock several times a second. */
  const pass = (ms: number) => {
    for (let done = 0; done < ms; done += 250) {
      time.monotonicMs += 250
      time.wallMs += 250
      clock.beat()
    }
  }
  return { time, clock, pass }
}

await t.test('nothing is fresh before the first confirmation', async (t) => {
  const { clock } = makeClock()
  t.equal(clock.freshness(300_000), 'too-stale')
  clock.confirm(clock.startRound())
  t.equal(clock.freshness(0), 'fresh')
})

await t.test('without the database answers go on up to the limit, and 0 is strict', async (t) => {
  const { clock, pass } = makeClock()
  clock.confirm(clock.startRound())
  for (const [ms, strict, lenient] of [
    [1_000, 'fresh', 'fresh'],
    [250, 'too-stale', 'within-limit'],
    [298_750, 'too-stale', 'within-limit'],
    [250, 'too-stale', 'too-stale'],
  ] as const) {
    pass(ms)
    t.same([clock.freshness(0), clock.freshness(300_000)], [strict, lenient])
  }
})

await t.test('what is confirmed is the moment a round began, not when it ended', async (t) => {
  const { clock, pass } = makeClock()
  clock.confirm(clock.startRound())
  const start = clock.startRound()
  pass(1_500)
  clock.confirm(start)
  t.equal(clock.ageMs, 1_500)
  t.equal(clock.freshness(0), 'too-stale')
})

for (const [name, stop] of [
  ['stopped by a signal', { monotonicMs: 2_100, wallMs: 2_100 }],
  ['asleep with its machine', { monotonicMs: 10, wallMs: 60_000 }],
] as const) {
  await t.test(`a process that was ${name} confirms before any yes`, async (t) => {
    const { clock, time, pass } = makeClock()
    clock.confirm(clock.startRound())
    const before = clock.startRound()
    time.monotonicMs += stop.monotonicMs
    time.wallMs += stop.wallMs
    t.equal(clock.freshness(300_000), 'too-stale', 'the very first question sees it')
    t.equal(clock.mustConfirm, true)
    pass(500)
    clock.confirm(before)
    t.equal(clock.freshness(300_000), 'too-stale', 'a round from before the pause says nothing')
    clock.confirm(clock.startRound())
    t.equal(clock.freshness(0), 'fresh')
  })
}

await t.test('a clock set back is no pause', async (t) => {
  const { clock, time } = makeClock()
  clock.confirm(clock.startRound())
  time.wallMs -= 3_600_000
  time.monotonicMs += 10
  t.equal(clock.freshness(0), 'fresh')
})

await t.test('hints that come during a round outlive it', async (t) => {
  const denials = new Denials()
  denials.add(['a'])
  const mark = denials.mark()
  denials.add(['b'])
  t.same(denials.forgetUpTo(mark), ['a'])
  t.same(denials.forgetUpTo(mark), [], 'each ends once')
  t.same(denials.forgetUpTo(denials.mark()), ['b'])
})

await t.test('only a list of texts is a payload', async (t) => {
  t.same(parseHints('["x","y"]'), ['x', 'y'])
  for (const other of [undefined, '', 'x', '{"a":1}', '[1,null]', '['])
    t.same(parseHints(other), [])
})
