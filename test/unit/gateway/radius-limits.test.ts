import t from 'tap'
import {
  type Attribute,
  AttributeType,
  decodePacket,
  EapCode,
  EapType,
  encodeEap,
  joinEapMessage,
  makeText,
  PacketCode,
  splitEapMessage,
} from '../../../protocols/radius/index.ts'
import { Denials } from '../../../src/gateway/radius/denials.ts'
import { DeviceGate, deviceIn } from '../../../src/gateway/radius/device-gate.ts'
import { readFacts } from '../../../src/gateway/radius/facts.ts'
import { toClient } from '../../../src/gateway/radius/nas-table.ts'
import { makeRequest, papAttributes, TestNas } from '../../support/radius-client.ts'
import { GatewayBench, nasSecret, password } from '../../support/radius-gateway.ts'

const { accessAccept: ACCEPT, accessChallenge: CHALLENGE, accessReject: REJECT } = PacketCode
const FREE = 20

const bench = await new GatewayBench().start()
t.teardown(() => bench.stop())
bench.allow('pap', 'ttls-pap')
const nas = new TestNas(bench.authPort, nasSecret)
await nas.bind('127.0.0.1')
const otherNas = new TestNas(bench.authPort, nasSecret)
await otherNas.bind('127.0.0.2')
bench.directory.put({ ...bench.nas, addresses: ['127.0.0.0/8'] })
t.teardown(() => nas.close())
t.teardown(() => otherNas.close())

let no = 0
const deviceNamed = (device: string) => makeText(AttributeType.callingStationId, device)

/** The code of the reply; 0 for silence. */
async function pap(from: TestNas, name: string, secret: string, device: string | null) {
  no += 1
  const authenticator = Buffer.alloc(16)
  authenticator.writeUInt32BE(no)
  const attributes: Attribute[] = [
    ...papAttributes(name, secret, from.secret, authenticator),
    ...(device === null ? [] : [deviceNamed(device)]),
  ]
  const identifier = no & 0xff
  const reply = await from.send(makeRequest({ authenticator, identifier, attributes }, from.secret))
  return reply?.packet.code ?? 0
}

async function beginEap(name: string, device: string) {
  no += 1
  const identifier = no & 0xff
  const eap = encodeEap({
    code: EapCode.response,
    identifier,
    type: EapType.identity,
    data: Buffer.from(name),
  })
  const attributes = [
    makeText(AttributeType.userName, name),
    deviceNamed(device),
    ...splitEapMessage(eap),
  ]
  const reply = await nas.send(makeRequest({ identifier, attributes }, nas.secret))
  if (reply === null) throw new Error('no reply')
  return { ...reply.packet, eap: joinEapMessage(reply.packet.attributes), identifier }
}

const ofReason = (reason: string) => bench.events.filter((event) => event.reason === reason)

t.test('a device in a loop is refused without a look, and it alone', async (t) => {
  const phone = '02-00-00-00-00-01'
  for (let tries = 0; tries < FREE; tries++) {
    t.equal(await pap(nas, 'nobody', 'an old one', phone), REJECT)
  }
  t.equal(ofReason('unknown-name').length, FREE)
  for (let tries = 0; tries < 5; tries++) {
    t.equal(await pap(nas, 'nobody', 'an old one', phone), REJECT)
  }
  t.equal(ofReason('unknown-name').length, FREE, 'nobody looked')
  const [told, ...more] = ofReason('rate-limited')
  t.match(told, {
    outcome: 'denied',
    name: 'nobody',
    device: '02:00:00:00:00:01',
    detail: { why: 'device', count: 1, nas: 'ap-1' },
  })
  t.equal(more.length, 0, 'one record for all of them')
  t.match((await bench.metrics.render()).body, /radius_limited_total 5/)

  await pap(otherNas, 'nobody', 'an old one', phone)
  t.equal(ofReason('unknown-name').length, FREE + 1, 'behind another access point')
  await pap(nas, 'nobody', 'an old one', '02-00-00-00-00-02')
  t.equal(ofReason('unknown-name').length, FREE + 2, 'another device')
  t.equal(await pap(nas, 'alice', password, phone), ACCEPT, 'the same device, somebody else')
})

t.test('who fails under her name shuts out none of her devices', async (t) => {
  for (let tries = 0; tries < FREE + 5; tries++) {
    await pap(nas, 'alice', 'a guess', '02-00-00-00-66-66')
  }
  t.equal(await pap(nas, 'alice', password, '02-00-00-00-00-03'), ACCEPT)
})

t.test('where no device is named, nobody is counted for another', async (t) => {
  const before = ofReason('rate-limited').length
  for (let tries = 0; tries < FREE + 5; tries++) await pap(nas, 'nobody', 'x', null)
  t.equal(ofReason('rate-limited').length, before)
})

t.test('log-ins that end well never come near it', async (t) => {
  for (let tries = 0; tries < 2 * FREE; tries++) {
    if ((await pap(nas, 'alice', password, '02-00-00-00-00-04')) !== ACCEPT) t.fail('refused')
  }
  t.equal(bench.lastReason, null)
})

t.test('EAP: a conversation counts at its start, since many end in silence', async (t) => {
  for (let tries = 0; tries < FREE; tries++) {
    t.equal((await beginEap('anonymous', '02-00-00-00-00-05')).code, CHALLENGE)
  }
  const refused = await beginEap('anonymous', '02-00-00-00-00-05')
  t.equal(refused.code, REJECT)
  t.same(refused.eap, Buffer.from([EapCode.failure, refused.identifier, 0, 4]))
  t.match(ofReason('rate-limited').at(-1), { method: 'eap', name: 'anonymous' })
  t.equal((await beginEap('anonymous', '02-00-00-00-00-06')).code, CHALLENGE)
})

t.test('a fault of ours, or a packet we cannot take, is counted against nobody', async (t) => {
  const gate = new DeviceGate({
    isListed: () => false,
    denials: new Denials({ record: () => undefined }, Date.now),
    onRefused: () => undefined,
  })
  const attributes = [makeText(AttributeType.userName, 'alice'), deviceNamed('02-00-00-00-00-07')]
  const client = toClient(bench.nas)
  const packet = decodePacket(makeRequest({ attributes }, nas.secret))
  const request = { packet, client, secret: nas.secret, address: '127.0.0.1' }
  const visit = { ...request, facts: readFacts(packet), network: bench.corp }
  const device = deviceIn(request, visit)
  const caller = { visit, device, eap: null }
  const reject = { code: REJECT, attributes: [] }
  for (let tries = 1; tries < FREE; tries++) gate.settle(device, reject)
  for (let tries = 0; tries < 5; tries++) {
    const fault = new Error('the database is away')
    await t.rejects(gate.begin(device, Promise.reject(fault)), fault)
    t.equal(await gate.begin(device, Promise.resolve(null)), null)
  }
  t.equal(gate.refuse(request, caller), null)
  gate.settle(device, reject)
  t.strictSame(gate.refuse(request, caller), reject)
})

t.test('a NAS over its rate gets silence, one line, one record; no other notices', async (t) => {
  bench.directory.put({ ...bench.nas, addresses: ['127.0.0.0/8'], rate: 1 })
  const looping = new TestNas(bench.authPort, nasSecret, 300)
  t.teardown(() => looping.close())
  await looping.bind('127.0.0.3')
  let answered = 0
  while (answered < 1_000 && (await pap(looping, 'nobody', 'x', null)) === REJECT) answered++
  t.ok(answered >= 10 && answered < 1_000, `${answered} were answered`)
  t.equal(await pap(looping, 'alice', password, null), 0)
  const lines = bench.lines.filter(({ event }) => event === 'radius.limited')
  t.equal(lines.length, 1)
  t.match(lines[0]?.fields, { reason: 'rate-limited', address: '127.0.0.3', nas: 'ap-1' })
  t.match(String(lines[0]?.fields['hint']), /nas set NAME --rate/)
  t.match(ofReason('rate-limited').at(-1), { method: 'radius-auth', address: '127.0.0.3' })
  t.match((await bench.metrics.render()).body, /radius_dropped_total\{reason="rate-limited"\} 2/)
  t.equal(await pap(nas, 'alice', password, null), ACCEPT, 'another address of the same NAS')
  bench.directory.put({ ...bench.nas, addresses: ['127.0.0.0/8'], rate: 1_000 })
  t.equal(await pap(looping, 'alice', password, null), ACCEPT, 'a higher rate holds at once')
})
