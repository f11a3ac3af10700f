import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { Failures } from '../../../src/credentials/failures.ts'
import type { PrincipalId } from '../../../src/directory/id.ts'
import { makeId } from '../../../src/directory/id.ts'
import { formatFailureKey } from '../../../src/directory/ports/resources.ts'
import { anAttempt, aService, Bench, MemoryFailureStore, never } from '../../support/credentials.ts'

const principalId = makeId<PrincipalId>()
const keyOf = (device = '', resourceKind = 'network') => ({ principalId, resourceKind, device })
const fail = (failures: Failures, times: number, device = '') => {
  for (let n = 0; n < times; n += 1) failures.recordFailure(keyOf(device))
}

async function ask(bench: Bench, password: string, device: string | null = null) {
  const attempt = anAttempt('adele', password, { device })
  const outcome = await bench.authenticator.authenticate(attempt, never)
  return outcome.ok ? 'ok' : outcome.denial
}

await t.test(
  'five wrong passwords are free, then even the right one waits, then it is locked',
  async (t) => {
    const bench = new Bench()
    t.teardown(() => bench.stop())
    await bench.putPerson('adele', 'right')
    for (let n = 1; n <= 5; n += 1) t.equal(await ask(bench, `wrong ${n}`), 'wrong-password')
    t.equal(await ask(bench, 'right'), 'backing-off')
    bench.clock.nowMs += 1_000
    for (let n = 6; n <= 12; n += 1) {
      t.equal(await ask(bench, `wrong ${n}`), 'wrong-password', `after its delay, ${n}`)
      t.equal(await ask(bench, 'right'), n < 12 ? 'backing-off' : 'locked-out')
      bench.clock.nowMs += 64_000
    }
    t.equal(await ask(bench, 'right'), 'locked-out')
    bench.clock.nowMs += 30 * 60_000
    t.equal(await ask(bench, 'right'), 'ok')
    t.equal(bench.failures.size, 0, 'and all is forgiven')
  },
)

await t.test(
  'a stale phone that repeats one value costs neither steps nor verifications',
  async (t) => {
    const bench = new Bench()
    t.teardown(() => bench.stop())
    const { person } = await bench.putPerson('adele', 'right')
    for (let n = 0; n < 50; n += 1) t.equal(await ask(bench, 'old', 'phone'), 'wrong-password')
    t.match(bench.failures.listFor(person.id), [{ count: { failures: 1 }, blocked: null }])
    t.equal(await ask(bench, 'right', 'phone'), 'ok')
    t.equal(bench.events.length, 51, 'and each answer is in the record')
  },
)

await t.test('a lock holds for its kind of resource and its device only', async (t) => {
  const bench = new Bench()
  t.teardown(() => bench.stop())
  const { person } = await bench.putPerson('adele', 'right')
  for (let n = 0; n < 12; n += 1) {
    bench.failures.recordFailure({ principalId: person.id, resourceKind: 'ldap', device: 'a' })
  }
  t.equal(await ask(bench, 'right', 'a'), 'locked-out')
  t.equal(await ask(bench, 'right', 'b'), 'ok')
  t.equal(await ask(bench, 'right'), 'ok')
  bench.failures.clearAll(person.id)
  t.equal(await ask(bench, 'right', 'a'), 'ok', 'an admin unlocks')
})

await t.test('right password without access is no failure', async (t) => {
  const bench = new Bench()
  t.teardown(() => bench.stop())
  await bench.putPerson('adele', 'right')
  const resource = { kind: 'ldap', client: aService('closed', { allowedGroupIds: [] }) } as const
  for (let n = 0; n < 20; n += 1) {
    await bench.authenticator.authenticate(anAttempt('adele', 'right', { resource }), never)
  }
  t.equal(bench.failures.size, 0)
})

await t.test('bytes that cannot be a password are refused and not counted', async (t) => {
  const bench = new Bench()
  t.teardown(() => bench.stop())
  await bench.putPerson('adele', 'right')
  for (let n = 0; n < 20; n += 1) {
    const attempt = anAttempt('adele', Buffer.from([0xff, n]))
    t.match(await bench.authenticator.authenticate(attempt, never), { denial: 'wrong-password' })
  }
  t.equal(bench.failures.size, 0, 'a wrong shared secret of a NAS locks nobody out')
})

await t.test('a hundred guesses sent at once get no more than the free ones', async (t) => {
  const bench = new Bench()
  t.teardown(() => bench.stop())
  const { person } = await bench.putPerson('adele', 'right')
  const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => ask(bench, `guess ${n}`)))
  t.equal(answers.filter((denial) => denial === 'wrong-password').length, 5)
  t.equal(answers.filter((denial) => denial === 'backing-off').length, 95)
  t.match(bench.failures.listFor(person.id), [{ count: { failures: 5 } }])
})

await t.test(
  'the same guess sent a hundred times at once is one verification and one failure',
  async (t) => {
    const bench = new Bench()
    t.teardown(() => bench.stop())
    const { person } = await bench.putPerson('adele', 'right')
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask(bench, 'same')))
    t.ok(answers.every((denial) => denial === 'wrong-password' || denial === 'backing-off'))
    t.match(bench.failures.listFor(person.id), [{ count: { failures: 1 } }])
  },
)

await t.test(
  'made-up devices share one count; a device that has signed in keeps its own',
  async (t) => {
    const failures = new Failures({ store: new MemoryFailureStore() })
    t.teardown(() => failures.stop())
    failures.recordSuccess(keyOf('her phone'))
    for (let n = 0; n < 40; n += 1) failures.recordFailure(keyOf(`made-up ${n}`))
    t.equal(failures.findBlocked(keyOf('made-up 99')), 'locked-out')
    t.equal(failures.findBlocked(keyOf('her phone')), null)
    t.equal(failures.size, 5)
  },
)

await t.test(
  'counts go to the database behind the answer, and those of others come back',
  async (t) => {
    const store = new MemoryFailureStore()
    const first = new Failures({ store })
    fail(first, 3)
    await first.stop()
    t.equal(store.counts.get(formatFailureKey(keyOf()))?.failures, 3)
    const second = new Failures({ store })
    t.teardown(() => second.stop())
    await second.start()
    t.match(second.listFor(principalId), [{ count: { failures: 3 } }])
    store.counts.set(formatFailureKey(keyOf()), { failures: 11, lastAtMs: Date.now() })
    second.recordFailure(keyOf())
    await delay(10)
    t.match(second.listFor(principalId), [{ count: { failures: 12 }, blocked: 'locked-out' }])
  },
)

await t.test('without the database counting goes on, and is written when it is back', async (t) => {
  const store = new MemoryFailureStore()
  store.isAway = true
  const faults: unknown[] = []
  const failures = new Failures({ store, onFault: (error) => faults.push(error) })
  await failures.start()
  fail(failures, 7)
  t.equal(failures.findBlocked(keyOf()), 'backing-off')
  await delay(20)
  t.ok(faults.length >= 2, 'the start and the write were told of')
  store.isAway = false
  await failures.stop()
  t.equal(store.counts.get(formatFailureKey(keyOf()))?.failures, 7)
  t.equal(failures.unwritten, 0)
})

await t.test('a count the database will never take does not hold up the others', async (t) => {
  const store = new MemoryFailureStore()
  const refused = keyOf('deleted since')
  const faults: unknown[] = []
  const failures = new Failures({
    store: {
      recordFailure: (key) =>
        key.device === refused.device
          ? Promise.reject(new Error('violates a foreign key'))
          : store.recordFailure(key),
      clear: (key) => store.clear(key),
      current: () => store.current(),
    },
    onFault: (error) => faults.push(error),
  })
  failures.recordFailure(refused)
  failures.recordFailure(keyOf('good'))
  const deadline = Date.now() + 20_000
  while (failures.unwritten > 0 && Date.now() < deadline) await delay(50)
  await failures.stop()
  t.equal(failures.unwritten, 0)
  t.equal(faults.length, 3)
  t.equal(store.counts.size, 1)
})
