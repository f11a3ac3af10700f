import t from 'tap'
import { isWeakerThan, parseParameters } from '../../../src/credentials/argon2-parameters.ts'
import { Argon2Pool, defaultConcurrency } from '../../../src/credentials/argon2-pool.ts'
import { FairQueue } from '../../../src/credentials/fair-queue.ts'
import { VerificationTimes } from '../../../src/credentials/verification-times.ts'
import { cheap } from '../../support/credentials.ts'

const password = Buffer.from('correct horse')
const turn = (key: string, signal?: AbortSignal) =>
  signal === undefined ? { key } : { key, signal }

await t.test('a hash has the parameters asked for and verifies only its password', async (t) => {
  const pool = new Argon2Pool()
  t.teardown(() => pool.stop())
  const verifier = await pool.hash(password, turn('a'))
  t.match(verifier, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  t.equal(await pool.verify(verifier, password, turn('a')), true)
  t.equal(await pool.verify(verifier, Buffer.from('Correct horse'), turn('a')), false)
  t.equal(pool.needsRehash(verifier), false)
})

await t.test('parameters: what is weaker, what is not, and what nobody pays for', async (t) => {
  const wanted = { memoryKib: 19_456, passes: 2, lanes: 1 }
  const verifier = (m: number, passes: number, type = 'id', version = 19) =>
    `$argon2${type}$v=${version}$m=${m},t=${passes},p=1$c2FsdA$aGFzaA`
  const cases: [string, boolean][] = [
    [verifier(19_456, 2), false],
    [verifier(47_104, 1), false],
    [verifier(65_536, 3), false],
    [verifier(19_456, 1), true],
    [verifier(12_288, 3), true],
    [verifier(65_536, 3, 'i'), true],
    [verifier(65_536, 3, 'id', 16), true],
    ['{SSHA}abc', true],
  ]
  for (const [text, isWeaker] of cases) t.equal(isWeakerThan(text, wanted), isWeaker, text)
  for (const text of [verifier(4_194_304, 1), verifier(19_456, 1_000), verifier(7, 1), 'x']) {
    t.equal(parseParameters(text), null, text)
  }
})

await t.test(
  'no more run at once than was said, and one core and one thread stay free',
  async (t) => {
    t.equal(defaultConcurrency(1, 4), 1)
    t.equal(defaultConcurrency(2, 4), 1)
    t.equal(defaultConcurrency(4, 4), 3)
    t.equal(defaultConcurrency(16, 4), 3, 'the pool of libuv is shared')
    t.equal(defaultConcurrency(16, 16), 15)
    t.equal(defaultConcurrency(16, Number.NaN), 3)
    const pool = new Argon2Pool({ parameters: cheap, concurrency: 2 })
    t.teardown(() => pool.stop())
    const verifier = await pool.hash(password, turn('a'))
    const all = Array.from({ length: 20 }, () => pool.verify(verifier, password, turn('a')))
    t.equal(pool.running, 2)
    t.equal(pool.waiting, 18)
    await Promise.all(all)
    t.equal(pool.running + pool.waiting, 0)
  },
)

await t.test('keys take turns: a flood of one does not hold up the other', async (t) => {
  const pool = new Argon2Pool({ parameters: cheap, concurrency: 1 })
  t.teardown(() => pool.stop())
  const verifier = await pool.hash(password, turn('a'))
  const order: string[] = []
  const ask = (key: string) =>
    pool.verify(verifier, password, turn(key)).then(() => {
      order.push(key)
    })
  const flood = Array.from({ length: 100 }, () => ask('flood'))
  const quiet = Array.from({ length: 3 }, () => ask('quiet'))
  await Promise.all([...flood, ...quiet])
  t.same(order.slice(0, 7), ['flood', 'flood', 'quiet', 'flood', 'quiet', 'flood', 'quiet'])
})

await t.test(
  'a full queue, a full key and a passed deadline are overload, never a no',
  async (t) => {
    const options = { parameters: cheap, concurrency: 1, maxWaiting: 4, maxWaitingPerKey: 3 }
    const pool = new Argon2Pool({ ...options, deadlineMs: 60_000 })
    t.teardown(() => pool.stop())
    const verifier = await pool.hash(password, turn('a'))
    const ask = (key: string) => pool.verify(verifier, password, turn(key))
    const kept = [ask('a'), ask('a'), ask('a'), ask('a')]
    const overload = { name: 'AuthenticationUnavailable', reason: 'overloaded' }
    await t.rejects(ask('a'), overload)
    const other = ask('b')
    await t.rejects(ask('b'), overload)
    t.same(await Promise.all([...kept, other]), [true, true, true, true, true])

    const slow = new Argon2Pool({ concurrency: 1, deadlineMs: 5 })
    t.teardown(() => slow.stop())
    const costly = await new Argon2Pool().hash(password, turn('a'))
    const first = slow.verify(costly, password, turn('a'))
    await t.rejects(slow.verify(costly, password, turn('b')), overload)
    t.equal(await first, true, 'what runs is not cut off')
  },
)

await t.test(
  'leaving gives the place in the queue back, and a stop refuses what waits',
  async (t) => {
    const pool = new Argon2Pool({ parameters: cheap, concurrency: 1 })
    const verifier = await pool.hash(password, turn('a'))
    const controller = new AbortController()
    const running = pool.verify(verifier, password, turn('a'))
    const leaving = pool.verify(verifier, password, turn('a', controller.signal))
    const pausing = pool.pause(turn('b', controller.signal))
    const waiting = pool.verify(verifier, password, turn('c'))
    t.equal(pool.waiting, 3)
    controller.abort()
    await t.rejects(leaving, { name: 'AbortError' })
    await t.rejects(pausing, { name: 'AbortError' })
    t.equal(pool.waiting, 1)
    const stopped = pool.stop()
    const stopping = { name: 'AuthenticationUnavailable', reason: 'stopping' }
    await t.rejects(waiting, stopping)
    t.equal(await running, true)
    await stopped
    await t.rejects(pool.verify(verifier, password, turn('a')), stopping)
    await t.rejects(pool.pause(turn('a')), stopping)
  },
)

await t.test(
  'a pause holds a slot like a verification, so what comes after it waits',
  async (t) => {
    const pool = new Argon2Pool({ concurrency: 1 })
    t.teardown(() => pool.stop())
    await pool.start(new AbortController().signal)
    const order: string[] = []
    const pause = pool.pause(turn('a')).then(() => order.push('pause'))
    const verifier = '$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g'
    const real = pool.verify(verifier, password, turn('a')).then(() => order.push('verified'))
    await Promise.all([pause, real])
    t.same(order, ['pause', 'verified'])
  },
)

await t.test('the buffer handed in may change while the verification waits', async (t) => {
  const pool = new Argon2Pool({ parameters: cheap, concurrency: 1 })
  t.teardown(() => pool.stop())
  const verifier = await pool.hash(password, turn('a'))
  const shared = Buffer.from(password)
  const first = pool.verify(verifier, shared, turn('a'))
  const second = pool.verify(verifier, shared, turn('a'))
  shared.fill(0)
  t.same(await Promise.all([first, second]), [true, true])
})

await t.test('the event loop goes on while verifications queue up', async (t) => {
  const pool = new Argon2Pool({ concurrency: 1 })
  t.teardown(() => pool.stop())
  const verifier = await pool.hash(password, turn('a'))
  let turns = 0
  const ticking = setInterval(() => {
    turns += 1
  }, 1)
  await Promise.all(Array.from({ length: 10 }, () => pool.verify(verifier, password, turn('a'))))
  clearInterval(ticking)
  t.ok(turns > 20, `${turns} turns of the loop in ten verifications`)
})

await t.test('the fair queue forgets keys with nothing waiting', async (t) => {
  const queue = new FairQueue<number>({ maxWaiting: 10, maxWaitingPerKey: 10 })
  queue.add('a', 1)
  queue.add('a', 2)
  queue.add('b', 3)
  t.equal(queue.remove('a', 1), true)
  t.equal(queue.remove('a', 1), false)
  t.same([queue.take(), queue.take(), queue.take()], [2, 3, null])
  t.equal(queue.waiting, 0)
})

await t.test('drawn times are times that happened, less the lateness of timers', async (t) => {
  const times = new VerificationTimes()
  t.equal(times.isStale(0), true, 'nothing is known yet')
  t.equal(times.draw(0), 0)
  for (const duration of [20, 21, 22]) times.add(duration, 1_000)
  t.equal(times.isStale(1_001), false)
  t.equal(times.isStale(7_000), true)
  for (let n = 0; n < 50; n += 1) t.ok([20, 21, 22].includes(times.draw(1_001)))
  times.add(90, 6_500)
  for (let n = 0; n < 20; n += 1) t.equal(times.draw(7_000), 90, 'the others tell of another load')
  t.equal(times.isStale(7_000), false)
  t.equal(times.draw(12_000), 0)
  const mean = () =>
    Array.from({ length: 2_000 }, () => times.timerFor(20)).reduce((a, b) => a + b) / 2_000
  t.ok(Math.abs(mean() - 20) < 0.1, 'a fraction is made up for by chance')
  for (let n = 0; n < 400; n += 1) times.observeTimer(20, times.timerFor(20) + 2)
  t.ok(Math.abs(mean() - 18) < 0.4, `timers set to ${mean()} ms for 20 that come 2 late`)
  times.observeTimer(20, 400)
  t.ok(Math.abs(mean() - 18) < 0.7, 'one stall changes little')
})
