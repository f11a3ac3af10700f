import { createHash } from 'node:crypto'
import t from 'tap'
import { addressKey, isLoopback } from '../../../src/credentials/address-key.ts'
import { CredentialIndex } from '../../../src/credentials/credential-index.ts'
import {
  digestSecret,
  makeGeneratedPassword,
  makeToken,
} from '../../../src/credentials/generated-secret.ts'
import { KeyedDigest } from '../../../src/credentials/keyed-digest.ts'
import { NameLimit } from '../../../src/credentials/name-limit.ts'
import { prepareOpaqueString } from '../../../src/credentials/opaque-string.ts'
import { SharedWork } from '../../../src/credentials/shared-work.ts'
import { MemoryTokenVerifier } from '../../../src/credentials/token-verifier.ts'
import { VerifierCache } from '../../../src/credentials/verifier-cache.ts'
import type { Credential } from '../../../src/directory/credential.ts'
import {
  aCredential,
  anAdministrator,
  aPerson,
  aService,
  FakeDirectory,
} from '../../support/credentials.ts'

await t.test('OpaqueString: RFC 8265 §4.2, what is kept, mapped and refused', async (t) => {
  const prepared = (text: string) => prepareOpaqueString(Buffer.from(text))?.toString() ?? null
  const cases: [string, string | null, string][] = [
    ['correct horse battery staple', 'correct horse battery staple', '§4.3 example 1'],
    [
      'Correct Horse Battery Staple',
      'Correct Horse Battery Staple',
      '§4.3 example 2: case is kept',
    ],
    ['πßå', 'πßå', '§4.3 example 3'],
    ['Jack of ♦s', 'Jack of ♦s', '§4.3 example 4: symbols'],
    ['foo\u1680bar', 'foo bar', '§4.3 example 5: Ogham space mark becomes a space'],
    ['', null, '§4.3 example 6: empty'],
    ['my cat is a \tby', null, '§4.3 example 7: a control'],
    ['a\u0301', 'á', '§4.2.2: NFC'],
    ['\uff21', '\uff21', '§4.2.2: fullwidth is not mapped'],
    ['\ufb01', '\ufb01', 'compatibility characters are kept'],
    ['a\u00adb', null, 'RFC 8264 §9.13: ignorable'],
    ['a\u200bb', null, 'RFC 8264 §9.13: zero width space'],
    ['a\u{1100}', null, 'RFC 8264 §9.9: old Hangul jamo'],
    ['a\ufdd0', null, 'noncharacter'],
    ['a\ue000', null, 'private use'],
    ['a\u0640', null, 'RFC 8264 §9.6: exception'],
    ['l\u00b7l', 'l\u00b7l', 'RFC 5892 A.3'],
    ['a\u00b7l', null, 'RFC 5892 A.3'],
    ['\u0375\u03b1', '\u0375\u03b1', 'RFC 5892 A.4'],
    ['a\u05f3', null, 'RFC 5892 A.5'],
    ['ア\u30fb', 'ア\u30fb', 'RFC 5892 A.7'],
    ['a\u30fbb', null, 'RFC 5892 A.7'],
    ['\u0661\u06f1', null, 'RFC 5892 A.8: digits do not mix'],
    ['\u0661\u0662', '\u0661\u0662', 'RFC 5892 A.8'],
    ['\u0915\u094d\u200d\u0937', '\u0915\u094d\u200d\u0937', 'RFC 5892 A.2'],
    ['a\u200db', null, 'RFC 5892 A.2'],
    ['\u0645\u06cc\u200c\u062e', '\u0645\u06cc\u200c\u062e', 'RFC 5892 A.1: Persian'],
    ['x'.repeat(1_025), null, 'longer than we take'],
    ['🔑', '🔑', 'beyond the basic plane'],
  ]
  for (const [text, expected, why] of cases) t.equal(prepared(text), expected, why)
  t.equal(prepareOpaqueString(Buffer.from([0x61, 0xc3])), null, 'not UTF-8')
  t.equal(prepareOpaqueString(Buffer.from([0xed, 0xa0, 0x80])), null, 'a surrogate')
})

await t.test(
  'keyed digest: of key and message, equal to the library, and its forms and lengths never meet',
  async (t) => {
    const key = Buffer.from('0123456789abcdef0123456789abcdef')
    const digest = new KeyedDigest(key)
    for (const length of [0, 1, 40, 1_024, 1_100, 5_000]) {
      const bytes = Buffer.alloc(length, length)
      const header = Buffer.alloc(21)
      header[0] = 1
      header.writeDoubleLE(7, 1)
      header.writeDoubleLE(9, 9)
      header.writeUInt32LE(length, 17)
      const sha = createHash('sha256').update(key).update(header).update(bytes)
      t.equal(digest.ofNumbers(7, 9, bytes), sha.digest('binary'), `${length} bytes`)
    }
    t.equal(new Set([0, 1, 2].map((n) => digest.ofNumbers(1, 1, Buffer.alloc(n)))).size, 3)
    t.not(digest.ofText('ab', Buffer.from('c')), digest.ofText('a', Buffer.from('bc')))
    t.not(digest.ofText('', Buffer.from('x')), digest.ofNumbers(0, 0, Buffer.from('x')))
    t.not(digest.ofNumbers(1, 2, key), new KeyedDigest().ofNumbers(1, 2, key), 'random by default')
  },
)

await t.test('cache: bounded, sliding, and wrong values cannot push out right ones', async (t) => {
  const cache = new VerifierCache({ maxRight: 3, maxDenied: 3, keptMs: 1_000 })
  const credential = aCredential(aPerson('a').id, 'x')
  const key = (n: number) => cache.keyOf(n, 1, Buffer.from('pw'))
  cache.rememberRight(key(1), credential, 0)
  t.equal(cache.findRight(key(1), 900), credential)
  t.equal(cache.findRight(key(1), 1_800), credential, 'used at 900, so good until 1,900')
  t.equal(cache.findRight(key(1), 2_800), null)
  for (let n = 1; n <= 4; n += 1) cache.rememberRight(key(n), credential, 0)
  t.equal(cache.findRight(key(1), 0), null, 'the oldest went')
  for (let n = 10; n < 100; n += 1) cache.rememberDenied(key(n), 'wrong', 0)
  t.same(cache.size, { right: 3, denied: 3 })
  t.equal(cache.findRight(key(2), 0), credential)
  cache.rememberDenied(key(99), 'seen', 0)
  t.equal(cache.findDenied(key(99), 0), 'wrong', 'a verdict outlives a mark')
})

await t.test('cache: an entry in use stays, a younger unused one goes', async (t) => {
  const cache = new VerifierCache({ maxRight: 2 })
  const credential = aCredential(aPerson('a').id, 'x')
  const key = (n: number) => cache.keyOf(n, 1, Buffer.from('pw'))
  cache.rememberRight(key(1), credential, 0)
  cache.rememberRight(key(2), credential, 0)
  cache.findRight(key(1), 120_000)
  cache.rememberRight(key(3), credential, 120_000)
  t.equal(cache.findRight(key(1), 120_000), credential)
  t.equal(cache.findRight(key(2), 120_000), null)
})

await t.test('index: follows the journal, older values change nothing', async (t) => {
  const index = new CredentialIndex()
  const person = aPerson('a')
  const change = (id: string, value: Credential | null) =>
    index.apply([{ kind: 'credential', id, value, usn: 1, atMs: 0 }])
  const primary = aCredential(person.id, 'v2', { version: 2 })
  change(primary.id, primary)
  const before = index.candidatesFor(person.id)
  t.equal(index.candidatesFor(person.id), before, 'unchanged: the same value')
  change(primary.id, { ...primary, version: 1, verifier: 'v1' })
  t.equal(index.candidatesFor(person.id), before, 'older: nothing')
  change(primary.id, { ...primary, version: 3, verifier: 'v3' })
  const after = index.candidatesFor(person.id)
  t.equal(after.primary?.verifier, 'v3')
  t.ok(after.stamp > before.stamp, 'a stamp is never used twice')
  t.same([...index.versions('credential')], [[primary.id, 3]])
  t.equal(index.versions('person').size, 0)
  change(primary.id, null)
  t.equal(index.candidatesFor(person.id).primary, null)
  t.equal(index.size, 0)
  index.reached({ usn: 9, epoch: 'e' })
  t.same(index.position, { usn: 9, epoch: 'e' })
})

await t.test('index: every generated password is a candidate, and a token never', async (t) => {
  const index = new CredentialIndex()
  const person = aPerson('a')
  const app = aCredential(person.id, 'd', { type: 'app-password', uses: ['ldap'] })
  const token = aCredential(person.id, 't', { type: 'token' })
  for (const value of [aCredential(person.id, 'v'), app, token]) {
    index.apply([{ kind: 'credential', id: value.id, value, usn: 1, atMs: 0 }])
  }
  t.same(index.candidatesFor(person.id).generated, [app])
})

await t.test('tokens: the owner comes back only while token and owner are good', async (t) => {
  const directory = new FakeDirectory()
  const credentials = new CredentialIndex()
  const service = aService('contoso-app', { purpose: 'scim-connection' })
  const root = anAdministrator('root')
  directory.put(service)
  directory.putAdministrator(root)
  const nowMs = () => 1_000
  const verifier = new MemoryTokenVerifier({
    directory: directory.asDirectory(),
    credentials,
    nowMs,
  })
  const put = (owner: typeof service.id, token: string, expiresAtMs: number | null = null) => {
    const value = aCredential(owner, digestSecret(token), { type: 'token', expiresAtMs })
    credentials.apply([{ kind: 'credential', id: value.id, value, usn: 1, atMs: 0 }])
    return value
  }
  const token = makeToken()
  const kept = put(service.id, token)
  put(service.id, 'gh_old', 1_000)
  put(root.id, 'gh_root')
  t.match(verifier.verifyToken(token), { value: { id: service.id } })
  t.match(verifier.verifyToken('gh_root'), { id: root.id })
  for (const wrong of ['', 'gh_old', makeToken(), `${token} `, 'x'.repeat(10_000)]) {
    t.equal(verifier.verifyToken(wrong), null)
  }
  directory.put({ ...service, holds: [{ reason: 'admin', sinceMs: 0, note: null }] })
  t.equal(verifier.verifyToken(token), null, 'held')
  directory.put(service)
  credentials.apply([{ kind: 'credential', id: kept.id, value: null, usn: 2, atMs: 0 }])
  t.equal(verifier.verifyToken(token), null, 'revoked')
})

await t.test(
  'generated secrets: 128 bits or more, readable, and verified by their digest',
  async (t) => {
    t.match(makeToken(), /^gh_[0-9a-hjkmnp-tv-z]{32}$/)
    t.match(makeGeneratedPassword(), /^([0-9a-hjkmnp-tv-z]{4}-){6}[0-9a-hjkmnp-tv-z]{4}$/)
    t.ok(32 * 5 >= 128 && 28 * 5 >= 128)
    t.not(makeToken(), makeToken())
    const digest = digestSecret('abc')
    t.equal(digest, 'ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=', 'FIPS 180-2 example')
  },
)

await t.test('addresses: an IPv6 /64 is one party, a mapped address is its IPv4', async (t) => {
  const cases: [string, string][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:0001:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['/run/gatehouse.sock', '/run/gatehouse.sock'],
  ]
  for (const [address, key] of cases) t.equal(addressKey(address), key, address)
  t.same(['127.0.0.1', '::1', '::ffff:127.0.0.1', '192.0.2.1', '::2'].map(isLoopback), [
    true,
    true,
    true,
    false,
    false,
  ])
})

await t.test('names by address: counted by distinct failing names, and forgotten', async (t) => {
  const limit = new NameLimit({ maxNames: 2 })
  const address = '192.0.2.1'
  for (let n = 0; n < 10; n += 1) limit.recordFailure(address, 'same', 0)
  t.equal(limit.isLimited(address, 0), false, 'one name is one name')
  limit.recordFailure(address, 'other', 1_000)
  t.equal(limit.isLimited(address, 1_000), true)
  t.equal(limit.isLimited('192.0.2.2', 1_000), false)
  t.equal(limit.isLimited(address, 10 * 60_000 + 500), false, 'the first is forgotten')
  limit.recordFailure(address, 'third', 10 * 60_000 + 500)
  limit.recordSuccess({ address, name: 'third' })
  t.equal(limit.isLimited(address, 10 * 60_000 + 500), false, 'a success takes its name off')
  for (const name of ['a', 'b', 'c']) limit.recordFailure('127.0.0.1', name, 0)
  t.equal(limit.isLimited('127.0.0.1', 0), false, 'this machine is not counted')
})

await t.test('shared work: one run for all, ended when the last has gone', async (t) => {
  const shared = new SharedWork<string>()
  let starts = 0
  let isAborted = false
  const work = (signal: AbortSignal) => {
    starts += 1
    return new Promise<string>((resolve) => {
      const timer = setTimeout(() => resolve('done'), 20)
      signal.addEventListener('abort', () => {
        isAborted = true
        clearTimeout(timer)
      })
    })
  }
  const leaver = new AbortController()
  const first = shared.join('k', work, leaver.signal)
  const second = shared.join('k', work, new AbortController().signal)
  leaver.abort()
  await t.rejects(first, { name: 'AbortError' })
  t.equal(await second, 'done')
  t.equal(starts, 1)
  const alone = new AbortController()
  isAborted = false
  const third = shared.join('k', work, alone.signal)
  alone.abort()
  await t.rejects(third, { name: 'AbortError' })
  t.equal(isAborted, true)
  t.equal(shared.size, 0)
})
