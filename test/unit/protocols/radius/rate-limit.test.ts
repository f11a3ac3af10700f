import t from 'tap'
import { type Lane, RateLimit } from '../../../../protocols/radius/rate-limit.ts'

/** How many of `count` requests at one moment go through. */
function passed(
  limit: RateLimit,
  { source, nowMs, count, lane }: { source: string; nowMs: number; count: number; lane: Lane },
): number {
  let took = 0
  for (let at = 0; at < count; at++) if (limit.take(source, { lane, perSecond: 5, nowMs })) took++
  return took
}
const lane = 'signed log-in'

t.test('ten seconds of the rate at once, then the rate; nobody else pays for it', async (t) => {
  const limit = new RateLimit()
  t.equal(passed(limit, { source: 'a', nowMs: 0, count: 1_000, lane }), 50)
  t.equal(passed(limit, { source: 'b', nowMs: 0, count: 30, lane }), 30)
  t.equal(passed(limit, { source: 'a', nowMs: 1_000, count: 1_000, lane }), 5)
  t.equal(passed(limit, { source: 'a', nowMs: 60_000, count: 1_000, lane }), 50, 'ends by itself')
})

t.test('what can be forged, goes on, or reports has a bucket of its own', async (t) => {
  const limit = new RateLimit()
  const of = (other: Lane) => passed(limit, { source: 'a', nowMs: 0, count: 10_000, lane: other })
  t.equal(of('unsigned log-in'), 50)
  t.equal(of('signed log-in'), 50)
  t.equal(of('log-in under way'), 50 * 32)
  t.equal(of('accounting'), 50 * 4)
})

t.test('another rate holds at once', async (t) => {
  const limit = new RateLimit()
  t.equal(passed(limit, { source: 'a', nowMs: 0, count: 100, lane }), 50)
  let took = 0
  for (let at = 0; at < 1_000; at++)
    if (limit.take('a', { lane, perSecond: 100, nowMs: 1_000 })) took++
  t.equal(took, 100)
})

t.test(
  'sources are bounded in number, and forgotten once there is nothing against them',
  async (t) => {
    const limit = new RateLimit(100)
    for (let at = 0; at < 1_000; at++) limit.take(`a${at}`, { lane, perSecond: 5, nowMs: 0 })
    t.equal(limit.size, 100)
    limit.take('b', { lane, perSecond: 5, nowMs: 20_000 })
    t.equal(limit.size, 1)
  },
)
