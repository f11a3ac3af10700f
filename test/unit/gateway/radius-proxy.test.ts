import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import {
  type Attribute,
  AttributeType,
  findText,
  findValue,
  makeOctets,
  makeText,
  PacketCode,
} from '../../../protocols/radius/index.ts'
import type { HomeServerAddress } from '../../../src/directory/realm.ts'
import { chooseRealm } from '../../../src/gateway/radius/proxy/choose-realm.ts'
import { aNas, aRealm } from '../../support/directory.ts'
import { TtlsClient } from '../../support/eap-ttls-client.ts'
import {
  makeAccounting,
  makeRequest,
  mskOf,
  papAttributes,
  TestNas,
} from '../../support/radius-client.ts'
import { GatewayBench, nasSecret, password, serverName } from '../../support/radius-gateway.ts'

/** Secret between the two servers, another than any NAS has. */
const BETWEEN = 'between-the-servers'
const radsecIdentity = { names: [serverName], fingerprints: [], trustedCa: null }

const certificates = await GatewayBench.makeCertificates()
const [front, home] = [new GatewayBench(), new GatewayBench()]
front.certificates = certificates
home.certificates = certificates
home.directory.purge(home.nas)
home.directory.put(
  aNas({ name: 'front', secrets: [Buffer.from(BETWEEN)] }),
  aNas({
    name: 'front-tls',
    addresses: [],
    secrets: [Buffer.from('radsec')],
    requireMessageAuthenticator: 'no',
    limitProxyState: false,
    radsec: radsecIdentity,
  }),
)
for (const person of Object.values(home.people)) {
  const loginNames = [{ folded: `${person.username}@away.example`, kind: 'mail' as const }]
  home.directory.put({ ...person, loginNames })
}
await front.start()
await home.start()
t.teardown(async () => {
  await front.stop()
  await home.stop()
})
front.directory.put({ ...front.nas, addresses: ['127.0.0.0/8'] })

const udp: HomeServerAddress = {
  host: '127.0.0.1',
  port: home.authPort,
  acctPort: home.acctPort,
  radsec: null,
  secret: Buffer.from(BETWEEN),
}
const tls: HomeServerAddress = {
  host: '127.0.0.1',
  port: home.radsecPort,
  acctPort: null,
  radsec: radsecIdentity,
  secret: Buffer.from('radsec'),
}
const realm = aRealm({ name: 'away.example', servers: [udp] })

/** As the log has it. */
async function untilDead(server: string): Promise<void> {
  const isIt = ({ event, fields }: (typeof front.lines)[number]) =>
    event === 'radius.home-server-dead' && fields['server'] === server
  while (!front.lines.some(isIt)) await sleep(50)
}

/** A NAS of the front server, at an address of its own. */
async function openNas(test: Test, address = '127.0.0.5'): Promise<TestNas> {
  const nas = new TestNas(front.authPort, nasSecret, 8_000)
  test.teardown(() => nas.close())
  await nas.bind(address)
  return nas
}

/** The code of the answer to an Accounting-Request of hers; undefined for silence. */
async function startSession(test: Test, identifier: number): Promise<number | undefined> {
  const nas = new TestNas(front.acctPort, nasSecret, 8_000)
  test.teardown(() => nas.close())
  await nas.bind('127.0.0.5')
  const attributes = [
    makeText(AttributeType.userName, 'alice@away.example'),
    { type: 40, value: Buffer.from([0, 0, 0, 1]) },
    makeText(AttributeType.acctSessionId, 's1'),
  ]
  const reply = await nas.send(makeAccounting(attributes, nas.secret, identifier))
  return reply?.packet.code
}

let serial = 0

async function pap(nas: TestNas, name: string, given: string, ...more: Attribute[]) {
  const authenticator = Buffer.alloc(16, ++serial)
  const attributes = [...papAttributes(name, given, nas.secret, authenticator), ...more]
  return nas.send(makeRequest({ identifier: serial & 0xff, authenticator, attributes }, nas.secret))
}

const proxyState = (text: string): Attribute =>
  makeOctets(AttributeType.proxyState, Buffer.from(text))

const ways = [
  { how: 'UDP', server: udp, at: 1 },
  { how: 'TLS', server: tls, at: 2 },
]
for (const { how, server, at } of ways) {
  await t.test(`log-ins of a realm are answered at home, over ${how}`, async (t) => {
    front.directory.put({ ...realm, servers: [server] })
    const nas = await openNas(t)
    const accepted = await pap(
      nas,
      'alice@away.example',
      password,
      proxyState('one'),
      proxyState('two'),
    )
    t.match(accepted, { isResponseAuthentic: true, isMessageAuthentic: true })
    t.equal(accepted?.packet.code, PacketCode.accessAccept)
    const attributes = accepted?.packet.attributes ?? []
    t.equal(attributes[0]?.type, 80, 'Message-Authenticator first')
    t.same(
      attributes.filter(({ type }) => type === 33).map(({ value }) => value.toString()),
      ['one', 'two'],
      'the Proxy-State of those before us, in order; ours is gone',
    )
    t.equal(findValue(attributes, AttributeType.tunnelPrivateGroupId), null, 'no VLAN of theirs')
    t.equal(findText(attributes, AttributeType.filterId), null, 'no filter of theirs')
    t.match(front.events.at(-1), {
      outcome: 'success',
      method: 'radius-proxy',
      name: 'alice@away.example',
      detail: { realm: 'away.example', nas: 'ap-1' },
    })
    t.equal(home.events.at(-1)?.outcome, 'success')

    const rejected = await pap(nas, 'alice@away.example', 'wrong')
    t.equal(rejected?.packet.code, PacketCode.accessReject)
    t.match(front.events.at(-1), { outcome: 'denied', reason: 'refused-at-home' })
  })

  await t.test(`EAP goes through over ${how}, and both keys arrive`, async (t) => {
    front.directory.put({ ...realm, servers: [server], vlan: 77 })
    const nas = await openNas(t)
    const client = new TtlsClient({
      name: 'alice@away.example',
      outerIdentity: 'anonymous@away.example',
      password,
      tls: { ca: certificates.caPem, servername: serverName, minVersion: 'TLSv1.3' },
    })
    let last: Awaited<ReturnType<TestNas['sendEap']>> | null = null
    const userName = makeText(AttributeType.userName, 'anonymous@away.example')
    const outcome = await client.run(async (eap) => {
      last = await nas.sendEap(eap, [userName])
      return last
    })
    t.equal(outcome.kind, 'accept')
    const reply = (last as Awaited<ReturnType<TestNas['sendEap']>> | null)?.reply
    t.ok(reply !== undefined)
    if (reply === undefined) return
    t.same(mskOf(reply, nas.secret)?.toString('hex'), outcome.msk?.subarray(0, 64).toString('hex'))
    t.equal(
      findText(reply.packet.attributes, AttributeType.tunnelPrivateGroupId),
      '77',
      'our VLAN for them',
    )
  })

  await t.test(`accounting is kept here and taken home, over ${how}`, async (t) => {
    front.directory.put({ ...realm, servers: [server] })
    const before = [front.reports.length, home.reports.length]
    t.equal(await startSession(t, at + 1), PacketCode.accountingResponse)
    t.same(
      [front.reports.length, home.reports.length],
      before.map((count) => count + 1),
    )
  })
}

await t.test('a home that takes no accounting still takes log-ins', async (t) => {
  const before = [front.reports.length, home.reports.length]
  front.directory.put({ ...realm, servers: [{ ...udp, acctPort: null }] })
  t.equal(await startSession(t, 4), PacketCode.accountingResponse, 'it is ours alone')
  t.same([front.reports.length, home.reports.length], [(before[0] ?? 0) + 1, before[1]])

  const silent = createSocket('udp4').bind(0, '127.0.0.1')
  t.teardown(() => silent.close())
  await once(silent, 'listening')
  front.directory.put({ ...realm, servers: [{ ...udp, acctPort: silent.address().port }] })
  t.equal(await startSession(t, 5), undefined, 'not answered at home: the NAS says it again')
  await untilDead(`127.0.0.1:${silent.address().port}`)
  const nas = await openNas(t)
  const accepted = await pap(nas, 'alice@away.example', password)
  t.equal(accepted?.packet.code, PacketCode.accessAccept)
})

await t.test('what is ours or nobody’s is not forwarded', async (t) => {
  front.directory.put(realm)
  const nas = await openNas(t)
  const before = home.events.length
  t.equal((await pap(nas, 'alice', password))?.packet.code, PacketCode.accessAccept)
  const unknown = await pap(nas, 'alice@unknown.example', password)
  t.equal(unknown?.packet.code, PacketCode.accessReject)
  t.equal(home.events.length, before)
})

await t.test('a loop ends here, and nothing goes back to where it came from', async (t) => {
  front.directory.put({
    ...realm,
    servers: [{ ...udp, host: '127.0.0.1', port: front.authPort, secret: Buffer.from(nasSecret) }],
  })
  const nas = await openNas(t)
  const looped = await pap(nas, 'alice@away.example', password)
  t.equal(looped?.packet.code, PacketCode.accessReject, 'refused on its second visit')
  t.ok(front.events.some(({ reason }) => reason === 'proxy-loop'))

  const states = Array.from({ length: 10 }, (_, at) => proxyState(`${at}`))
  const far = await pap(nas, 'alice@away.example', password, ...states)
  t.equal(far?.packet.code, PacketCode.accessReject, 'more hops than there can be')

  front.directory.put(realm)
  const back = await openNas(t, '127.0.0.1')
  const before = home.events.length
  t.equal(await pap(back, 'alice@away.example', password), null, 'its own server: silence')
  t.equal(home.events.length, before)
})

await t.test('a server that is dead is passed over, and all dead is silence', async (t) => {
  const dead = { ...udp, port: 9, acctPort: null, secret: Buffer.from('nobody there') }
  front.directory.put({ ...realm, servers: [dead, udp] })
  const nas = await openNas(t)
  const first = await pap(nas, 'alice@away.example', password)
  t.equal(
    first?.packet.code,
    PacketCode.accessAccept,
    'the second server, after the first was waited for',
  )
  front.directory.put({ ...realm, servers: [dead] })
  t.equal(await pap(nas, 'alice@away.example', password), null)
  await untilDead('127.0.0.1:9')
  t.match(front.events.at(-1), { outcome: 'unavailable', reason: 'home-server-dead' })
})

t.test('realms are chosen by what follows the last @', (t) => {
  const server = [udp]
  const realms = [
    aRealm({ name: 'a.example', servers: server }),
    aRealm({ name: '*.example', servers: server }),
    aRealm({ name: '*.deep.example', servers: server }),
    aRealm({ name: 'sub.own.example' }),
    aRealm({ name: '*', servers: server }),
  ]
  const chosen = (name: string): string => {
    const route = chooseRealm(realms, name, 'own.example')
    return route.to === 'away' ? route.realm.name : route.to
  }
  for (const [name, expected] of [
    ['alice', 'here'],
    ['alice@own.example', 'here'],
    ['alice@OWN.example', 'here'],
    ['alice@sub.own.example', 'here'],
    ['alice@a.example', 'a.example'],
    ['a@b@A.Example', 'a.example'],
    ['alice@b.example', '*.example'],
    ['alice@x.deep.example', '*.deep.example'],
    ['alice@elsewhere.org', '*'],
    ['DOMAIN\\alice', 'here'],
    ['alice@elsewhere..org', 'nowhere'],
    ['alice@elsewhere.org ', 'nowhere'],
    ['alice@nodot', 'nowhere'],
    ['alice@', 'nowhere'],
  ] as const)
    t.equal(chosen(name), expected, name)
  t.same(chooseRealm([], 'alice@a.example', null), { to: 'here' })
  t.end()
})
