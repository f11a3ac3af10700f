import { setImmediate as nextRound } from 'node:timers/promises'
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
