import { createHash } from 'node:crypto'
import t from 'tap'
import {
  type Attribute,
  AttributeType,
  findInteger,
  findText,
  findValue,
  makeInteger,
  makeOctets,
  makeText,
  PacketCode,
} from '../../../protocols/radius/index.ts'
import type { DisconnectKind, OpenSession } from '../../../src/directory/ports/disconnects.ts'
import { judgeSession } from '../../../src/gateway/radius/sessions/judge.ts'
import { aDevice, aNetwork, aPerson } from '../../support/directory.ts'
import { makeRequest, papAttributes, TestNas } from '../../support/radius-client.ts'
import { GatewayBench, nasSecret, password } from '../../support/radius-gateway.ts'

const MAC = '02:ab:cd:ef:00:01'
const { accessAccept: ACCEPT, accessReject: REJECT } = PacketCode

const bench = await new GatewayBench().start()
t.teardown(() => bench.stop())
const things = aNetwork({
  name: 'things',
  priority: 5,
  rules: [{ ssids: ['things'] }],
  methods: ['mac', 'pap'],
  everyone: true,
  vlan: 30,
})
bench.directory.put(things)
const printer = aDevice({ name: 'printer', mac: MAC, networkIds: [things.id] })
bench.directory.put(printer)

const nas = new TestNas(bench.authPort, nasSecret)
t.teardown(() => nas.close())
let lastIdentifier = 0

interface Asked {
  readonly name: string
  readonly secret?: string | null
  readonly caller?: string | null
  readonly ssid?: string
  readonly more?: readonly Attribute[]
}

async function ask({ name, secret = name, caller = name, ssid = 'things', more = [] }: Asked) {
  const authenticator = Buffer.alloc(16, ++lastIdentifier)
  const attributes = [
    ...(secret === null
      ? [makeText(AttributeType.userName, name)]
      : papAttributes(name, secret, nas.secret, authenticator)),
    makeText(AttributeType.calledStationId, `02-00-00-00-00-01:${ssid}`),
    ...(caller === null ? [] : [makeText(AttributeType.callingStationId, caller)]),
    ...more,
  ]
  const reply = await nas.send(makeRequest({ authenticator, attributes }, nas.secret), 2_000)
  if (reply === null) throw new Error('no reply')
  return reply.packet
}

function set(change: Partial<typeof printer>): void {
  bench.directory.put({ ...printer, ...change })
}

const callCheck = makeInteger(AttributeType.serviceType, 10)

t.test('a device of the list comes in, whichever way its address is written', async (t) => {
  const notations = [
    MAC,
    '02-AB-CD-EF-00-01',
    '02ab.cdef.0001',
    '02abcdef0001',
    '02ABCDEF0001',
    '02AB-CDEF-0001',
  ]
  for (const name of notations) {
    const packet = await ask({ name, caller: '02-AB-CD-EF-00-01' })
    t.equal(packet.code, ACCEPT, name)
    t.equal(findText(packet.attributes, AttributeType.tunnelPrivateGroupId), '30')
    t.match(bench.events.at(-1), {
      outcome: 'success',
      method: 'radius-mac',
      resourceName: 'things',
      principalId: printer.id,
      name,
      device: MAC,
      detail: { why: 'device printer', nas: 'ap-1' },
    })
  }
})

t.test('by CHAP, and by Call-Check without any password or with another', async (t) => {
  const name = '02abcdef0001'
  const challenge = Buffer.alloc(16, 9)
  const digest = createHash('md5').update('\u0001').update(name).update(challenge).digest()
  const chap = [
    makeOctets(AttributeType.chapPassword, Buffer.concat([Buffer.from([1]), digest])),
    makeOctets(AttributeType.chapChallenge, challenge),
  ]
  t.equal((await ask({ name, secret: null, more: chap })).code, ACCEPT)
  t.equal((await ask({ name, secret: null, more: [callCheck] })).code, ACCEPT)
  t.equal((await ask({ name, secret: 'cisco', more: [callCheck] })).code, ACCEPT)
})

t.test('what only looks like it is somebody’s log-in, and nobody’s', async (t) => {
  const cases: [string, Asked][] = [
    ['another password', { name: MAC, secret: 'secret' }],
    ['the address in another notation', { name: MAC, secret: '02abcdef0001' }],
    ['no Calling-Station-Id', { name: MAC, caller: null }],
    ['Calling-Station-Id of another', { name: MAC, caller: '02-ab-cd-ef-00-02' }],
    ['more than an address', { name: `${MAC}:00` }],
  ]
  for (const [what, asked] of cases) {
    t.equal((await ask(asked)).code, REJECT, what)
    t.match(bench.events.at(-1), { method: 'radius-pap', reason: 'unknown-name' }, what)
  }
  t.equal((await ask({ name: MAC, secret: null })).code, REJECT)
  t.match(bench.events.at(-1), { reason: 'method-not-allowed', method: 'radius-pap' })
})

t.test('a person never comes in as a device, nor a device as a person', async (t) => {
  const name = '02abcdef0009'
  bench.directory.put(aPerson({ username: name }))
  t.equal((await ask({ name })).code, REJECT)
  t.match(bench.events.at(-1), { method: 'radius-mac', reason: 'unknown-device' })
  const packet = await ask({ name: 'alice', secret: password, caller: MAC, more: [callCheck] })
  t.equal(packet.code, ACCEPT, 'with her own password')
  t.match(bench.events.at(-1), { method: 'radius-pap', name: 'alice' })
  t.equal((await ask({ name: 'alice', secret: 'alice', caller: MAC })).code, REJECT)
})

t.test('refused: each with its reason', async (t) => {
  const refused = async (asked: Asked, reason: string, why?: string) => {
    const packet = await ask(asked)
    t.equal(packet.code, REJECT, reason)
    t.match(bench.events.at(-1), { method: 'radius-mac', reason, ...(why && { detail: { why } }) })
  }
  await refused({ name: '02abcdef0002' }, 'unknown-device')
  await refused({ name: MAC, caller: '02abcdef0002', more: [callCheck] }, 'mac-mismatch')
  await refused({ name: MAC, ssid: 'corp' }, 'method-not-allowed', 'mac')
  await refused({ name: MAC, ssid: 'elsewhere' }, 'no-network')
  set({ enabled: false })
  await refused({ name: MAC }, 'device-disabled', 'printer')
  set({ expiresAtMs: Date.now() - 1 })
  await refused({ name: MAC }, 'device-expired')
  set({ networkIds: [bench.corp.id] })
  await refused({ name: MAC }, 'device-not-on-network')
  set({ ownerId: bench.people.carol.id })
  await refused({ name: MAC }, 'owner-shut-out')
  set({ ownerId: aPerson().id })
  await refused({ name: MAC }, 'owner-shut-out')
  set({})
  t.equal((await ask({ name: MAC })).code, ACCEPT)
})

t.test('one that looped until somebody listed it comes in at its next try', async (t) => {
  const name = '02:ab:cd:ef:00:77'
  for (let tries = 0; tries < 25; tries++) await ask({ name })
  t.equal(bench.lastReason, 'rate-limited')
  const camera = aDevice({ name: 'camera', mac: name, networkIds: [things.id] })
  bench.directory.put({ ...camera, enabled: false })
  const before = bench.events.length
  t.equal((await ask({ name })).code, REJECT)
  t.equal(bench.events.length, before, 'one that would not be let in stays limited')
  bench.directory.put(camera)
  t.equal((await ask({ name })).code, ACCEPT)
  bench.directory.put({ ...camera, enabled: false })
  t.equal((await ask({ name })).code, REJECT)
  t.equal(bench.lastReason, 'device-disabled', 'and nothing is held against it')
})

t.test('its own VLAN, and a session no longer than it may stay', async (t) => {
  set({ vlan: 77, expiresAtMs: Date.now() + 600_000, ownerId: bench.people.alice.id })
  const { code, attributes } = await ask({ name: MAC })
  t.equal(code, ACCEPT)
  t.equal(findText(attributes, AttributeType.tunnelPrivateGroupId), '77')
  const seconds = findInteger(attributes, AttributeType.sessionTimeout) ?? 0
  t.ok(seconds > 500 && seconds <= 600)
  set({})
})

t.test('its session ends with its place on the list', async (t) => {
  const { attributes } = await ask({ name: MAC })
  t.ok(findValue(attributes, AttributeType.class))
  const admitted = bench.classes.read(attributes)
  t.match(admitted, { principalId: printer.id, networkId: things.id })
  if (admitted === null) throw new Error('no Class')
  const session: OpenSession = { id: '1', nasId: bench.nas.id, ...admitted }
  const parts = { directory: bench.directory.model, isGood: () => true }
  const isEnded = (cause: string | null) => {
    const kind: DisconnectKind = 'disconnect'
    t.same(judgeSession(session, parts), cause === null ? null : { kind, cause })
  }
  isEnded(null)
  set({ enabled: false })
  isEnded('device-disabled')
  set({})
  bench.directory.put({ ...things, methods: ['pap'] })
  isEnded('method-not-allowed')
  bench.directory.put(things)
  isEnded(null)
  bench.directory.purge(printer)
  isEnded('deleted')
  t.equal((await ask({ name: MAC })).code, REJECT)
})
