import { setImmediate as turnOfLoop } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { AuthenticationUnavailable } from '../../../src/credentials/authenticate.ts'
import type {
  DelegatedAnswer,
  DelegatedPasswords,
} from '../../../src/credentials/delegated-password.ts'
import {
  type DelegatedClaim,
  DelegatedVerifier,
} from '../../../src/credentials/delegated-verifier.ts'
import { ForwardBudget } from '../../../src/credentials/forward-budget.ts'
import { PasswordAuthenticator } from '../../../src/credentials/password-authenticator.ts'
import { RememberedPasswords } from '../../../src/credentials/remembered-passwords.ts'
import { makeId, type PrincipalId } from '../../../src/directory/id.ts'
import type { RememberedPasswordStore } from '../../../src/directory/ports/resources.ts'
import {
  aCredential,
  anAttempt,
  aPerson,
  Bench,
  MemoryFailureStore,
} from '../../support/credentials.ts'

const MAX_SENDING = 32
const note = { source: 'contoso' }
const delegation = { sourceId: 'source', sourceName: 'contoso', rememberMs: 60_000 }
type Send = (password: string, signal: AbortSignal) => Promise<DelegatedAnswer>

class Rig {
  readonly bench = new Bench()
  readonly budget = new ForwardBudget({ store: new MemoryFailureStore() })
  readonly forgotten: PrincipalId[] = []
  readonly source: DelegatedPasswords
  readonly verifier: DelegatedVerifier
  readonly #store: RememberedPasswordStore = {
    remember: async () => undefined,
    forget: async (principalId) => void this.forgotten.push(principalId),
  }
  sent = 0

  constructor(t: Test, send: Send, deadlineMs = 60_000) {
    t.teardown(() => Promise.all([this.bench.stop(), this.budget.stop()]))
    this.source = {
      find: () => delegation,
      check: ({ password }, signal) => {
        this.sent += 1
        return send(password.toString(), signal)
      },
    }
    // Deadlines alone keep no process alive.
    const alive = setInterval(() => undefined, 1_000)
    t.teardown(() => clearInterval(alive))
    const { pool, credentials, failures } = this.bench
    const remembered = new RememberedPasswords({
      pool,
      credentials,
      store: this.#store,
      nowMs: Date.now,
      onFault: (error) => t.fail(String(error)),
    })
    this.verifier = new DelegatedVerifier({
      source: this.source,
      pool,
      failures,
      budget: this.budget,
      remembered,
      nowMs: Date.now,
      deadlineMs,
    })
  }

  /** The way in that asks the same source. */
  authenticator(): PasswordAuthenticator {
    const { directory, credentials, pool, failures, events } = this.bench
    return new PasswordAuthenticator({
      ...{ credentials, pool, failures },
      directory: directory.asDirectory(),
      events: { record: (event) => events.push(event) },
      freshness: () => 'fresh',
      store: { rehash: async () => ({ changed: 0, inboxSeq: null }) },
      delegated: { source: this.source, budget: this.budget, store: this.#store },
    })
  }

  async ask(claim: DelegatedClaim, password: string, signal = new AbortController().signal) {
    const turn = { key: 'ldap', atMs: Date.now(), signal }
    const pair = `${claim.principalId}|${password}`
    return await this.verifier.check(claim, { pair, password: Buffer.from(password), turn })
  }

  /** Her password was found right at the source before. */
  async remember(claim: DelegatedClaim, password: string): Promise<void> {
    const verifier = await this.bench.pool.hash(Buffer.from(password), { key: 'test' })
    this.bench.putCredential(
      aCredential(claim.principalId, verifier, {
        type: 'source-password',
        label: delegation.sourceName,
        principalVersion: claim.principalVersion,
        createdAtMs: Date.now(),
      }),
    )
  }

  failuresOf({ principalId }: DelegatedClaim): number {
    return this.bench.failures.listFor(principalId)[0]?.count.failures ?? 0
  }
}

function aClaim(): DelegatedClaim {
  const principalId = makeId<PrincipalId>()
  const candidates = { stamp: 1, primary: null, generated: [] }
  const key = { principalId, resourceKind: 'ldap', device: '' }
  return {
    ...key,
    clientId: null,
    takesNetworkPassword: false,
    principalVersion: 1,
    candidates,
    delegation,
  }
}

async function whyUnavailable(asking: Promise<unknown>): Promise<unknown> {
  return await asking.then(
    () => null,
    (error: unknown) => (error instanceof AuthenticationUnavailable ? error.reason : error),
  )
}

const untilAborted: Send = (_, signal) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
  })

await t.test('a wrong password counts although its caller has hung up', async (t) => {
  const answers: (() => void)[] = []
  const rig = new Rig(
    t,
    (_, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
        answers.push(() => resolve({ kind: 'wrong', note }))
      }),
  )
  const claim = aClaim()
  for (let at = 0; at < 4; at += 1) {
    const caller = new AbortController()
    const asking = rig.ask(claim, `guess ${at}`, caller.signal)
    while (answers.length <= at) await turnOfLoop()
    caller.abort()
    await t.rejects(asking)
  }
  for (const answer of answers) answer()
  while (rig.failuresOf(claim) < 4) await turnOfLoop()
  t.match(await rig.ask(claim, 'guess 5'), { verdict: { denial: 'source-tries-spent' } })
  t.equal(rig.sent, 4)
})

await t.test('one that was sent and not answered in time counts as wrong', async (t) => {
  const rig = new Rig(t, untilAborted, 20)
  const claim = aClaim()
  for (let at = 1; at <= 4; at += 1) {
    t.equal(await whyUnavailable(rig.ask(claim, `guess ${at}`)), 'source-unavailable')
    t.equal(rig.failuresOf(claim), at)
  }
  t.equal(await whyUnavailable(rig.ask(claim, 'guess 5')), 'source-unavailable', 'but is no "no"')
  t.equal(rig.sent, 4)
})

await t.test('what is remembered goes on serving while no answer comes in time', async (t) => {
  let isAway = true
  const rig = new Rig(
    t,
    (password, signal) =>
      isAway ? untilAborted(password, signal) : Promise.resolve({ kind: 'wrong', note }),
    20,
  )
  const claim = aClaim()
  await rig.remember(claim, 'right')
  for (let at = 1; at <= 8; at += 1) {
    const checked = await rig.ask(claim, 'right')
    t.match(checked, { verdict: { isRight: true, note: { remembered: true } } })
  }
  t.equal(rig.sent, 8, 'each time the source is asked first')
  t.notOk(rig.budget.isSpent(claim))
  t.equal(rig.failuresOf(claim), 0)
  for (let at = 1; at <= 4; at += 1)
    t.equal(await whyUnavailable(rig.ask(claim, `guess ${at}`)), 'source-unavailable')
  t.ok(rig.budget.isSpent(claim), 'whoever guesses is not remembered')
  t.equal(
    await whyUnavailable(rig.ask(claim, 'right')),
    'source-unavailable',
    'and ends it for all',
  )
  rig.budget.clear(claim.principalId)
  isAway = false
  t.match(
    await rig.ask(claim, 'right'),
    { verdict: { denial: 'wrong-password' } },
    'its word rules',
  )
  while (rig.forgotten.length === 0) await turnOfLoop()
})

await t.test('our own crowd is no outage: nothing remembered stands in', async (t) => {
  const releases: (() => void)[] = []
  const crowded: Send = () =>
    new Promise((resolve) => {
      releases.push(() => resolve({ kind: 'not-theirs' }))
    })
  const rig = new Rig(t, crowded, 20)
  const claim = aClaim()
  await rig.remember(claim, 'old')
  const crowd = Array.from({ length: MAX_SENDING }, () => rig.ask(aClaim(), 'any'))
  t.equal(await whyUnavailable(rig.ask(claim, 'old')), 'overloaded')
  t.equal(rig.sent, MAX_SENDING)
  t.equal(rig.failuresOf(claim), 0, 'and what was not sent counts nowhere')
  for (const release of releases) release()
  await Promise.all(crowd)
})

await t.test('a value that is right nowhere is a failed try, and forgets nothing', async (t) => {
  const rig = new Rig(t, async () => ({ kind: 'impossible', note }))
  const claim = aClaim()
  await rig.remember(claim, 'old')
  for (let at = 1; at <= 5; at += 1) {
    const { verdict } = (await rig.ask(claim, ` ${at}`)) ?? {}
    t.match(verdict, { isRight: false, denial: 'source-unsupported' })
    t.equal(rig.failuresOf(claim), at)
  }
  t.same(rig.forgotten, [])
  t.notOk(rig.budget.isSpent(claim), 'the source has counted none of them')
})

await t.test('a code is tied to no password that is only remembered', async (t) => {
  const rig = new Rig(t, () =>
    Promise.resolve({
      ...{ kind: 'unavailable', reason: 'source-unavailable', note, coolDownMs: 0 },
    } as const),
  )
  const person = aPerson('adele')
  rig.bench.directory.put(person)
  await rig.remember({ ...aClaim(), principalId: person.id }, 'right')
  const attempt = { ...anAttempt('adele', 'right'), isFirstStep: true }
  const outcome = await rig
    .authenticator()
    .authenticate(attempt, { signal: new AbortController().signal })
  t.match(outcome, { ok: true })
  t.notOk('password' in outcome, 'whether it changes is for the source to say')
})
