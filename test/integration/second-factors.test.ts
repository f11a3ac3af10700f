import { sql } from 'kysely'
import t from 'tap'
import { Failures } from '../../src/credentials/failures.ts'
import { type FactorNews, SecondFactors } from '../../src/credentials/second-factors.ts'
import { makeTotpSecret, writeTotpSecret } from '../../src/credentials/totp.ts'
import type { PrincipalId } from '../../src/directory/id.ts'
import type { Person } from '../../src/directory/person.ts'
import type { NewMail } from '../../src/directory/ports/mail.ts'
import type { AuthEvent } from '../../src/observe/auth-event.ts'
import { PostgresAppPasswordStore } from '../../src/storage/app-password-store.ts'
import { PostgresFailureStore } from '../../src/storage/failure-store.ts'
import { makeKey } from '../../src/storage/master-key.ts'
import { PostgresPasswordStore } from '../../src/storage/password-store.ts'
import { PostgresPeopleStore } from '../../src/storage/people-store.ts'
import { applyRetention } from '../../src/storage/retention.ts'
import { PostgresSecondFactorStore } from '../../src/storage/second-factor-store.ts'
import { AuthenticatorApp } from '../support/authenticator-app.ts'
import { aPerson } from '../support/credentials.ts'
import { eachEngine, type TestDatabase } from '../support/database.ts'
import { seedPeople, testActor } from '../support/people.ts'

const keys = { current: makeKey(), earlier: [] }
const byAdmin = { proof: { by: 'admin' }, actor: testActor } as const
const from = { address: '192.0.2.7' }
const HOUR_MS = 3_600_000
const STEP_MS = 30_000

/** One daemon's view of a person with an app; more of them share a database. */
async function daemonOn(database: TestDatabase) {
  const clock = { nowMs: Date.now() }
  const nowMs = () => clock.nowMs
  const events: AuthEvent[] = []
  const news: FactorNews[] = []
  const failures = new Failures({ store: new PostgresFailureStore(database), nowMs })
  const store = new PostgresSecondFactorStore(database, keys)
  const factors = new SecondFactors({
    store,
    failures,
    events: { record: (event) => void events.push(event) },
    notice: async ({ id }, one) => {
      news.push(one)
      return { ...NOTICE, principalId: id, kind: one }
    },
    nowMs,
  })
  return { clock, events, news, failures, store, factors }
}

const NOTICE: NewMail = {
  kind: '',
  principalId: null,
  recipient: 'her@contoso.example',
  subject: 'Told',
  text: 'told',
  link: null,
  livesHours: 1,
}

async function adele(database: TestDatabase): Promise<Person> {
  const [id = '' as PrincipalId] = await seedPeople(database, [{ username: 'adele' }])
  return aPerson('adele', { id })
}

/** Sets her app up with the code of the step before, so that this one's is still to be had. */
async function setUp({ factors, clock }: Awaited<ReturnType<typeof daemonOn>>, person: Person) {
  const secret = makeTotpSecret()
  const app = new AuthenticatorApp(writeTotpSecret(secret))
  const code = app.code(-1, clock.nowMs)
  const added = await factors.add(person, { secret, code }, byAdmin)
  if (added === null || added === 'stale') throw new Error('it was not added')
  return { app, secret, code, codes: added.codes }
}

await eachEngine(t, 'a code is good once, and no earlier one after it', async (t, database) => {
  const daemon = await daemonOn(database)
  const { clock, factors, events } = daemon
  const person = await adele(database)
  const { app, code } = await setUp(daemon, person)
  const check = (typed: string) => factors.check(person, typed, from)
  t.match(await check(code), { ok: false, why: 'spent-code' }, 'the one that it was set up with')
  const other = await daemonOn(database)
  other.clock.nowMs = clock.nowMs
  const now = app.code(0, clock.nowMs)
  const both = [factors, other.factors].flatMap((one) => [
    one.check(person, now, from),
    one.check(person, now, from),
  ])
  const answers = await Promise.all(both)
  t.equal(answers.filter(({ ok }) => ok).length, 1, 'of four at once, on two daemons')
  t.same(
    answers.filter((one) => !one.ok).map((one) => (one.ok ? null : one.why)),
    ['spent-code', 'spent-code', 'spent-code'],
  )
  t.match(
    await check(`${app.code(1, clock.nowMs).slice(0, 3)} ${app.code(1, clock.nowMs).slice(3)}`),
    {
      ok: true,
      by: 'code',
    },
  )
  t.match(await check(app.code(0, clock.nowMs)), { ok: false, why: 'spent-code' })
  t.match(await check('no code'), { ok: false, why: 'wrong-code' })
  clock.nowMs += 10 * STEP_MS
  t.match(await check(app.code(-2, clock.nowMs)), { ok: false, why: 'wrong-code' })
  t.match(events.at(-1), { outcome: 'denied', reason: 'wrong-code', method: 'totp', name: 'adele' })
  t.notMatch(JSON.stringify(events), now, 'no code in the log')
})

await eachEngine(t, 'recovery codes are good once, and made anew', async (t, database) => {
  const daemon = await daemonOn(database)
  const { factors, events, news } = daemon
  const person = await adele(database)
  const { codes } = await setUp(daemon, person)
  t.equal(new Set(codes).size, 10)
  const [first = '', second = ''] = codes
  const tries = Array.from({ length: 4 }, () => factors.check(person, first, from))
  t.equal((await Promise.all(tries)).filter(({ ok }) => ok).length, 1)
  t.match(
    events.find(({ outcome }) => outcome === 'success'),
    { method: 'recovery-code' },
  )
  const typed = second.toUpperCase().replaceAll('-', ' ')
  t.match(await factors.check(person, typed, from), { ok: true, by: 'recovery code' })
  t.match(await factors.find(person), { recoveryCodesLeft: 8 })
  const made = await factors.makeRecoveryCodes(person, byAdmin)
  t.match(await factors.check(person, codes[2] ?? '', from), { ok: false, why: 'wrong-code' })
  t.match(await factors.check(person, made?.codes[0] ?? '', from), { ok: true })
  t.match(await factors.find(person), { recoveryCodesLeft: 9 })
  const { rows } = await sql<{ kind: string; reason: string }>`
    select kind, reason from journal_inbox where kind like 'auth.%' union all
    select kind, reason from journal where kind like 'auth.%'`.execute(database.kysely)
  t.same(rows.map(({ kind }) => kind).toSorted(), [
    'auth.recovery-code-used',
    'auth.recovery-code-used',
    'auth.recovery-code-used',
    'auth.recovery-codes-made',
    'auth.totp-added',
  ])
  const mails = await sql<{ kind: string }>`select kind from mail`.execute(database.kysely)
  t.same(
    mails.rows.map(({ kind }) => kind).toSorted(),
    [
      'recovery-code-used',
      'recovery-code-used',
      'recovery-code-used',
      'recovery-codes-made',
      'totp-added',
    ],
    'told of what has happened, and of nothing else',
  )
  t.ok(news.length > mails.rows.length, 'though more was tried')
})

await eachEngine(t, 'wrong codes slow somebody down, and lock', async (t, database) => {
  const daemon = await daemonOn(database)
  const { clock, factors, failures } = daemon
  await failures.start()
  t.teardown(() => failures.stop())
  const person = await adele(database)
  const { app, codes } = await setUp(daemon, person)
  const check = (typed: string) => factors.check(person, typed, from)
  const wrong = async () => (await check('000000')) as { why: string }
  const burst = await Promise.all(Array.from({ length: 50 }, wrong))
  t.equal(
    burst.filter(({ why }) => why === 'wrong-code').length,
    5,
    'sent at once they are no more',
  )
  t.match(await check(app.code(0, clock.nowMs)), { ok: false, why: 'backing-off' })
  while ((await wrong()).why !== 'locked-out') clock.nowMs += 65_000
  t.match(await check(app.code(0, clock.nowMs)), { why: 'locked-out' }, 'the right one too')
  t.match(await check(codes[0] ?? ''), { why: 'locked-out' })
  const [counted, ...more] = failures.listFor(person.id)
  t.match(counted, { key: { resourceKind: 'account-code' }, blocked: 'locked-out' })
  t.same(more, [], 'nothing of it is held against her password')
  clock.nowMs += HOUR_MS
  t.match(await check(app.code(0, clock.nowMs)), { ok: true })
  t.same(failures.listFor(person.id), [], 'forgiven')
})

await eachEngine(
  t,
  'whoever had proven a password alone is out once it is set up',
  async (t, database) => {
    const daemon = await daemonOn(database)
    const { factors } = daemon
    const person = await adele(database)
    const stranger = { by: 'sign-in', credentialVersion: null, hasSecondFactor: false } as const
    const appPasswords = new PostgresAppPasswordStore(database, keys)
    const revoke = (
      proof: typeof stranger | { by: 'sign-in'; credentialVersion: null; hasSecondFactor: true },
    ) => appPasswords.revoke({ principalId: person.id, id: 'all', proof }, testActor)
    t.match(await revoke(stranger), { changed: 0 })
    await setUp(daemon, person)
    t.equal(await revoke(stranger), null)
    t.match(await revoke({ ...stranger, hasSecondFactor: true }), { changed: 0 })
    const passwords = new PostgresPasswordStore(database, keys)
    t.match(await passwords.claim(person.id, stranger), { kind: 'stale' })
    const by = { proof: stranger, actor: testActor }
    t.equal(await factors.remove(person, by), null)
    t.equal(await factors.makeRecoveryCodes(person, by), null)
    const secret = makeTotpSecret()
    const code = new AuthenticatorApp(writeTotpSecret(secret)).code(0, daemon.clock.nowMs)
    t.equal(await factors.add(person, { secret, code }, by), 'stale')
    await t.rejects(factors.add(person, { secret, code }, byAdmin), { code: 'DIRECTORY_CONFLICT' })
    t.equal(await factors.add(person, { secret, code: 'wrong' }, byAdmin), null)
    t.match(await factors.remove(person, byAdmin), { changed: 1 })
    t.match(await factors.remove(person, byAdmin), { changed: 0 })
    t.match(await factors.check(person, code, from), { ok: false, why: 'no-factor' })
  },
)

await eachEngine(t, 'what is stored says nothing, and goes with her', async (t, database) => {
  const daemon = await daemonOn(database)
  const { store } = daemon
  const person = await adele(database)
  const { secret, codes } = await setUp(daemon, person)
  t.match(await store.readTotpSecret(person.id), { secret })
  const { rows } = await sql<{ secret: Buffer }>`select secret from totp`.execute(database.kysely)
  t.notOk(rows[0]?.secret.includes(secret))
  const stored = await sql`
    select digest as text from recovery_code union all
    select body::text from journal_detail union all
    select kind || coalesce(reason, '') from journal_inbox`.execute(database.kysely)
  for (const text of [...codes, writeTotpSecret(secret), secret.toString('base64')])
    t.notMatch(JSON.stringify(stored.rows), text)
  const elsewhere = new PostgresSecondFactorStore(database, { current: makeKey(), earlier: [] })
  await t.rejects(elsewhere.readTotpSecret(person.id), { code: 'STORAGE_KEY' })

  await new PostgresPeopleStore(database).delete([person.id], testActor)
  await applyRetention(database)
  t.not(await store.readTotpSecret(person.id), null, 'for as long as she may be restored')
  await sql`update principal set deleted_at = now() - interval '31 days' where id = ${person.id}`.execute(
    database.kysely,
  )
  await applyRetention(database)
  t.equal(await store.readTotpSecret(person.id), null)
  const left = await sql`select from recovery_code`.execute(database.kysely)
  t.same(left.rows, [])
})
