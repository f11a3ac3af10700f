import t from 'tap'
import { Argon2Pool } from '../../src/credentials/argon2-pool.ts'
import type { Attempt, Denial } from '../../src/credentials/authenticate.ts'
import { digestSecret } from '../../src/credentials/generated-secret.ts'
import type { Hold } from '../../src/directory/hold.ts'
import { aCredential, anAttempt, aPerson, aService, Bench, never } from '../support/credentials.ts'

const ROUNDS = 12
/** Without the waiting a refusal takes a thousandth of a verification; on a busy machine, timers stray. */
const isAlike = (ratio: number) => ratio > 0.5 && ratio < 2
const held: Hold = { reason: 'admin', sinceMs: 0, note: null }

/** With the product's own parameters, so that a verification takes what it takes. */
async function makeBench(): Promise<Bench> {
  const bench = new Bench({ pool: new Argon2Pool({ concurrency: 1, deadlineMs: 60_000 }) })
  await bench.pool.start(never.signal)
  return bench
}

async function timeOf(bench: Bench, attempt: Attempt): Promise<{ ms: number; denial: Denial }> {
  const startedAtMs = performance.now()
  const outcome = await bench.authenticator.authenticate(attempt, never)
  if (outcome.ok) throw new Error('was let in')
  return { ms: performance.now() - startedAtMs, denial: outcome.denial }
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

/** Everybody who can be refused, by the reason that the record has and the client must not learn. */
async function putEverybody(bench: Bench) {
  await bench.putPerson('wrong', 'right')
  await bench.putPerson('staged', 'right', { lifecycle: 'staged' })
  await bench.putPerson('held', 'right', { holds: [held] })
  bench.directory.put(aPerson('newcomer'))
  const { person: locked } = await bench.putPerson('locked', 'right')
  const service = aService('portal')
  const entry = bench.directory.put(service)
  bench.putCredential(aCredential(service.id, digestSecret('s'), { type: 'generated-secret' }))
  const lock = () => {
    for (let n = 0; n < 12; n += 1) {
      bench.failures.recordFailure({ principalId: locked.id, resourceKind: 'ldap', device: '' })
    }
  }
  const { person: wrong } = await bench.putPerson('wrong', 'right')
  const subject = { by: 'entry', entry, name: 'uid=portal' } as const
  const cases: [Denial, (n: number) => Attempt][] = [
    ['wrong-password', (n) => anAttempt('wrong', `guess ${n}`)],
    ['unknown-name', (n) => anAttempt(`nobody-${n}`, 'guess')],
    ['staged', (n) => anAttempt('staged', `guess ${n}`)],
    ['held', (n) => anAttempt('held', `guess ${n}`)],
    ['no-credential', (n) => anAttempt('newcomer', `guess ${n}`)],
    ['locked-out', (n) => anAttempt('locked', `guess ${n}`)],
    ['wrong-kind', (n) => anAttempt('', `guess ${n}`, { subject })],
    ['deleted', (n) => anAttempt('wrong', Buffer.from([0xff, n]))],
  ]
  const prepare = () => {
    bench.failures.clearAll(wrong.id)
    for (const name of ['staged', 'held']) {
      const entry = bench.directory.personByLoginName(name)
      if (entry?.value.kind === 'person') bench.failures.clearAll(entry.value.id)
    }
    lock()
  }
  return { cases, prepare }
}

await t.test('every way to be refused takes the same time', async (t) => {
  const bench = await makeBench()
  t.teardown(() => bench.stop())
  const { cases, prepare } = await putEverybody(bench)
  const times = new Map<Denial, number[]>()
  // Interleaved, so that whatever else the machine does falls on all of them alike.
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [label, make] of cases) {
      prepare()
      const { ms } = await timeOf(bench, make(round))
      times.set(label, [...(times.get(label) ?? []), ms])
    }
  }
  const reference = medianOf(times.get('wrong-password') ?? [])
  t.ok(reference > 2, `a verification takes ${reference.toFixed(1)} ms`)
  for (const [label, values] of times) {
    const ratio = medianOf(values) / reference
    t.ok(isAlike(ratio), `${label}: ${ratio.toFixed(2)} of a wrong password's time`)
  }
})

await t.test(
  'queueing is part of it: ten unknown names at once take as long as ten wrong ones',
  async (t) => {
    const bench = await makeBench()
    t.teardown(() => bench.stop())
    const people = await Promise.all(
      Array.from({ length: 10 }, (_, n) => bench.putPerson(`person-${n}`, 'right')),
    )
    const together = async (make: (n: number) => Attempt) => {
      const startedAtMs = performance.now()
      await Promise.all(people.map((_, n) => timeOf(bench, make(n))))
      return performance.now() - startedAtMs
    }
    const known: number[] = []
    const unknown: number[] = []
    for (let round = 0; round < 3; round += 1) {
      known.push(await together((n) => anAttempt(`person-${n}`, `guess ${round}`)))
      unknown.push(await together((n) => anAttempt(`nobody-${n}`, `guess ${round}`)))
      for (const { person } of people) bench.failures.clearAll(person.id)
    }
    const ratio = medianOf(unknown) / medianOf(known)
    t.ok(isAlike(ratio), `${ratio.toFixed(2)} of the time of ten wrong passwords`)
  },
)

await t.test('equal time is not equal CPU: unknown names cost a fraction of it', async (t) => {
  const bench = await makeBench()
  t.teardown(() => bench.stop())
  const people = await Promise.all(
    Array.from({ length: 15 }, (_, n) => bench.putPerson(`person-${n}`, 'right')),
  )
  const cpuOf = async (make: (n: number) => Attempt) => {
    const before = process.cpuUsage()
    for (const [n] of people.entries()) await timeOf(bench, make(n))
    const { user, system } = process.cpuUsage(before)
    return user + system
  }
  const known = await cpuOf((n) => anAttempt(`person-${n}`, 'guess'))
  const unknown = await cpuOf((n) => anAttempt(`nobody-${n}`, 'guess'))
  t.ok(unknown < known / 2, `${unknown} µs of CPU against ${known}`)
})
