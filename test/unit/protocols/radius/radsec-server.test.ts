import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import {
  AttributeType,
  type Drop,
  Exchange,
  makeText,
  PacketCode,
  type RadiusClient,
  type RadiusHandler,
  RadsecServer,
  type Reply,
  SharedSecret,
} from '../../../../protocols/radius/index.ts'
import { PacketFramer } from '../../../../protocols/radius/tls/framer.ts'
import {
  issueServerCertificate,
  makeAuthority,
} from '../../../../src/credentials/certificates/authority.ts'
import { checkReply, makeAccounting, makeRequest } from '../../../support/radius-client.ts'

const secret = new SharedSecret(Buffer.from('radsec'))
const userName = makeText(AttributeType.userName, 'alice')
const accept: Reply = { code: PacketCode.accessAccept, attributes: [] }
const nowMs = Date.now()
const [ours, other] = await Promise.all([
  makeAuthority('Ours', nowMs),
  makeAuthority('Other', nowMs),
])
const issue = (authority: typeof ours, name: string) =>
  issueServerCertificate(authority, { names: [name], nowMs })
const pairs = {
  server: await issue(ours, 'radius.example.test'),
  proxy: await issue(ours, 'proxy.example.test'),
  elsewhere: await issue(ours, 'elsewhere.example.test'),
  impostor: await issue(other, 'proxy.example.test'),
  second: await issue(other, 'second.example.test'),
}
type Who = keyof typeof pairs

class Bench {
  readonly drops: Drop[] = []
  access: RadiusHandler['access'] = () => accept
  readonly exchange = new Exchange<RadiusClient>({
    findClient: () => null,
    handler: {
      access: (request, signal) => this.access(request, signal),
      account: () => true,
    },
    observer: {
      dropped: (drop) => this.drops.push(drop),
      answered: () => undefined,
      failed: (error) => {
        throw error
      },
    },
  })
  readonly server = new RadsecServer<RadiusClient>({
    listen: [{ host: '127.0.0.1', port: 0 }],
    exchange: this.exchange,
    observer: {
      dropped: (drop) => this.drops.push(drop),
      answered: () => undefined,
      failed: () => undefined,
    },
    certificate: pairs.server,
  })

  static async open(test: Test): Promise<Bench> {
    const bench = new Bench()
    test.teardown(() => bench.server.close())
    await bench.server.setPeers([peer('proxy', ours), peer('second', other)])
    return bench
  }

  async dial(
    test: Test,
    who: Who | null,
    options: { readonly maxVersion?: 'TLSv1.2'; readonly servername?: string } = {},
  ) {
    const pair = who === null ? null : pairs[who]
    const socket = connect({
      host: '127.0.0.1',
      port: this.server.addresses()[0]?.port ?? 0,
      ca: ours.certificate,
      servername: 'radius.example.test',
      ...(pair === null ? {} : { cert: pair.certificate, key: pair.privateKey }),
      ...options,
    })
    test.teardown(() => socket.destroy())
    socket.on('error', () => undefined)
    return socket
  }
}

function peer(name: 'proxy' | 'second', authority: typeof ours) {
  return {
    client: {
      name,
      addresses: [],
      secrets: [secret],
      requireMessageAuthenticator: 'no' as const,
      limitProxyState: false,
    },
    identity: {
      names: [`${name}.example.test`],
      fingerprints: [],
      authorities: [new X509Certificate(authority.certificate)],
    },
    allows: () => true,
  }
}

/** Reads `count` packets. */
async function read(socket: TLSSocket, count: number): Promise<Buffer[]> {
  const framer = new PacketFramer()
  const packets: Buffer[] = []
  for await (const chunk of socket) {
    framer.push(chunk as Buffer)
    for (let next = framer.next(); next !== null; next = framer.next()) packets.push(next)
    if (packets.length >= count) break
  }
  return packets
}

t.test('a peer is answered on one connection: access, accounting, status', async (t) => {
  for (const maxVersion of ['TLSv1.2', undefined] as const) {
    const bench = await Bench.open(t)
    const socket = await bench.dial(t, 'proxy', maxVersion === undefined ? {} : { maxVersion })
    const requests = [
      makeRequest({ identifier: 1, attributes: [userName] }, secret),
      makeRequest({ identifier: 2, attributes: [userName], isSigned: false }, secret),
      makeAccounting([userName], secret, 3),
      makeRequest({ identifier: 4, code: PacketCode.statusServer, attributes: [] }, secret),
    ]
    // Cut where no packet ends.
    const bytes = Buffer.concat(requests)
    socket.write(bytes.subarray(0, 30))
    socket.write(bytes.subarray(30))
    const replies = await read(socket, 4)
    for (const [at, request] of requests.entries()) {
      const reply = checkReply(replies[at] ?? Buffer.alloc(0), request, secret)
      t.ok(reply.isResponseAuthentic)
      t.equal(reply.packet.code, at === 2 ? PacketCode.accountingResponse : PacketCode.accessAccept)
    }
  }
})

t.test('who is nobody’s peer is closed without an answer', async (t) => {
  const bench = await Bench.open(t)
  const status = makeRequest({ code: PacketCode.statusServer, attributes: [] }, secret)
  for (const [who, what] of [
    [null, 'no certificate'],
    ['elsewhere', 'another name of the same CA'],
    ['impostor', 'the right name of a CA trusted for another peer'],
  ] as const) {
    const socket = await bench.dial(t, who)
    const got: Buffer[] = []
    socket.on('data', (chunk: Buffer) => got.push(chunk))
    socket.write(status)
    await once(socket, 'close')
    t.same(got, [], what)
    t.equal(bench.drops.at(-1)?.reason, 'unknown-client', what)
  }
  const second = await bench.dial(t, 'second')
  second.write(status)
  t.equal((await read(second, 1)).length, 1, 'a peer with a CA of its own')
})

t.test('a stream that is out of step, or signed otherwise, is closed', async (t) => {
  const bench = await Bench.open(t)
  const forged = makeRequest({ attributes: [userName] }, new SharedSecret(Buffer.from('other')))
  const short = Buffer.from(makeRequest({ attributes: [] }, secret))
  short.writeUInt16BE(19, 2)
  const long = Buffer.from(short)
  long.writeUInt16BE(4097, 2)
  for (const [bytes, reason] of [
    [forged, 'bad-message-authenticator'],
    [short, 'malformed'],
    [long, 'malformed'],
  ] as const) {
    const socket = await bench.dial(t, 'proxy')
    socket.resume()
    socket.write(bytes)
    await once(socket, 'close')
    t.equal(bench.drops.at(-1)?.reason, reason)
  }
})

t.test(
  'beyond 256 requests under way it reads no further, and goes on when they are answered',
  async (t) => {
    const bench = await Bench.open(t)
    const waiting: ((reply: Reply) => void)[] = []
    let onAsked = (): void => undefined
    bench.access = () =>
      new Promise((resolve) => {
        waiting.push(resolve)
        onAsked()
      })
    const socket = await bench.dial(t, 'proxy')
    const full = new Promise<void>((resolve) => {
      onAsked = () => {
        if (waiting.length === 256) resolve()
      }
    })
    const requests = Array.from({ length: 300 }, (_, at) =>
      makeRequest({ identifier: at % 256, attributes: [userName] }, secret),
    )
    socket.write(Buffer.concat(requests))
    await full
    await new Promise((resolve) => setImmediate(resolve))
    t.equal(bench.exchange.inFlight, 256)
    onAsked = () => waiting.at(-1)?.(accept)
    for (const answer of waiting.splice(0)) answer(accept)
    t.equal((await read(socket, 300)).length, 300)
  },
)

t.test('peers change while connections are open', async (t) => {
  const bench = await Bench.open(t)
  const status = makeRequest({ code: PacketCode.statusServer, attributes: [] }, secret)
  const socket = await bench.dial(t, 'proxy')
  socket.write(status)
  await once(socket, 'data')
  t.equal(bench.server.connections, 1)
  await bench.server.setPeers([peer('second', other)])
  await once(socket, 'close')
  t.equal(bench.server.connections, 0, 'a peer that was removed is cut off')

  bench.server.setCertificate(await issue(ours, 'renewed.example.test'))
  const next = await bench.dial(t, 'second', { servername: 'renewed.example.test' })
  await once(next, 'secureConnect')
  t.match(next.getPeerX509Certificate()?.subjectAltName, /renewed/, 'another certificate at once')

  await bench.server.setPeers([])
  t.same(bench.server.addresses(), [], 'without a peer nothing listens')
})

t.test('packets are cut out of any chunks', (t) => {
  const packet = makeRequest({ attributes: [userName] }, secret)
  const framer = new PacketFramer()
  for (const byte of packet.subarray(0, -1)) {
    framer.push(Buffer.from([byte]))
    t.equal(framer.next(), null)
  }
  framer.push(Buffer.concat([packet.subarray(-1), packet, packet.subarray(0, 3)]))
  t.same(framer.next(), packet)
  t.same(framer.next(), packet)
  t.equal(framer.next(), null)
  t.equal(framer.bufferedBytes, 3)
  t.end()
})
