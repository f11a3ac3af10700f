import fc from 'fast-check'
import t from 'tap'
import { decideBlocked, defaultFailurePolicy } from '../../src/credentials/failure-policy.ts'
import { Failures } from '../../src/credentials/failures.ts'
import type { PrincipalId } from '../../src/directory/id.ts'
import { makeId } from '../../src/directory/id.ts'
import type { FailureKey } from '../../src/directory/ports/resources.ts'
import { MemoryFailureStore } from '../support/credentials.ts'

const policy = defaultFailurePolicy
const principals = [makeId<PrincipalId>(), makeId<PrincipalId>()]
const HOUR_MS = 3_600_000

const key = fc.record({
  principalId: fc.constantFrom(...principals),
  resourceKind: fc.constantFrom('ldap', 'network'),
  device: fc.constantFrom('', '02-00-00-00-00-01', '02-00-00-00-00-02'),
})

/** Somebody who tries whenever she may, with waits between. */
const history = fc.array(
  fc.record({ key, isRight: fc.boolean(), waitMs: fc.integer({ min: 0, max: 2 * HOUR_MS }) }),
  { maxLength: 120 },
)

function attempt(failures: Failures, one: { key: FailureKey; isRight: boolean }): void {
  if (failures.findBlocked(one.key) !== null) return
  if (one.isRight) failures.recordSuccess(one.key)
  else failures.recordFailure(one.key)
}

await t.test('lockout: counts of one kind and device never touch another', async (t) => {
  fc.assert(
    fc.property(history, (tries) => {
      const clock = { nowMs: 1_000_000_000_000 }
      const all = new Failures({ store: new MemoryFailureStore(), nowMs: () => clock.nowMs })
      const alone = new Failures({ store: new MemoryFailureStore(), nowMs: () => clock.nowMs })
      const watched = { principalId: principals[0] ?? makeId(), resourceKind: 'ldap', device: '' }
      return tries.every((one) => {
        clock.nowMs += one.waitMs
        attempt(all, one)
        if (JSON.stringify(one.key) === JSON.stringify(watched)) attempt(alone, one)
        return all.findBlocked(watched) === alone.findBlocked(watched)
      })
    }),
  )
  t.ok(true)
})

await t.test('lockout: back-off comes before the lock, and both end', async (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 40 }),
      fc.nat({ max: 30 * HOUR_MS }),
      (failures, ageMs) => {
        const count = { failures, lastAtMs: 0 }
        const blocked = decideBlocked(policy, count, ageMs)
        if (failures < policy.freeFailures) return blocked === null
        if (failures < policy.lockAfter && blocked === 'locked-out') return false
        if (failures >= policy.lockAfter && blocked === 'backing-off') return false
        return ageMs < policy.lockMs || blocked === null
      },
    ),
  )
  const delays = Array.from({ length: policy.lockAfter - policy.freeFailures }, (_, n) => {
    const count = { failures: policy.freeFailures + n, lastAtMs: 0 }
    let ageMs = 0
    while (decideBlocked(policy, count, ageMs) !== null) ageMs += 500
    return ageMs
  })
  t.same(delays, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000], 'it doubles')
})

await t.test('lockout: however a guesser times her tries, a day gives her few', async (t) => {
  const waits = fc.array(fc.integer({ min: 1, max: 600_000 }), { minLength: 1, maxLength: 50 })
  const devices = fc.array(fc.string({ minLength: 1, maxLength: 3 }), {
    minLength: 1,
    maxLength: 40,
  })
  fc.assert(
    fc.property(waits, devices, (pattern, macs) => {
      const clock = { nowMs: 1_000_000_000_000 }
      const failures = new Failures({ store: new MemoryFailureStore(), nowMs: () => clock.nowMs })
      const endMs = clock.nowMs + 24 * HOUR_MS
      let guesses = 0
      for (let n = 0; clock.nowMs < endMs; n += 1) {
        const device = macs[n % macs.length] ?? ''
        const tried = { principalId: principals[0] ?? makeId(), resourceKind: 'network', device }
        if (failures.findBlocked(tried) === null) {
          guesses += 1
          failures.recordFailure(tried)
        }
        clock.nowMs += pattern[n % pattern.length] ?? 1
        if (n > 20_000) break
      }
      // Four devices with a count of their own and one for all others, 12 and then 48 a day each.
      return guesses <= 5 * (policy.lockAfter + 48)
    }),
    { numRuns: 25 },
  )
  t.ok(true)
})

await t.test(
  'lockout: memory and database end equal, whenever the database was away',
  async (t) => {
    const steps = fc.array(
      fc.record({ key, what: fc.constantFrom('fail', 'fail', 'fail', 'succeed', 'away', 'back') }),
      { maxLength: 40 },
    )
    await fc.assert(
      fc.asyncProperty(steps, async (history) => {
        const store = new MemoryFailureStore()
        const failures = new Failures({ store })
        for (const step of history) {
          if (step.what === 'fail') failures.recordFailure(step.key)
          else if (step.what === 'succeed') failures.recordSuccess(step.key)
          else store.isAway = step.what === 'away'
        }
        store.isAway = false
        // Written behind the answers: no timer is needed while nothing was refused.
        for (let n = 0; n < 400 && failures.unwritten > 0; n += 1) await Promise.resolve()
        await failures.stop()
        const held = principals.flatMap((id) => failures.listFor(id))
        const isEqual = held.every(({ key, count }) => {
          const text = `${key.principalId}|${key.resourceKind}|${key.device}`
          return store.counts.get(text)?.failures === Math.min(count.failures, policy.lockAfter)
        })
        return isEqual && store.counts.size === held.length
      }),
      { numRuns: 100 },
    )
    t.ok(true)
  },
)
