import t from 'tap'
import {
  type Attribute,
  AttributeType,
  findText,
  findValue,
  makeOctets,
  makeText,
  PacketCode,
  parseAttribute,
  splitEapMessage,
} from '../../../protocols/radius/index.ts'
import { aNas } from '../../support/directory.ts'
import { TtlsClient } from '../../support/eap-ttls-client.ts'
import {
  makeAccounting,
  makeRequest,
  mskOf,
  papAttributes,
  TestNas,
} from '../../support/radius-client.ts'
import { GatewayBench, nasSecret, password, serverName } from '../../support/radius-gateway.ts'

const bench = await new GatewayBench().start()
t.teardown(() => bench.stop())

let lastIdentifier = 0

function openNas(port = bench.authPort): TestNas {
  const nas = new TestNas(port, nasSecret)
  t.teardown(() => nas.close())
  return nas
}

async function pap(name: string, secret: string, ...more: Attribute[]) {
  const nas = openNas()
  const authenticator = Buffer.alloc(16, ++lastIdentifier)
  const attributes = [...papAttributes(name, secret, nas.secret, authenticator), ...more]
  return nas.send(makeRequest({ authenticator, attributes }, nas.secret), 800)
}

async function ttls(name: string, secret: string, ...more: Attribute[]) {
  const nas = openNas()
  const client = new TtlsClient({
    name,
    password: secret,
    tls: { ca: bench.caPem, servername: serverName, minVersion: 'TLSv1.3' },
  })
  let last: Awaited<ReturnType<TestNas['sendEap']>> | null = null
  const outcome = await client.run(async (eap) => {
    last = await nas.sendEap(eap, more)
    return last
  })
  const reply = (last as Awaited<ReturnType<TestNas['sendEap']>> | null)?.reply
  if (reply === undefined) throw new Error('no reply')
  return { outcome, reply, msk: mskOf(reply, nas.secret) }
}

const ssid = (name: string): Attribute => {
  return makeText(AttributeType.calledStationId, `02-00-00-00-00-01:${name}`)
}
const device = makeText(AttributeType.callingStationId, '02-11-22-33-44-55')

function vlanOf(reply: { packet: { attributes: readonly Attribute[] } }): string | null {
  return findText(reply.packet.attributes, AttributeType.tunnelPrivateGroupId)
}

t.test('PAP: the right password and group give an Accept with the group VLAN', async (t) => {
  const reply = await pap('alice', password, device)
  t.equal(reply?.packet.code, PacketCode.accessAccept)
  t.ok(reply?.isMessageAuthentic && reply.isResponseAuthentic)
  t.equal(reply && vlanOf(reply), '42')
  t.equal(reply && findText(reply.packet.attributes, AttributeType.filterId), 'eng')
  t.match(bench.events.at(-1), {
    outcome: 'success',
    resourceName: 'corp',
    method: 'radius-pap',
    principalId: bench.people.alice.id,
    device: '02:11:22:33:44:55',
    address: '127.0.0.1',
    detail: { nas: 'ap-1' },
  })
})

t.test('PAP: every reason to be denied is the same Access-Reject, and its own event', async (t) => {
  const cases: [string, string, string, Attribute[]][] = [
    ['alice', 'wrong', 'wrong-password', []],
    ['nobody', password, 'unknown-name', []],
    ['', password, 'unknown-name', []],
    ['bob', password, 'not-in-allowed-group', []],
    ['carol', password, 'held', []],
    ['dave', password, 'staged', []],
    ['alice', password, 'method-not-allowed', [ssid('guest')]],
    ['alice', password, 'no-network', [ssid('elsewhere')]],
  ]
  for (const [name, secret, reason, more] of cases) {
    const before = bench.events.length
    const reply = await pap(name, secret, ...more)
    t.equal(reply?.packet.code, PacketCode.accessReject, reason)
    t.same(
      reply?.packet.attributes.map(({ type }) => type),
      [80],
      'nothing but its signature',
    )
    t.equal(bench.events.length, before + 1)
    t.match(bench.events.at(-1), { outcome: 'denied', reason, name })
  }
})

t.test(
  'a request with CHAP or no password at all is rejected, and says so in its event',
  async (t) => {
    const nas = openNas()
    const name = makeText(AttributeType.userName, 'alice')
    const chap = { type: 3, value: Buffer.alloc(17) }
    const broken = { type: 2, value: Buffer.alloc(7) }
    for (const [more, why] of [
      [[chap], 'chap'],
      [[], 'no password'],
      [[broken], 'malformed User-Password'],
    ] as const) {
      const reply = await nas.send(makeRequest({ attributes: [name, ...more] }, nas.secret))
      t.equal(reply?.packet.code, PacketCode.accessReject)
      t.match(bench.events.at(-1), { reason: 'method-not-allowed', detail: { why } })
    }
  },
)

t.test('EAP-TTLS: two SSIDs of one NAS give two policies; keys equal the client MSK', async (t) => {
  const corp = await ttls('alice', password, ssid('corp'), device)
  t.equal(corp.outcome.kind, 'accept')
  t.same(corp.msk, corp.outcome.msk)
  t.equal(vlanOf(corp.reply), '42')
  t.equal(findText(corp.reply.packet.attributes, AttributeType.userName), 'alice')
  t.ok(findValue(corp.reply.packet.attributes, AttributeType.sessionTimeout) !== null)
  t.match(bench.events.at(-1), {
    resourceName: 'corp',
    method: 'eap-ttls-pap',
    detail: { ssid: 'corp' },
  })

  const guest = await ttls('bob', password, ssid('guest'))
  t.equal(guest.outcome.kind, 'accept')
  t.equal(vlanOf(guest.reply), '99')
  const denied = await ttls('bob', password, ssid('corp'))
  t.equal(denied.outcome.kind, 'reject')
  t.equal(denied.msk, null, 'no keys in a rejection')
  t.equal(bench.lastReason, 'not-in-allowed-group')
})

t.test('EAP-TTLS: the network of the first packet holds to the last', async (t) => {
  const nas = openNas()
  const tls = { ca: bench.caPem, servername: serverName }
  const client = new TtlsClient({ name: 'bob', password, tls })
  let packets = 0
  let vlan: string | null = null
  const outcome = await client.run(async (eap) => {
    packets += 1
    const answer = await nas.sendEap(eap, [ssid(packets === 1 ? 'guest' : 'corp')])
    vlan = vlanOf(answer.reply)
    return answer
  })
  t.equal(outcome.kind, 'accept')
  t.equal(vlan, '99')
})

t.test('EAP-TTLS: another NAS cannot go on with a conversation, nor end it', async (t) => {
  const other = aNas({
    name: 'ap-2',
    addresses: ['127.0.0.2/32'],
    secrets: [Buffer.from('another secret')],
  })
  bench.directory.put(other)
  const nas = openNas()
  const thief = new TestNas(bench.authPort, 'another secret')
  t.teardown(() => thief.close())
  await thief.bind('127.0.0.2')
  const tls = { ca: bench.caPem, servername: serverName }
  const client = new TtlsClient({ name: 'alice', password, tls })
  let state: Buffer | null = null
  let stolen = 0
  const outcome = await client.run(async (eap) => {
    if (state !== null) {
      const attributes = [...splitEapMessage(eap), makeOctets(AttributeType.state, state)]
      const reply = await thief.send(makeRequest({ attributes }, thief.secret))
      t.equal(reply?.packet.code, PacketCode.accessReject)
      t.equal(bench.lastReason, 'unknown-state')
      t.match(bench.events.at(-1), { detail: { nas: 'ap-2' } })
      stolen += 1
    }
    const answer = await nas.sendEap(eap, [ssid('corp')])
    state = findValue(answer.reply.packet.attributes, AttributeType.state)
    return answer
  })
  t.ok(stolen > 2)
  t.equal(outcome.kind, 'accept', 'the rightful NAS goes on as if nothing had been')
})

t.test('EAP-TTLS: one event for each denial, by whomever it is', async (t) => {
  const cases: [string, string, string, string][] = [
    ['alice', 'wrong', 'corp', 'wrong-password'],
    ['carol', password, 'corp', 'held'],
    ['alice', password, 'elsewhere', 'no-network'],
  ]
  for (const [name, secret, network, reason] of cases) {
    const before = bench.events.length
    const { outcome } = await ttls(name, secret, ssid(network))
    t.equal(outcome.kind, 'reject')
    t.equal(bench.events.length, before + 1, reason)
    t.equal(bench.events.at(-1)?.detail?.['tls'], reason === 'no-network' ? undefined : '1.3')
    t.match(bench.events.at(-1), { outcome: 'denied', reason })
  }
})

t.test('a directory that is too old gives silence; within its limit it answers', async (t) => {
  bench.freshness = 'within-limit'
  t.equal((await pap('alice', password))?.packet.code, PacketCode.accessAccept)
  bench.freshness = 'too-stale'
  t.equal(await pap('alice', password), null)
  const nas = openNas()
  const eap = Buffer.from([2, 0, 0, 10, 1, ...Buffer.from('alice')])
  const request = makeRequest({ attributes: [{ type: 79, value: eap }] }, nas.secret)
  t.equal(await nas.send(request, 200), null)
  bench.freshness = 'fresh'
})

t.test('a wrong shared secret gets silence and a counted log line', async (t) => {
  const stranger = new TestNas(bench.authPort, 'not the secret')
  t.teardown(() => stranger.close())
  const before = bench.lines.length
  t.equal(await stranger.send(makeRequest({ attributes: [] }, stranger.secret), 200), null)
  t.match(bench.lines.slice(before), [
    {
      event: 'radius.dropped',
      fields: { reason: 'bad-message-authenticator', nas: 'ap-1', count: 1 },
    },
  ])
  const { body } = await bench.metrics.render()
  t.match(body, /gatehouse_radius_dropped_total\{reason="wrong-secret"\} 1/)
})

t.test('a NAS is served, and no longer served, as soon as the directory says so', async (t) => {
  bench.directory.put({ ...bench.nas, addresses: ['192.0.2.1'] })
  t.equal(await pap('alice', password), null)
  t.match(bench.lines.at(-1), { fields: { reason: 'unknown-client', address: '127.0.0.1' } })
  bench.directory.put(bench.nas)
  t.equal((await pap('alice', password))?.packet.code, PacketCode.accessAccept)
})

t.test('accounting: acknowledged when recorded, silent when it could not be', async (t) => {
  const nas = openNas(bench.acctPort)
  const attributes = [
    parseAttribute('Acct-Status-Type', '1'),
    parseAttribute('User-Name', 'alice'),
    parseAttribute('Acct-Session-Id', 'S1'),
  ]
  const reply = await nas.send(makeAccounting(attributes, nas.secret))
  t.equal(reply?.packet.code, PacketCode.accountingResponse)
  t.match(bench.reports, [{ kind: 'start', sessionId: 'S1', principalId: bench.people.alice.id }])
  bench.sessionFault = new Error('database is gone')
  t.equal(await nas.send(makeAccounting(attributes, nas.secret, 2), 200), null)
  t.match(bench.lines.at(-1), { event: 'radius.failed' })
  bench.sessionFault = null
  const again = await nas.send(makeAccounting(attributes, nas.secret, 2))
  t.equal(again?.packet.code, PacketCode.accountingResponse, 'the repetition is a new try')
})

t.test('suspending somebody takes effect with the next packet', async (t) => {
  t.equal((await pap('alice', password))?.packet.code, PacketCode.accessAccept)
  const hold = { reason: 'admin' as const, sinceMs: 0, note: null }
  bench.directory.change(bench.people.alice, { holds: [hold] })
  t.equal((await pap('alice', password))?.packet.code, PacketCode.accessReject)
  t.equal((await ttls('alice', password, ssid('corp'))).outcome.kind, 'reject')
  t.equal(bench.lastReason, 'held')
})
