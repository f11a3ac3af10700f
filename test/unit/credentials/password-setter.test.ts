import t from 'tap'
import { Argon2Pool } from '../../../src/credentials/argon2-pool.ts'
import { guessableOf, judgeBanned, judgeLength } from '../../../src/credentials/password-rules.ts'
import { PasswordSetter, type PasswordToSet } from '../../../src/credentials/password-setter.ts'
import { PasswordStrength } from '../../../src/credentials/password-strength.ts'
import {
  DEFAULT_PASSWORD_POLICY,
  faultOfPolicy,
  type PasswordPolicy,
} from '../../../src/directory/password-policy.ts'
import type { NewPassword, PasswordStore } from '../../../src/directory/ports/passwords.ts'
import { cheap } from '../../support/credentials.ts'
import { aPerson, MemoryDirectory, someSettings } from '../../support/directory.ts'

const ACTOR = { name: 'test', reason: null }
const adele = aPerson({
  username: 'adele.vance',
  displayName: 'Adele Vance',
  surname: 'Vance',
  employeeId: '4711-0815',
})

/** Remembers what was set; whether the proof holds is the test's to say. */
class FakeStore implements PasswordStore {
  readonly #verifiers: string[] = []
  readonly set_: NewPassword[] = []
  isProven = true
  #isClaimed = false

  async read(_id: unknown, limit: number) {
    const [verifier, ...earlier] = this.#verifiers
    const current = verifier === undefined ? null : { id: 'c' as never, version: 1, verifier }
    return { current, earlier: earlier.slice(0, limit) }
  }

  async holds() {
    return this.isProven
  }

  async claim() {
    if (!this.isProven) return { kind: 'stale' } as const
    if (this.#isClaimed) return { kind: 'busy' } as const
    this.#isClaimed = true
    return { kind: 'claimed', claim: 'claim' } as const
  }

  async release() {
    this.#isClaimed = false
  }

  async set(password: NewPassword) {
    if (!this.isProven) return null
    this.set_.push(password)
    this.#verifiers.unshift(password.verifier)
    return { changed: 1, inboxSeq: null }
  }
}

const strength = new PasswordStrength({ idleMs: 60_000 })
t.teardown(() => strength.stop())
const pool = new Argon2Pool({ parameters: cheap })

function aSetter(policy: Partial<PasswordPolicy> = {}) {
  const passwordPolicy = { ...DEFAULT_PASSWORD_POLICY, ...policy }
  const directory = new MemoryDirectory(someSettings({ passwordPolicy }), adele).model
  const store = new FakeStore()
  const parts = {
    directory,
    pool,
    strength,
    store,
    notice: async () => null,
    push: null,
    onFault: () => {},
  }
  const setter = new PasswordSetter({ ...parts, nowMs: () => 1_000 })
  const set = (password: string, change: Partial<PasswordToSet> = {}) =>
    setter.set({ ...aChange(password), ...change }, ACTOR)
  return { store, set, parts }
}

function aChange(password: string): PasswordToSet {
  return {
    person: adele,
    password: Buffer.from(password),
    isTemporary: false,
    proof: { by: 'admin' },
    key: 'test',
    signal: AbortSignal.timeout(60_000),
  }
}

await t.test('password: each rule that is broken is named, and how to mend it', async (t) => {
  const { set, store } = aSetter({ banned: ['Gatehouse'] })
  const cases = [
    ['Kurz 7!', 'length', /12 characters or more/],
    ['x'.repeat(200), 'length', /128 characters at most/],
    ['my gaTEHouse pw 77', 'banned', /does not allow/],
    ['password12345', 'strength', /too easy to guess\. .*commonly used/],
    ['Adele.Vance.4711-0815', 'strength', /too easy to guess/],
    ['Contoso contoso', 'strength', /too easy to guess/],
    ['a line\nbreak in it, long', 'characters', /cannot be used/],
  ] as const
  for (const [password, rule, words] of cases) {
    const answer = await set(password)
    t.match(answer, { kind: 'refused', faults: [{ rule, message: words }] }, password)
    t.notOk(JSON.stringify(answer).includes(password), 'it is not repeated')
  }
  t.equal(store.set_.length, 0)
})

await t.test('password: the present one and the last few may not come back', async (t) => {
  const { set } = aSetter({ history: 2 })
  const passwords = ['Nine purple owls sing', 'Eight green moles dig', 'Seven grey mice dance']
  for (const password of passwords) t.match(await set(password), { kind: 'set' })
  for (const password of passwords)
    t.match(await set(password), { kind: 'refused', faults: [{ rule: 'history' }] }, password)
  t.match(await set('Six white swans glide'), { kind: 'set' })
  t.match(await set(passwords[0] ?? ''), { kind: 'set' }, 'it is forgotten by now')
})

await t.test(
  'password: what we generate is not judged; a temporary one ends in 3 days',
  async (t) => {
    const { set, store } = aSetter({ maxAgeDays: 2 })
    t.match(await set('short', { isGenerated: true, isTemporary: true }), { kind: 'set' })
    t.match(store.set_[0], { isTemporary: true, expiresAtMs: 1_000 + 2 * 86_400_000 })
    const { set: setForEver, store: other } = aSetter()
    await setForEver('short', { isGenerated: true, isTemporary: true })
    t.match(other.set_[0], { isTemporary: true, expiresAtMs: 1_000 + 3 * 86_400_000 })
  },
)

await t.test('password: nothing is pushed or stored where the proof does not hold', async (t) => {
  const { set, store, parts } = aSetter()
  t.match(await set('Seven grey storks stand'), { kind: 'set' })
  t.match(await set('Seven grey storks stand'), { kind: 'refused' }, 'it is hers already')
  store.isProven = false
  t.same(await set('Nine purple owls sing'), { kind: 'stale' })
  t.same(await set('Seven grey storks stand'), { kind: 'stale' }, 'and nobody is told which it is')
  const pushed: string[] = []
  const push = {
    push: async () => {
      pushed.push('pushed')
      return { kind: 'taken', where: 'elsewhere' } as const
    },
  }
  const setter = new PasswordSetter({ ...parts, push })
  const asked = aChange('Nine purple owls sing')
  t.same(
    await setter.set(
      { ...asked, proof: { by: 'link', linkId: 'x', hasSecondFactor: false } },
      ACTOR,
    ),
    {
      kind: 'stale',
    },
  )
  t.same(pushed, [])
})

await t.test('password: what another place refuses, or leaves open, changes nothing', async (t) => {
  const { store, parts } = aSetter()
  for (const kind of ['refused', 'unknown'] as const) {
    const push = { push: async () => ({ kind, message: 'words' }) as const }
    const setter = new PasswordSetter({ ...parts, push })
    const answer = await setter.set(aChange('Nine purple owls sing'), ACTOR)
    t.same(answer, { kind: kind === 'refused' ? 'not-pushed' : 'unknown', message: 'words' })
  }
  t.equal(store.set_.length, 0)
})

await t.test('password: only one at a time is taken elsewhere', async (t) => {
  const { store, parts } = aSetter()
  const pushed: string[] = []
  let answer: () => void = () => undefined
  const isAnswered = new Promise<void>((resolve) => {
    answer = resolve
  })
  let begin: () => void = () => undefined
  const hasBegun = new Promise<void>((resolve) => {
    begin = resolve
  })
  const push = {
    push: async (_person: unknown, password: Buffer) => {
      pushed.push(password.toString())
      begin()
      await isAnswered
      return { kind: 'taken', where: 'elsewhere' } as const
    },
  }
  const setter = new PasswordSetter({ ...parts, push })
  const first = setter.set(aChange('Nine purple owls sing'), ACTOR)
  await hasBegun
  t.same(await setter.set(aChange('Eight green moles dig'), ACTOR), { kind: 'busy' })
  answer()
  t.match(await first, { kind: 'set' })
  t.same(pushed, ['Nine purple owls sing'])
  t.equal(store.set_.length, 1)
  t.match(await setter.set(aChange('Seven grey mice dance'), ACTOR), { kind: 'set' })
})

await t.test('password: one taken elsewhere and not stored here is told as that', async (t) => {
  const { store, parts } = aSetter()
  const push = { push: async () => ({ kind: 'taken', where: 'Microsoft 365' }) as const }
  const faults: unknown[] = []
  const onFault = (_person: unknown, error: unknown) => faults.push(error)
  const setter = new PasswordSetter({ ...parts, push, onFault })
  const words = /Microsoft 365 has the new password; here the old one may still hold\. Set it again/
  const broken = new Error('the database is gone')
  for (const keep of [async () => null, () => Promise.reject(broken)]) {
    store.set = keep
    const answer = await setter.set(aChange('Nine purple owls sing'), ACTOR)
    t.match(answer, { kind: 'unknown', message: words })
  }
  t.same(faults, [broken])
  const here = new PasswordSetter({ ...parts, onFault })
  await t.rejects(here.set(aChange('Nine purple owls sing'), ACTOR), broken, 'a plain failure')
})

t.test('password: characters are counted as people count them', async (t) => {
  const policy = { ...DEFAULT_PASSWORD_POLICY, minLength: 8 }
  t.equal(judgeLength(Buffer.from('äöüßéàçñ'), policy), null)
  t.match(judgeLength(Buffer.from('äöüßéàç'), policy), { rule: 'length' })
  t.match(judgeBanned(Buffer.from('xxÜBERxx'), { banned: ['über'] }), { rule: 'banned' })
})

t.test('password: what somebody who knows her would try', async (t) => {
  const tried = guessableOf(adele, { organization: 'Contoso Ltd', domain: 'contoso.example' })
  for (const word of ['adele', 'vance', '4711', 'contoso', 'contoso.example'])
    t.ok(tried.includes(word), word)
})

t.test('password policy: what cannot be is said', async (t) => {
  t.equal(faultOfPolicy(DEFAULT_PASSWORD_POLICY), null)
  t.match(faultOfPolicy({ ...DEFAULT_PASSWORD_POLICY, minLength: 4 }), /minLength is .* 8 to 64/)
  t.match(faultOfPolicy({ ...DEFAULT_PASSWORD_POLICY, banned: ['abc'] }), /4 to 64 .*"abc"/)
})
