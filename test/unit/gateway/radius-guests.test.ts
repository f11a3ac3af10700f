import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import {
  type Attribute,
  AttributeType,
  findInteger,
  findText,
  makeOctets,
  makeText,
  makeVendor,
  PacketCode,
} from '../../../protocols/radius/index.ts'
import { decideGuest, type GuestDenial } from '../../../src/access/guest.ts'
import { CredentialIndex } from '../../../src/credentials/credential-index.ts'
import { ResumedLogins } from '../../../src/credentials/resumed-logins.ts'
import type { Guest } from '../../../src/directory/guest.ts'
import type { Network } from '../../../src/directory/network.ts'
import type { OpenSession } from '../../../src/directory/ports/disconnects.ts'
import { judgeSession } from '../../../src/gateway/radius/sessions/judge.ts'
import { explain } from '../../../src/observe/reasons.ts'
import { aGuest, aHold, aNetwork, aPerson, guestPassword } from '../../support/directory.ts'
import { answerMsChap2, encodeMsChap2 } from '../../support/ms-chap-peer.ts'
import { makeRequest, papAttributes, TestNas } from '../../support/radius-client.ts'
import { GatewayBench, nasSecret, password } from '../../support/radius-gateway.ts'

const MICROSOFT = 311
const { accessAccept: ACCEPT, accessReject: REJECT } = PacketCode

const bench = await new GatewayBench().start()
const visitors = aNetwork({
  name: 'visitors',
  priority: 5,
  rules: [{ ssids: ['visitors'] }],
  methods: ['pap', 'chap', 'mschapv2'],
  everyone: false,
  guests: true,
  vlan: 66,
})
const guest = aGuest({ name: 'guest-k7m2q' })
bench.directory.put(visitors, guest)
const nas = new TestNas(bench.authPort, nasSecret)
t.teardown(async () => {
  nas.close()
  await bench.stop()
})

let version = 1
/** As an admin would change it: each time another value, with another version. */
function set(change: Partial<Guest>): void {
  version += 1
  bench.directory.put({ ...guest, ...change, version })
}
function admit(change: Partial<Network>): void {
  version += 1
  bench.directory.put({ ...visitors, ...change, version })
}

let identifier = 0
function send(
  attributes: readonly Attribute[],
  authenticator: Buffer,
  { ssid = 'visitors', waitMs = 2_000 } = {},
) {
  identifier = (identifier + 1) & 0xff
  const station = makeText(AttributeType.calledStationId, `02-00-00-00-00-01:${ssid}`)
  const request = { identifier, authenticator, attributes: [...attributes, station] }
  return nas.send(makeRequest(request, nas.secret), waitMs)
}

async function ask(attributes: readonly Attribute[], authenticator: Buffer, ssid = 'visitors') {
  const reply = await send(attributes, authenticator, { ssid })
  if (reply === null) throw new Error('no reply')
  return reply.packet
}

function pap(name: string, secret = guestPassword, ssid = 'visitors') {
  const authenticator = randomBytes(16)
  return ask(papAttributes(name, secret, nas.secret, authenticator), authenticator, ssid)
}

function msChapAttributes(name: string, secret: string): readonly Attribute[] {
  const challenge = randomBytes(16)
  const { response } = answerMsChap2(challenge, { name, password: secret })
  return [
    makeText(AttributeType.userName, name),
    makeVendor({ vendor: MICROSOFT, type: 11, value: challenge }),
    makeVendor({ vendor: MICROSOFT, type: 25, value: encodeMsChap2(response, 7) }),
  ]
}

async function msChap(name: string, secret = guestPassword) {
  return (await ask(msChapAttributes(name, secret), randomBytes(16))).code
}

async function chap(name: string, secret = guestPassword) {
  const challenge = randomBytes(16)
  const digest = createHash('md5').update('\u0001').update(secret).update(challenge).digest()
  const { code } = await ask(
    [
      makeText(AttributeType.userName, name),
      makeOctets(AttributeType.chapPassword, Buffer.concat([Buffer.from([1]), digest])),
      makeOctets(AttributeType.chapChallenge, challenge),
    ],
    randomBytes(16),
  )
  return code
}

t.test('a guest comes in by each way the network takes, on its VLAN', async (t) => {
  for (const name of ['guest-k7m2q', 'Guest-K7M2Q', 'CONTOSO\\guest-k7m2q']) {
    const packet = await pap(name)
    t.equal(packet.code, ACCEPT, name)
    t.equal(findText(packet.attributes, AttributeType.tunnelPrivateGroupId), '66')
    t.match(bench.events.at(-1), {
      outcome: 'success',
      method: 'radius-pap',
      resourceName: 'visitors',
      principalId: guest.id,
      detail: { nas: 'ap-1' },
    })
  }
  t.equal(await msChap('guest-k7m2q'), ACCEPT)
  t.match(bench.events.at(-1), { method: 'radius-mschapv2', principalId: guest.id })
  t.equal(await chap('guest-k7m2q'), ACCEPT)
  t.match(bench.events.at(-1), { method: 'radius-chap', principalId: guest.id })
  t.notMatch(JSON.stringify(bench.events), guestPassword)
})

t.test('a wrong password, and a name that is no guest’s, are refused the same way', async (t) => {
  const ways = [async (...a: [string, string]) => (await pap(...a)).code, msChap, chap]
  for (const way of ways) {
    t.equal(await way('guest-k7m2q', 'k7m2-q9xt-04bz-r8px'), REJECT)
    t.match(bench.events.at(-1), { reason: 'wrong-password', principalId: guest.id })
    t.equal(await way('guest-00000', guestPassword), REJECT)
    t.match(bench.events.at(-1), { reason: 'unknown-name', principalId: null })
  }
})

t.test('no number of wrong ones shuts a guest out', async (t) => {
  for (let tries = 0; tries < 15; tries++) await msChap('guest-k7m2q', 'wrong')
  t.equal(await msChap('guest-k7m2q'), ACCEPT)
  t.equal((await pap('guest-k7m2q')).code, ACCEPT)
})

t.test('refused with the right password, and told why, whichever way it is shown', async (t) => {
  const sponsor = aPerson({ username: 'sponsor', holds: [aHold()] })
  bench.directory.put(sponsor)
  const cases: [GuestDenial, () => void][] = [
    ['guest-revoked', () => set({ revokedAtMs: Date.now() })],
    ['guest-expired', () => set({ expiresAtMs: Date.now() - 1 })],
    ['guest-not-yet', () => set({ startsAtMs: Date.now() + 60_000 })],
    ['sponsor-shut-out', () => set({ sponsorId: sponsor.id })],
    ['guests-not-admitted', () => admit({ guests: false, everyone: true })],
    ['guests-not-admitted', () => admit({ methods: ['pap'], secondFactor: 'challenge' })],
    ['guests-not-admitted', () => admit({ methods: ['pap'], secondFactor: 'appended' })],
  ]
  for (const [reason, arrange] of cases) {
    set({})
    admit({})
    arrange()
    t.equal((await pap('guest-k7m2q')).code, REJECT, reason)
    t.match(bench.events.at(-1), { reason, principalId: guest.id, method: 'radius-pap' })
    t.ok(explain(reason, null), 'and what to do about it')
  }
  for (const [reason, arrange] of cases.slice(0, 5)) {
    set({})
    admit({})
    arrange()
    t.equal(await msChap('guest-k7m2q'), REJECT, reason)
    t.match(bench.events.at(-1), { reason, principalId: guest.id, method: 'radius-mschapv2' })
  }
  set({})
  admit({})
  t.equal((await pap('guest-k7m2q')).code, ACCEPT, 'and in again')
})

t.test('a secret that does not open is no wrong password: no answer', async (t) => {
  set({ secret: null })
  const authenticator = randomBytes(16)
  for (const attributes of [
    papAttributes(guest.name, guestPassword, nas.secret, authenticator),
    msChapAttributes(guest.name, guestPassword),
  ]) {
    t.equal(await send(attributes, authenticator, { waitMs: 300 }), null)
    t.match(bench.events.at(-1), { outcome: 'unavailable', reason: 'database' })
  }
  set({})
  t.equal((await pap(guest.name)).code, ACCEPT)
})

t.test('with a wrong password nothing is told of the account', async (t) => {
  set({ revokedAtMs: Date.now() })
  await pap('guest-k7m2q', 'wrong')
  t.equal(bench.lastReason, 'wrong-password')
  set({})
})

t.test('`everyone` is no guest, and a network takes its own methods alone', async (t) => {
  bench.directory.put({ ...bench.guest, methods: ['pap'] })
  t.equal((await pap('guest-k7m2q', guestPassword, 'guest')).code, REJECT)
  t.match(bench.events.at(-1), { reason: 'guests-not-admitted', resourceName: 'guest' })
  admit({ methods: ['pap'] })
  t.equal(await msChap('guest-k7m2q'), REJECT)
  t.equal(bench.lastReason, 'method-not-allowed')
  admit({})
})

t.test('nobody but a guest comes in where guests do', async (t) => {
  t.equal((await pap('alice', password)).code, REJECT)
  t.equal(bench.lastReason, 'not-in-allowed-group')
})

t.test('a person who is called so goes before the guest, and neither is the other', async (t) => {
  bench.allow('pap')
  const name = 'guest-k7m2q'
  const namesake = aPerson({ username: name })
  bench.directory.put(namesake)
  bench.directory.join(bench.engineers, namesake)
  bench.give(namesake.id, 'her own password')
  t.equal((await pap(name)).code, REJECT, 'the guest’s password is none of hers')
  t.match(bench.events.at(-1), { reason: 'wrong-password', principalId: namesake.id })
  t.equal(await msChap(name), REJECT)
  t.equal((await pap(name, 'her own password', 'corp')).code, ACCEPT)
  t.match(bench.events.at(-1), { outcome: 'success', principalId: namesake.id })
  t.equal((await pap(name, 'her own password')).code, REJECT, 'she is no guest')
  t.equal(bench.lastReason, 'not-in-allowed-group')
  bench.directory.put({ ...namesake, version: 2, lifecycle: 'deleted' })
  t.equal((await pap(name)).code, ACCEPT, 'and the guest is back when she is gone')
})

t.test('a session ends with the guest’s time, and within the hour it is asked again', async (t) => {
  const timeout = async () =>
    findInteger((await pap('guest-k7m2q')).attributes, AttributeType.sessionTimeout) ?? 0
  set({ expiresAtMs: Date.now() + 600_000 })
  t.ok((await timeout()) <= 600)
  set({ expiresAtMs: Date.now() + 86_400_000 })
  t.equal(await timeout(), 3_600)
  admit({ sessionTimeoutSeconds: 28_800 })
  t.equal(await timeout(), 28_800, 'unless the network says otherwise')
  set({ expiresAtMs: Date.now() + 600_000 })
  t.ok((await timeout()) <= 600, 'which is never beyond its time')
  admit({})
  set({})
})

t.test('a session is ended by what would keep the guest out now', async (t) => {
  const parts = { directory: bench.directory.model, isGood: () => true }
  const session: OpenSession = {
    id: 's',
    nasId: bench.nas.id,
    principalId: guest.id,
    networkId: visitors.id,
    credentialId: null,
    granted: '0000000000000000',
  }
  const judged = (change: Partial<Guest>, of = session) => {
    set(change)
    return judgeSession(of, parts)?.cause ?? null
  }
  const unknown = { ...session, granted: null }
  t.equal(judged({}), null)
  t.equal(judged({}, unknown), null)
  t.equal(judged({ revokedAtMs: Date.now() }), 'guest-revoked')
  t.equal(judged({ revokedAtMs: Date.now() }, unknown), 'guest-revoked')
  t.equal(judged({ expiresAtMs: Date.now() - 1 }), 'guest-expired')
  const sponsor = aPerson({ username: 'vouching' })
  bench.directory.put(sponsor)
  t.equal(judged({ sponsorId: sponsor.id }), null)
  bench.directory.put({ ...sponsor, version: 2, holds: [aHold()] })
  t.equal(judged({ sponsorId: sponsor.id }), 'sponsor-shut-out')
  bench.directory.put({ ...sponsor, version: 3, lifecycle: 'deleted' })
  t.equal(judged({ sponsorId: sponsor.id }), 'sponsor-shut-out')
  const namesake = aPerson({ username: guest.name })
  bench.directory.put(namesake)
  t.equal(judged({}), 'name-taken', 'as the log-in says, which leads to her')
  t.equal(judged({}, unknown), 'name-taken')
  t.ok(explain('name-taken', null))
  bench.directory.put({ ...namesake, version: 2, lifecycle: 'deleted' })
  t.equal(judged({}), null)
  admit({ guests: false })
  t.equal(judged({}), 'guests-not-admitted')
  admit({})
  t.equal(judgeSession({ ...session, principalId: aGuest().id }, parts)?.cause, 'deleted')
})

t.test('a guest’s TLS session is never resumed', (t) => {
  const logins = new ResumedLogins({
    directory: bench.directory.model,
    credentials: new CredentialIndex(),
    events: { record: () => undefined },
    freshness: () => 'fresh',
  })
  const person = aPerson()
  bench.directory.put(person)
  t.type(
    logins.remember({ who: bench.directory.entryOf(person), stamp: 1 }),
    'string',
    'as a person’s is',
  )
  t.equal(logins.remember({ who: { value: guest }, stamp: 1 }), null)
  t.end()
})

t.test('on the very moment: in at the beginning, out at the end', (t) => {
  const at = (atMs: number) => {
    const decision = decideGuest(
      bench.directory.model,
      aGuest({ startsAtMs: 1_000, expiresAtMs: 2_000 }),
      { network: visitors, atMs },
    )
    return decision.ok ? 'in' : decision.denial
  }
  t.same([999, 1_000, 1_999, 2_000].map(at), ['guest-not-yet', 'in', 'in', 'guest-expired'])
  t.end()
})
