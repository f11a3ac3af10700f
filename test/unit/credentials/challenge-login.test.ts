import t from 'tap'
import {
  AuthenticationUnavailable,
  type ChallengeAttempt,
} from '../../../src/credentials/authenticate.ts'
import { ChallengeLogins } from '../../../src/credentials/challenge-login.ts'
import { CredentialIndex } from '../../../src/credentials/credential-index.ts'
import { Failures } from '../../../src/credentials/failures.ts'
import { NetworkSecrets } from '../../../src/credentials/network-secrets.ts'
import type { Credential } from '../../../src/directory/credential.ts'
import type { Freshness } from '../../../src/directory/directory.ts'
import { DirectoryError } from '../../../src/directory/errors.ts'
import type { NetworkSecret } from '../../../src/directory/ports/network-passwords.ts'
import type { AuthEvent } from '../../../src/observe/auth-event.ts'
import { aCredential, MemoryFailureStore } from '../../support/credentials.ts'
import { aHold, aNetwork, aPerson, MemoryDirectory, someSettings } from '../../support/directory.ts'

const network = aNetwork({ name: 'corp' })

/** A proof is right when it names the hash it was made with, so that order and counting are seen. */
class Bench {
  readonly alice = aPerson({ username: 'alice' })
  readonly bob = aPerson({ username: 'bob' })
  readonly directory = new MemoryDirectory(
    someSettings({ allowNetworkPasswords: true }),
    network,
    this.alice,
    this.bob,
  )
  readonly credentials = new CredentialIndex()
  readonly clock = { nowMs: 1_000_000 }
  readonly failures = new Failures({
    store: new MemoryFailureStore(),
    nowMs: () => this.clock.nowMs,
  })
  readonly events: AuthEvent[] = []
  readonly reads: string[] = []
  readonly stored = new Map<string, NetworkSecret>()
  readonly checked: string[] = []
  freshness: Freshness = 'fresh'
  /** What happens while a secret is read. */
  meanwhile: () => void = () => undefined
  readonly logins = new ChallengeLogins({
    directory: this.directory.model,
    credentials: this.credentials,
    secrets: new NetworkSecrets({
      readNetworkSecret: async (id) => {
        this.reads.push(id)
        this.meanwhile()
        return this.stored.get(id) ?? null
      },
    }),
    failures: this.failures,
    events: { record: (event) => this.events.push(event) },
    freshness: () => this.freshness,
    nowMs: () => this.clock.nowMs,
  })

  give(hash: string, password: string | null = null): Credential {
    const change = {
      type: 'network-password',
      uses: ['radius'],
      label: 'network password',
    } as const
    const value = aCredential(this.alice.id, `digest of ${hash}`, change)
    const secret = { ntHash: Buffer.from(hash), password: password && Buffer.from(password) }
    this.stored.set(value.id, secret as NetworkSecret)
    this.credentials.apply([{ kind: 'credential', id: value.id, value, usn: 1, atMs: 0 }])
    return value
  }

  take({ id }: Credential): void {
    this.credentials.apply([{ kind: 'credential', id, value: null, usn: 2, atMs: 0 }])
  }

  async try(name: string, hash: string, change: Partial<ChallengeAttempt<string>> = {}) {
    const attempt: ChallengeAttempt<string> = {
      subject: { by: 'login-name', name },
      resource: { kind: 'network', network },
      method: 'radius-mschapv2',
      address: '192.0.2.1',
      device: 'aa:bb:cc:dd:ee:ff',
      proof: {
        needs: 'nt-hash',
        check: (secret) => {
          this.checked.push(secret.toString('hex'))
          return secret.toString() === hash ? 'keys' : null
        },
      },
      ...change,
    }
    const caller = { signal: new AbortController().signal }
    const outcome = await this.logins.authenticateChallenge(attempt, caller)
    return outcome.ok ? outcome.answer : outcome.denial
  }
}

t.test('a right proof lets her in, and the record says with which password', async (t) => {
  const bench = new Bench()
  const credential = bench.give('right')
  t.equal(await bench.try('alice', 'right'), 'keys')
  t.equal(await bench.try('ALICE', 'right'), 'keys')
  t.same(bench.reads, [credential.id], 'read once, then remembered')
  t.match(bench.events.at(-1), {
    outcome: 'success',
    principalId: bench.alice.id,
    resourceName: 'corp',
    detail: { credential: credential.id, credentialType: 'network-password' },
  })
})

t.test('a changed password is read anew, a revoked or forbidden one is none', async (t) => {
  const bench = new Bench()
  const first = bench.give('first')
  t.equal(await bench.try('alice', 'first'), 'keys')
  bench.take(first)
  const second = bench.give('second')
  t.equal(await bench.try('alice', 'first'), 'wrong-password')
  t.equal(await bench.try('alice', 'second'), 'keys')
  bench.directory.put(someSettings({ allowNetworkPasswords: false }))
  t.equal(await bench.try('alice', 'second'), 'no-credential')
  bench.directory.put(someSettings({ allowNetworkPasswords: true }))
  bench.take(second)
  t.equal(await bench.try('alice', 'second'), 'no-credential')
})

t.test('wrong proofs count for her device, and no count holds a right one', async (t) => {
  const bench = new Bench()
  bench.give('right')
  const reasons: string[] = []
  for (let n = 0; n < 7; n++) reasons.push(await bench.try('alice', 'wrong'))
  t.same(reasons, [...Array(5).fill('wrong-password'), 'backing-off', 'backing-off'])
  for (let n = 0; n < 12; n++) {
    bench.clock.nowMs += 5 * 60_000
    await bench.try('alice', 'wrong')
  }
  t.equal(await bench.try('alice', 'wrong'), 'locked-out')
  t.equal(await bench.try('alice', 'wrong', { device: 'another' }), 'wrong-password')
  t.equal(await bench.try('alice', 'right'), 'keys', '128 random bits are not guessed')
  t.equal(await bench.try('alice', 'wrong'), 'wrong-password', 'and what was counted is forgiven')
})

t.test('unknown names, and people without one, cost what a first reading costs', async (t) => {
  const bench = new Bench()
  for (const [name, reason] of [
    ['nobody', 'unknown-name'],
    ['bob', 'no-credential'],
  ] as const) {
    bench.reads.length = 0
    bench.checked.length = 0
    t.equal(await bench.try(name, 'right'), reason)
    t.equal(await bench.try(name, 'right'), reason)
    t.equal(bench.reads.length, 1, 'the first time only')
    t.equal(bench.checked.length, 2, 'the proof is worked out each time')
  }
  t.equal(bench.failures.size, 0)
})

t.test('she may not: held, staged, in no group of the network', async (t) => {
  const bench = new Bench()
  bench.give('right')
  bench.directory.change(bench.alice, { holds: [aHold()] })
  t.equal(await bench.try('alice', 'right'), 'held')
  t.equal(await bench.try('alice', 'wrong'), 'wrong-password')
  bench.directory.change(bench.alice, { holds: [], lifecycle: 'staged' })
  t.equal(await bench.try('alice', 'right'), 'staged')
  bench.directory.change(bench.alice, { lifecycle: 'active' })
  const closed = { ...network, everyone: false }
  const resource = { kind: 'network', network: closed } as const
  t.equal(await bench.try('alice', 'right', { resource }), 'not-in-allowed-group')
})

t.test('what changes while a secret is read counts', async (t) => {
  const bench = new Bench()
  const first = bench.give('first')
  bench.meanwhile = () => {
    bench.meanwhile = () => undefined
    bench.take(first)
    bench.give('second')
  }
  t.equal(await bench.try('alice', 'first'), 'wrong-password')
  const other = new Bench()
  other.give('right')
  other.meanwhile = () => other.directory.change(other.alice, { holds: [aHold()] })
  t.equal(await other.try('alice', 'right'), 'held')
})

t.test('CHAP works with the password, which older ones have not kept', async (t) => {
  const bench = new Bench()
  const proof = {
    needs: 'password',
    check: (secret: Buffer) => (secret.toString() === 'net-1' ? 'yes' : null),
  } as const
  const old = bench.give('hash')
  t.equal(await bench.try('alice', '', { proof }), 'no-credential')
  t.match(bench.events.at(-1), { detail: { credential: old.id } }, 'she has one, but too old')
  bench.take(old)
  bench.give('hash', 'net-1')
  t.equal(await bench.try('alice', '', { proof }), 'yes')
})

t.test(
  'a fault is no denial: database away, directory stale, a secret that cannot be opened',
  async (t) => {
    const bench = new Bench()
    bench.give('right')
    bench.meanwhile = () => {
      throw new DirectoryError('DIRECTORY_UNAVAILABLE', 'away')
    }
    for (const name of ['alice', 'nobody']) {
      await t.rejects(bench.try(name, 'right'), { name: 'AuthenticationUnavailable' })
      t.match(bench.events.at(-1), { outcome: 'unavailable', reason: 'database' })
    }
    bench.meanwhile = () => {
      throw new Error('no such key')
    }
    await t.rejects(bench.try('alice', 'right'), /no such key/)
    t.match(bench.events.at(-1), { outcome: 'unavailable', reason: 'fault' })
    bench.freshness = 'too-stale'
    await t.rejects(bench.try('alice', 'right'), new AuthenticationUnavailable('stale'))
    t.equal(bench.failures.size, 0)
  },
)
