import { setImmediate as nextRound } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { Turns } from '../../../protocols/wire/index.ts'

/** Counts rounds of the event loop. */
function countRounds() {
  let rounds = 0
  let isOver = false
  const count = () => {
    rounds += 1
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  return {
    now: () => rounds,
    end: () => {
      isOver = true
    },
  }
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
}

function spend(ms: number): void {
  const untilMs = performance.now() + ms
  while (performance.now() < untilMs);
}

await t.test('one a round, in their order, where no time is given', async (t) => {
  const rounds = countRounds()
  const turns = new Turns()
  const ran: { readonly name: string; readonly round: number }[] = []
  for (const name of ['a', 'b', 'c']) turns.take(() => ran.push({ name, round: rounds.now() }))
  while (ran.length < 3) await nextRound()
  rounds.end()
  t.same(
    ran.map(({ name }) => name),
    ['a', 'b', 'c'],
  )
  t.equal(new Set(ran.map(({ round }) => round)).size, 3)
})

await t.test('as many a round as there is time for, what they put off counted', async (t) => {
  const rounds = countRounds()
  const roomy = new Turns(60_000)
  const cheap: number[] = []
  for (let at = 0; at < 10; at++) roomy.take(() => cheap.push(rounds.now()))
  while (cheap.length < 10) await nextRound()
  t.equal(new Set(cheap).size, 1, 'all in one')

  const turns = new Turns(5)
  const costly: number[] = []
  const cost = async () => {
    await Promise.resolve()
    spend(6)
    costly.push(rounds.now())
  }
  for (let at = 0; at < 4; at++) turns.take(() => void cost())
  while (costly.length < 4) await nextRound()
  rounds.end()
  t.equal(new Set(costly).size, 4, 'each in its own')
})

await t.test('one that takes another turn lets the others go first', async (t) => {
  const turns = new Turns(1_000)
  const ran: string[] = []
  turns.take(() => {
    ran.push('a')
    turns.take(() => ran.push('a again'))
  })
  turns.take(() => ran.push('b'))
  while (ran.length < 3) await nextRound()
  t.same(ran, ['a', 'b', 'a again'])
  turns.take(() => ran.push('later'))
  await nextRound()
  t.equal(ran.at(-1), 'later', 'and it goes on after a rest')
})

await t.test('each kind has its lane, and a flood of one holds up no other', async (t) => {
  const turns = new Turns()
  const [flood, other] = [turns.lane(), turns.lane()]
  const ran: string[] = []
  for (let at = 0; at < 100; at++) flood.take(() => ran.push('flood'))
  other.take(() => ran.push('other'))
  while (!ran.includes('other')) await nextRound()
  t.ok(ran.length <= 2, 'the second at the latest')
  while (ran.length < 101) await nextRound()
})

await t.test('what was taken is let go of, although somebody always waits', async (t) => {
  const turns = new Turns(60_000)
  let taken: WeakRef<object> | null = null
  const put = (held: object) => {
    turns.take(() => t.ok(held))
    return new WeakRef(held)
  }
  let left = 3_000
  const next = () => {
    left -= 1
    // Two for one, until the end: it never runs empty.
    if (left > 0) turns.take(next)
  }
  turns.take(next)
  turns.take(next)
  taken = put({})
  for (let at = 0; at < 50; at++) await nextRound()
  t.ok(left > 0, 'it goes on')
  collectGarbage()
  t.equal(taken.deref(), undefined)
  while (left > 0) await nextRound()
})
