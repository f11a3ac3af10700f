import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Turns } from '../../src/turns.ts'

// Turns alone do not keep a process alive.
const alive = setInterval(() => undefined, 1_000)
t.teardown(() => clearInterval(alive))

const HOUR_MS = 3_600_000

function waiter() {
  let resolve: () => void = () => undefined
  const done = new Promise<void>((end) => {
    resolve = end
  })
  return { done, resolve }
}

const unexpected = (error: unknown): never => {
  throw error
}

await t.test('turns follow one another, whatever one throws', async (t) => {
  const third = waiter()
  const faults: unknown[] = []
  let count = 0
  const turns = new Turns({
    work: async () => {
      count++
      if (count === 3) third.resolve()
      else throw new Error(`turn ${count}`)
    },
    onFault: (error) => faults.push(String(error)),
    everyMs: 1,
  })
  turns.start()
  await third.done
  await turns.stop()
  t.same(faults, ['Error: turn 1', 'Error: turn 2'])
})

await t.test('woken, the next begins at once; within a turn, when that has ended', async (t) => {
  const [first, second, gate] = [waiter(), waiter(), waiter()]
  let [count, under] = [0, 0]
  const turns = new Turns({
    work: async () => {
      count++
      under++
      t.equal(under, 1, 'never two at once')
      if (count === 1) {
        first.resolve()
        await gate.done
      } else second.resolve()
      under--
    },
    onFault: unexpected,
    everyMs: HOUR_MS,
  })
  turns.wake()
  await sleep(5)
  t.equal(count, 0, 'not before the start')
  turns.start()
  turns.wake()
  await first.done
  turns.wake()
  turns.wake()
  gate.resolve()
  await second.done
  await turns.stop()
  t.equal(count, 2, 'asked twice within one, it comes once')
})

await t.test('a stop waits for the turn under way, which is told, and is the last', async (t) => {
  const begun = waiter()
  let isEnded = false
  const turns = new Turns({
    work: async (signal) => {
      begun.resolve()
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      await sleep(5)
      isEnded = true
      signal.throwIfAborted()
    },
    onFault: unexpected,
    firstMs: 0,
    everyMs: 0,
  })
  turns.start()
  await begun.done
  await turns.stop()
  t.ok(isEnded)
  isEnded = false
  turns.wake()
  await sleep(5)
  t.notOk(isEnded, 'nor does one begin')
})
