import t from 'tap'
import { LineLimit } from '../../../src/observe/line-limit.ts'

/** A limit with a clock, and all it has had written, as `reason source count`. */
function aLimit(options: { readonly maxLines?: number; readonly everyMs?: number } = {}) {
  const clock = { nowMs: 0 }
  const lines: string[] = []
  const limit = new LineLimit({
    tellRest: (reason, count) => lines.push(`${reason} rest ${count}`),
    nowMs: () => clock.nowMs,
    ...options,
  })
  const happen = (reason: string, source: string): void => {
    const count = limit.count(reason, source)
    if (count > 0) lines.push(`${reason} ${source} ${count}`)
  }
  const told = () => lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
  return { clock, lines, limit, happen, told }
}

await t.test('each source has its line a minute, which counts what came since', async (t) => {
  const { clock, lines, happen } = aLimit()
  for (let n = 0; n < 5; n += 1) happen('bad', 'a')
  happen('bad', 'b')
  happen('worse', 'a')
  clock.nowMs = 59_999
  happen('bad', 'a')
  t.same(lines, ['bad a 1', 'bad b 1', 'worse a 1'])
  clock.nowMs = 60_000
  happen('bad', 'a')
  t.same(lines.slice(3), ['bad a 6'])
})

await t.test('sources without end write no more lines than the limit, and one sum', async (t) => {
  const { clock, lines, limit, happen, told } = aLimit({ maxLines: 20 })
  for (let n = 0; n < 5_000; n += 1) {
    clock.nowMs += 10
    happen('unknown', `10.0.${n >> 8}.${n & 255}`)
  }
  happen('other', '192.0.2.1')
  t.equal(lines.length, 21, 'another reason has its own lines')
  clock.nowMs = 61_000
  limit.flush()
  t.equal(lines.at(-1), 'unknown rest 4980')
  t.equal(told(), 5_001)
  limit.flush()
  t.equal(lines.length, 22, 'nothing is told twice')
  happen('unknown', '192.0.2.9')
  t.equal(lines.at(-1), 'unknown 192.0.2.9 1', 'a minute later there is room again')
})

await t.test('what was counted for a next line that never comes is told as well', async (t) => {
  const { clock, lines, limit, happen } = aLimit()
  for (let n = 0; n < 4; n += 1) happen('bad', 'a')
  clock.nowMs = 30_000
  limit.flush()
  t.same(lines, ['bad a 1'], 'its minute is not over')
  clock.nowMs = 60_000
  limit.flush()
  t.same(lines, ['bad a 1', 'bad rest 3'])
})

await t.test('no event is lost, whatever comes when', async (t) => {
  const { clock, limit, happen, told } = aLimit({ maxLines: 3 })
  for (let n = 0; n < 2_000; n += 1) {
    clock.nowMs += (n * 7_919) % 5_000
    happen(n % 3 === 0 ? 'bad' : 'worse', `s${(n * 31) % 11}`)
    if (n % 50 === 0) limit.flush()
  }
  clock.nowMs += 60_000
  limit.flush()
  t.equal(told(), 2_000)
})

await t.test('the sum is told without another event', async (t) => {
  const lines: string[] = []
  const limit = new LineLimit({
    everyMs: 5,
    tellRest: (reason, count) => lines.push(`${reason} ${count}`),
  })
  for (let n = 0; n < 3; n += 1) limit.count('bad', 'a')
  // Its own timer keeps nothing alive, so this one has to.
  for (let waits = 0; lines.length === 0 && waits < 400; waits += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  t.same(lines, ['bad 2'])
})
