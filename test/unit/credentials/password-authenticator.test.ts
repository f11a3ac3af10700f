import t from 'tap'
import { Argon2Pool } from '../../../src/credentials/argon2-pool.ts'
import { digestSecret, makeAppPassword } from '../../../src/credentials/generated-secret.ts'
import { NameLimit } from '../../../src/credentials/name-limit.ts'
import type { Credential } from '../../../src/directory/credential.ts'
import type { Hold } from '../../../src/directory/hold.ts'
import {
  aCredential,
  anAdministrator,
  anAttempt,
  aPerson,
  aService,
  Bench,
  cheap,
  never,
} from '../../support/credentials.ts'

const held: Hold = { reason: 'admin', sinceMs: 0, note: null }

async function denialOf(bench: Bench, attempt: ReturnType<typeof anAttempt>) {
  const outcome = await bench.authenticator.authenticate(attempt, never)
  return outcome.ok ? 'ok' : outcome.denial
}

await t.test('a right password is let in, at once the second time', async (t) => {
  const bench = new Bench()
  t.teardown(() => bench.stop())
  const { person } = await bench.putPerson('adele', 'correct horse')
  const first = bench.authenticator.authenticate(anAttempt('ADELE ', 'correct horse'), never)
  t.ok(first instanceof Promise, 'argon2 runs for the first')
  t.match(await first, { ok: true, who: { value: { id: person.id } }, grant: { why: 'everyone' } })
  const second = bench.authenticator.authenticate(anAttempt('adele', 'correct horse'), never)
  t.match(second, { ok: true }, 'and the second needs no promise')
  t.match(bench.events, [
    { outcome: 'success', principalId: person.id, reason: null, method: 'ldap-simple' },
    { outcome: 'success' },
  ])
})

await t.test('a right password sent several times at once is one guess', async (t) => {
  const bench = new Bench()
  t.teardown(() => bench.stop())
  await bench.putPerson('adele', 'right')
  for (let at = 1; at <= 4; at++) {
    t.equal(await denialOf(bench, anAttempt('adele', `wrong ${at}`)), 'wrong-password')
  }
  const attempts = Array.from({ length: 4 }, () => denialOf(bench, anAttempt('adele', 'right')))
  t.same(await Promise.all(attempts), ['ok', 'ok', 'ok', 'ok'])
})

await t.test('each way to be refused has its reason in the record', async (t) => {
  const bench = new Bench()
  t.teardown(() => bench.stop())
  await bench.putPerson('adele', 'right')
  await bench.putPerson('sam', 'right', { lifecycle: 'staged' })
  await bench.putPerson('holly', 'right', { holds: [held] })
  bench.directory.put(aPerson('newcomer'))
  bench.directory.put(aPerson('imported', { lifecycle: 'staged' }))
  const { credential } = await bench.putPerson('olga', 'right')
  bench.putCredential({ ...credential, version: 2, expiresAtMs: bench.clock.nowMs })
  const temporary = await bench.putPerson('tim', 'right')
  bench.putCredential({ ...temporary.credential, version: 2, isTemporary: true })
  const over = await bench.putPerson('otto', 'right')
  const isOver = { isTemporary: true, expiresAtMs: bench.clock.nowMs }
  bench.putCredential({ ...over.credential, version: 2, ...isOver })
  const client = aService('nextcloud', { allowedGroupIds: [] })
  const cases: [ReturnType<typeof anAttempt>, string][] = [
    [anAttempt('nobody', 'right'), 'unknown-name'],
    [anAttempt('adele', 'wrong'), 'wrong-password'],
    [anAttempt('adele', Buffer.from([0x72, 0xff])), 'wrong-password'],
    [anAttempt('sam', 'right'), 'staged'],
    [anAttempt('sam', 'wrong'), 'wrong-password'],
    [anAttempt('holly', 'right'), 'held'],
    [anAttempt('newcomer', 'x'), 'no-credential'],
    [anAttempt('imported', 'x'), 'staged'],
    [anAttempt('olga', 'right'), 'credential-expired'],
    [anAttempt('tim', 'right'), 'credential-temporary'],
    [anAttempt('otto', 'right'), 'credential-expired'],
    [anAttempt('otto', 'right', { resource: { kind: 'account' } }), 'credential-expired'],
    [anAttempt('tim', 'wrong'), 'wrong-password'],
    [anAttempt('olga', 'wrong'), 'wrong-password'],
    [anAttempt('adele', 'right', { resource: { kind: 'ldap', client } }), 'not-in-allowed-group'],
    [anAttempt('adele', 'right', { resource: { kind: 'scim' } }), 'wrong-kind'],
    [anAttempt('x'.repeat(400), 'right'), 'unknown-name'],
  ]
  for (const [attempt, denial] of cases) {
    for (const time of ['first', 'again']) {
      t.equal(await denialOf(bench, attempt), denial, `${attempt.subject.name}: ${denial}, ${time}`)
      t.match(bench.events.at(-1), { outcome: 'denied', reason: denial })
    }
  }
  t.equal(bench.events.length, cases.length * 2, 'one event for each answer')
  t.ok(bench.events.every((event) => event.name.length <= 256))
})

await t.test(
  'every first denial takes its turn, and every repetition is answered at once',
  async (t) => {
    const bench = new Bench()
    t.teardown(() => bench.stop())
    await bench.putPerson('adele', 'right')
    await bench.putPerson('holly', 'right', { holds: [held] })
    bench.directory.put(aPerson('newcomer'))
    const service = aService('portal')
    bench.directory.put(service)
    bench.putCredential(
      aCredential(service.id, digestSecret('s3cret'), { type: 'generated-secret' }),
    )
    const entry = bench.directory.entryById(service.id)
    const attempts = [
      anAttempt('nobody', 'x'),
      anAttempt('adele', 'wrong'),
      anAttempt('adele', Buffer.from([0xff])),
      anAttempt('holly', 'right'),
      anAttempt('holly', 'wrong'),
      anAttempt('newcomer', 'x'),
      anAttempt('portal', 'wrong', { subject: { by: 'entry', entry, name: 'uid=portal' } }),
      anAttempt('portal', 'x', { subject: { by: 'entry', entry: null, name: 'uid=ghost' } }),
    ]
    for (const attempt of attempts) {
      const first = bench.authenticator.authenticate(attempt, never)
      t.ok(first instanceof Promise, `${attempt.subject.name} waits`)
      await first
      const second = bench.authenticator.authenticate(attempt, never)
      t.match(second, { ok: false }, `${attempt.subject.name} again does not`)
    }
  },
)

await t.test('a right password remembered before a hold tells nothing after it', async (t) => {
  const bench = new Bench()
  t.teardown(() => bench.stop())
  const { person } = await bench.putPerson('adele', 'right')
  await bench.authenticator.authenticate(anAttempt('adele', 'right'), never)
  const client = aService('closed', { allowedGroupIds: [] })
  const closed = anAttempt('adele', 'right', { resource: { kind: 'ldap', client } })
  t.ok(bench.authenticator.authenticate(closed, never) instanceof Promise, 'no access: it waits')
  bench.directory.put({ ...person, version: 2, holds: [held] })
  const answer = bench.authenticator.authenticate(anAttempt('adele', 'right'), never)
  t.ok(answer instanceof Promise, 'held: it waits as a wrong one would')
  t.match(await answer, { ok: false, denial: 'held' })
})

await t.test('a hold or a deletion that arrives while argon2 runs is obeyed', async (t) => {
  const bench = new Bench()
  t.teardown(() => bench.stop())
  const { person } = await bench.putPerson('adele', 'right')
  const first = bench.authenticator.authenticate(anAttempt('adele', 'right'), never)
  bench.directory.put({ ...person, version: 2, holds: [held] })
  t.match(await first, { ok: false, denial: 'held' })
  bench.directory.put({ ...person, version: 3 })
  const second = bench.authenticator.authenticate(anAttempt('adele', 'right'), never)
  bench.directory.remove(person.id)
  t.match(await second, { ok: false, denial: 'deleted' })
})

await t.test('a new password replaces the remembered one from that moment', async (t) => {
  const bench = new Bench()
  t.teardown(() => bench.stop())
  const { person, credential } = await bench.putPerson('adele', 'old')
  t.equal(await denialOf(bench, anAttempt('adele', 'old')), 'ok')
  t.equal(await denialOf(bench, anAttempt('adele', 'new')), 'wrong-password')
  const verifier = await bench.pool.hash(Buffer.from('new'), { key: 'test' })
  bench.putCredential({ ...credential, version: 2, verifier })
  t.equal(await denialOf(bench, anAttempt('adele', 'old')), 'wrong-password')
  t.equal(await denialOf(bench, anAttempt('adele', 'new')), 'ok')
  bench.removeCredential(credential.id)
  t.equal(await denialOf(bench, anAttempt('adele', 'new')), 'no-credential')
  t.same(bench.failures.listFor(person.id), [], 'a right password forgives what was counted')
})

await t.test('a password changed while the old one is verified is judged anew', async (t) => {
  const bench = new Bench()
  t.teardown(() => bench.stop())
  const { credential } = await bench.putPerson('adele', 'old')
  const verifier = await bench.pool.hash(Buffer.from('new'), { key: 'test' })
  const early = bench.authenticator.authenticate(anAttempt('adele', 'new'), never)
  bench.putCredential({ ...credential, version: 2, verifier })
  t.match(await early, { ok: true })
})

await t.test('an app password serves what it is for, and its LDAP client alone', async (t) => {
  const bench = new Bench()
  t.teardown(() => bench.stop())
  const { person } = await bench.putPerson('adele', 'right')
  const mail = aService('mail')
  const wiki = aService('wiki')
  const app = (secret: string, change: Partial<Credential>) =>
    bench.putCredential(
      aCredential(person.id, digestSecret(secret), {
        type: 'app-password',
        label: secret,
        ...change,
      }),
    )
  app('for mail', { uses: ['ldap'], serviceId: mail.id })
  app('for ldap', { uses: ['ldap'] })
  app('for wi-fi', { uses: ['radius'] })
  app('over', { uses: ['ldap'], expiresAtMs: bench.clock.nowMs })
  const through = (client: typeof mail | null, password: string) =>
    denialOf(bench, anAttempt('adele', password, { resource: { kind: 'ldap', client } }))
  t.equal(await through(mail, 'for mail'), 'ok')
  t.equal(await through(mail, 'right'), 'ok')
  t.equal(await through(wiki, 'for mail'), 'credential-scope')
  t.equal(await through(null, 'for mail'), 'credential-scope')
  t.equal(await through(null, 'for ldap'), 'ok')
  t.equal(await through(wiki, 'for wi-fi'), 'credential-scope')
  t.equal(await through(wiki, 'over'), 'credential-expired')
  t.equal(await through(wiki, 'right'), 'ok')
  const elsewhere = anAttempt('adele', 'for ldap', { resource: { kind: 'account' } })
  t.equal(await denialOf(bench, elsewhere), 'credential-scope')
  t.match(
    bench.events.find(({ detail }) => detail?.['credentialLabel'] === 'for mail'),
    { outcome: 'success', detail: { credentialType: 'app-password' } },
  )
})

await t.test(
  'what looks like an app password costs no argon2 and counts for nothing',
  async (t) => {
    const bench = new Bench()
    t.teardown(() => bench.stop())
    const { person } = await bench.putPerson('adele', 'right')
    for (let times = 0; times < 20; times += 1)
      t.equal(await denialOf(bench, anAttempt('adele', makeAppPassword())), 'wrong-password')
    t.same(bench.failures.listFor(person.id), [])
    t.equal(await denialOf(bench, anAttempt('adele', 'right')), 'ok')
  },
)

await t.test(
  'a service signs in with its generated secret, and only where it belongs',
  async (t) => {
    const bench = new Bench()
    t.teardown(() => bench.stop())
    const service = aService('sssd')
    bench.directory.put(service)
    bench.putCredential(
      aCredential(service.id, digestSecret('generated'), { type: 'generated-secret' }),
    )
    const entry = bench.directory.entryById(service.id)
    const subject = { by: 'entry', entry, name: 'uid=sssd' } as const
    const outcome = bench.authenticator.authenticate(anAttempt('', 'generated', { subject }), never)
    t.match(outcome, { ok: true, who: { value: { kind: 'service' } } }, 'SHA-256 needs no thread')
    const elsewhere = anAttempt('', 'generated', { subject, resource: { kind: 'scim' } })
    t.equal(await denialOf(bench, elsewhere), 'wrong-kind')
    t.equal(bench.failures.size, 0, 'what cannot be guessed is not counted')
  },
)

await t.test('too stale a directory gives a fault and never a denial', async (t) => {
  const bench = new Bench()
  t.teardown(() => bench.stop())
  await bench.putPerson('adele', 'right')
  bench.freshness = 'too-stale'
  t.throws(() => bench.authenticator.authenticate(anAttempt('adele', 'right'), never), {
    name: 'AuthenticationUnavailable',
    reason: 'stale',
  })
  t.match(bench.events, [{ outcome: 'unavailable', reason: 'stale' }])
  bench.freshness = 'within-limit'
  const waiting = bench.authenticator.authenticate(anAttempt('adele', 'right'), never)
  bench.freshness = 'too-stale'
  await t.rejects(Promise.resolve(waiting), { name: 'AuthenticationUnavailable', reason: 'stale' })
})

await t.test('an unreadable verifier is a fault and not a wrong password', async (t) => {
  const bench = new Bench()
  t.teardown(() => bench.stop())
  const person = aPerson('adele')
  bench.directory.put(person)
  bench.putCredential(aCredential(person.id, '{SSHA}xyz'))
  const answer = bench.authenticator.authenticate(anAttempt('adele', 'right'), never)
  await t.rejects(Promise.resolve(answer), { message: 'a stored password verifier cannot be read' })
  t.match(bench.events, [{ outcome: 'unavailable', reason: 'fault' }])
  t.equal(bench.failures.size, 0)
})

await t.test(
  'a weaker verifier is raised at log-in, once, and a stronger one is left',
  async (t) => {
    const pool = new Argon2Pool({ parameters: { memoryKib: 64, passes: 2, lanes: 1 } })
    const weak = new Argon2Pool({ parameters: cheap })
    const strong = new Argon2Pool({ parameters: { memoryKib: 256, passes: 2, lanes: 1 } })
    const bench = new Bench({ pool })
    t.teardown(() => bench.stop())
    for (const [name, hasher] of [
      ['weak', weak],
      ['strong', strong],
    ] as const) {
      const person = aPerson(name)
      bench.directory.put(person)
      const verifier = await hasher.hash(Buffer.from('right'), { key: 'test' })
      bench.putCredential(aCredential(person.id, verifier))
      t.equal(await denialOf(bench, anAttempt(name, 'wrong')), 'wrong-password')
      t.equal(await denialOf(bench, anAttempt(name, 'right')), 'ok')
      await bench.authenticator.rehashed()
    }
    t.equal(bench.rehashes.length, 1)
    t.match(bench.rehashes[0], {
      before: /m=8,t=1,p=1/,
      after: /^\$argon2id\$v=19\$m=64,t=2,p=1\$/,
    })
    t.ok(await pool.verify(bench.rehashes[0]?.after ?? '', Buffer.from('right'), { key: 'test' }))
  },
)

await t.test(
  'an address that fails with too many names is refused, other addresses are not',
  async (t) => {
    const bench = new Bench({ names: new NameLimit({ maxNames: 3 }) })
    t.teardown(() => bench.stop())
    await bench.putPerson('adele', 'right')
    for (const name of ['a', 'b', 'c']) await denialOf(bench, anAttempt(name, 'x'))
    t.equal(await denialOf(bench, anAttempt('adele', 'right')), 'too-many-names')
    t.equal(await denialOf(bench, anAttempt('adele', 'right', { address: '192.0.2.2' })), 'ok')
    const client = aService('app')
    const resource = { kind: 'ldap', client } as const
    for (const name of ['d', 'e', 'f', 'g']) {
      await denialOf(bench, anAttempt(name, 'x', { resource, address: '192.0.2.3' }))
    }
    const through = anAttempt('adele', 'right', { resource, address: '192.0.2.3' })
    t.equal(await denialOf(bench, through), 'ok', 'an authenticated client is never limited')
  },
)

await t.test('an administrator signs in by the same rules', async (t) => {
  const bench = new Bench()
  t.teardown(() => bench.stop())
  const root = anAdministrator('root')
  bench.directory.putAdministrator(root)
  const verifier = await bench.pool.hash(Buffer.from('right'), { key: 'test' })
  bench.putCredential(aCredential(root.id, verifier))
  const ask = (username: string, password: string) =>
    bench.authenticator.authenticateAdministrator(
      { username, password: Buffer.from(password), method: 'admin-password', address: '::1' },
      never,
    )
  t.match(await ask('root', 'right'), { ok: true, who: { id: root.id } })
  t.match(await ask('root', 'wrong'), { ok: false, denial: 'wrong-password' })
  t.match(await ask('toor', 'wrong'), { ok: false, denial: 'unknown-name' })
  bench.directory.putAdministrator({ ...root, version: 2, holds: [held] })
  t.match(await ask('root', 'right'), { ok: false, denial: 'held' })
})

await t.test('leaving before the answer is recorded, and the guess still counts', async (t) => {
  const bench = new Bench()
  t.teardown(() => bench.stop())
  const { person } = await bench.putPerson('adele', 'right')
  const controller = new AbortController()
  const answer = bench.authenticator.authenticate(anAttempt('adele', 'wrong'), controller)
  controller.abort()
  await t.rejects(Promise.resolve(answer), { name: 'AbortError' })
  t.match(bench.events, [{ outcome: 'unavailable', reason: 'abandoned' }])
  await bench.pool.stop()
  await new Promise((resolve) => setImmediate(resolve))
  t.match(bench.failures.listFor(person.id), [{ count: { failures: 1 } }])
})
