import { createSocket, type Socket } from 'node:dgram'
import { once, setMaxListeners } from 'node:events'
import t, { type Test } from 'tap'
import { waits } from '../../../../protocols/radius/client/retransmission.ts'
import {
  AttributeType,
  type BadReply,
  decodePacket,
  encodePacket,
  makeText,
  type Packet,
  PacketCode,
  type Retransmission,
  SharedSecret,
  UdpClient,
} from '../../../../protocols/radius/index.ts'
import { encodeReply, encodeUnsignedReply } from '../../../../protocols/radius/reply.ts'

const secret = new SharedSecret(Buffer.from('between-us'))
const userName = makeText(AttributeType.userName, 'alice')
const never = new AbortController().signal
setMaxListeners(0, never)
/** Long enough that nothing is repeated unless the test waits for it. */
const patient: Retransmission = {
  initialMs: 60_000,
  maxWaitMs: 60_000,
  maxCount: 2,
  maxDurationMs: 120_000,
}
const hasty: Retransmission = { initialMs: 10, maxWaitMs: 10, maxCount: 3, maxDurationMs: 1_000 }

interface Asked {
  readonly bytes: Buffer
  readonly packet: Packet
  readonly port: number
  answer(reply: Buffer): void
}

/** A server whose answers the test makes itself. */
class Peer {
  readonly asked: Asked[] = []
  readonly bad: BadReply[] = []
  readonly client: UdpClient
  #onAsked: (() => void) | null = null

  private constructor(socket: Socket, retransmission: Retransmission) {
    socket.on('message', (bytes, { port, address }) => {
      const answer = (reply: Buffer): void => socket.send(reply, port, address)
      this.asked.push({ bytes, packet: decodePacket(bytes), port, answer })
      this.#onAsked?.()
    })
    this.client = new UdpClient({
      host: '127.0.0.1',
      port: socket.address().port,
      secret,
      retransmission,
      onBadReply: (reason) => this.bad.push(reason),
    })
  }

  static async open(test: Test, retransmission = patient): Promise<Peer> {
    const socket = createSocket('udp4')
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const peer = new Peer(socket, retransmission)
    test.teardown(() => {
      peer.client.close()
      socket.close()
    })
    return peer
  }

  /** Waits for the `count`-th datagram and gives it. */
  async nth(count: number): Promise<Asked> {
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (this.asked.length >= count) resolve()
      }
      this.#onAsked = look
      look()
    })
    const asked = this.asked[count - 1]
    if (asked === undefined) throw new Error('nothing was asked')
    return asked
  }
}

const access = { code: PacketCode.accessRequest, attributes: [userName] }

t.test('a request is signed, and its answer is the one that passes every check', async (t) => {
  const peer = await Peer.open(t)
  const answer = peer.client.send(access, never)
  const { packet, bytes, answer: reply } = await peer.nth(1)
  t.equal(packet.attributes[0]?.type, 80, 'Message-Authenticator comes first')
  t.equal(secret.verifyMessageAuthenticator(bytes, packet), 'valid')

  const stranger = new SharedSecret(Buffer.from('another'))
  const good = encodeReply({ code: PacketCode.accessAccept, attributes: [] }, packet, secret)
  const flipped = Buffer.from(good)
  flipped.writeUInt8(PacketCode.accessReject, 0)
  reply(encodeReply({ code: PacketCode.accessReject, attributes: [] }, packet, stranger))
  reply(flipped)
  reply(encodeUnsignedReply({ code: PacketCode.accessReject, attributes: [] }, packet, secret))
  reply(encodeReply({ code: PacketCode.accountingResponse, attributes: [] }, packet, secret))
  reply(good.subarray(0, 19))
  reply(good.subarray(0, 30))
  reply(good)
  t.match(await answer, { code: PacketCode.accessAccept })
  t.same(peer.bad, [
    'bad-authenticator',
    'bad-authenticator',
    'missing-message-authenticator',
    'unexpected-code',
    'malformed',
    'malformed',
  ])
})

t.test(
  'a status may be answered unsigned, as older FreeRADIUS does; a forged one is none',
  async (t) => {
    const peer = await Peer.open(t)
    const answer = peer.client.send({ code: PacketCode.statusServer, attributes: [] }, never)
    const { packet, answer: reply } = await peer.nth(1)
    const alive = { code: PacketCode.accessAccept, attributes: [] }
    reply(encodeUnsignedReply(alive, packet, new SharedSecret(Buffer.from('another'))))
    reply(encodeUnsignedReply(alive, packet, secret))
    t.match(await answer, alive)
    t.same(peer.bad, ['bad-authenticator'])
  },
)

t.test('requests whose authenticator is a digest are signed as their RFC says', async (t) => {
  const peer = await Peer.open(t)
  const codes = [
    { code: PacketCode.accountingRequest, replyCode: PacketCode.accountingResponse },
    { code: PacketCode.disconnectRequest, replyCode: PacketCode.disconnectNak },
    { code: PacketCode.coaRequest, replyCode: PacketCode.coaAck },
  ]
  for (const [at, { code, replyCode }] of codes.entries()) {
    const answer = peer.client.send({ code, attributes: [userName], isSigned: at > 0 }, never)
    const { bytes, packet, answer: reply } = await peer.nth(at + 1)
    t.ok(secret.verifyAccountingAuthenticator(bytes), 'Request Authenticator')
    t.equal(
      secret.verifyMessageAuthenticator(bytes, packet, Buffer.alloc(16)),
      at > 0 ? 'valid' : 'absent',
    )
    reply(encodeUnsignedReply({ code: replyCode, attributes: [] }, packet, secret))
    t.match(await answer, { code: replyCode })
  }
})

t.test('what is not answered is repeated unchanged, then given up', async (t) => {
  const peer = await Peer.open(t, hasty)
  t.equal(await peer.client.send(access, never), 'timeout')
  await peer.nth(3)
  t.equal(peer.asked.length, 3)
  t.same(new Set(peer.asked.map(({ bytes }) => bytes.toString('hex'))).size, 1)

  const later = peer.client.send(access, never)
  const { packet } = await peer.nth(4)
  t.not(packet.identifier, peer.asked[0]?.packet.identifier, 'identifiers go round')
  t.equal(await later, 'timeout')
})

t.test('beyond 256 requests another socket asks, beyond all sockets none', async (t) => {
  const peer = await Peer.open(t)
  const ask = (): Promise<Packet | 'timeout'> => peer.client.send(access, never)
  // In two parts, since the kernel keeps some 270 datagrams for a socket that is not read.
  const answers = Array.from({ length: 200 }, ask)
  await peer.nth(200)
  answers.push(...Array.from({ length: 100 }, ask))
  await peer.nth(300)
  const ports = new Set(peer.asked.map(({ port }) => port))
  t.equal(ports.size, 2)
  const keys = peer.asked.map(({ port, packet }) => `${port} ${packet.identifier}`)
  t.equal(new Set(keys).size, 300, 'no two requests share port and identifier')
  for (const { packet, answer } of peer.asked) {
    answer(encodeReply({ code: PacketCode.accessReject, attributes: [] }, packet, secret))
  }
  for (const answer of await Promise.all(answers)) t.match(answer, { code: 3 })

  const waiting = Array.from({ length: 16 * 256 }, () => peer.client.send(access, never))
  t.equal(await peer.client.send(access, never), 'timeout', 'refused at once')
  peer.client.close()
  t.same(new Set(await Promise.all(waiting)), new Set(['timeout']))
  t.equal(await peer.client.send(access, never), 'timeout', 'closed')
})

t.test('an abort ends a request; a request that does not fit is a fault', async (t) => {
  const peer = await Peer.open(t)
  const stop = new AbortController()
  const answer = peer.client.send(access, stop.signal)
  await peer.nth(1)
  stop.abort(new Error('enough'))
  await t.rejects(answer, { message: 'enough' })
  await t.rejects(peer.client.send(access, stop.signal), { message: 'enough' })
  const tooLong = Array.from({ length: 17 }, () => ({ type: 79, value: Buffer.alloc(253) }))
  await t.rejects(peer.client.send({ code: 1, attributes: tooLong }, never), {
    code: 'RADIUS_TOO_LONG',
  })
  const nobody = new UdpClient({ host: '::1', port: 9, secret, retransmission: hasty })
  t.equal(await nobody.send(access, never), 'timeout')
  nobody.close()
})

t.test('waits double, stay within a tenth, and end by count and by time (RFC 5080 §2.2.1)', (t) => {
  const usual = { initialMs: 2_000, maxWaitMs: 16_000, maxCount: 5, maxDurationMs: 30_000 }
  t.same([...waits(usual, () => 0.5)], [2_000, 4_000, 8_000, 16_000])
  t.same(
    [...waits({ ...usual, maxDurationMs: 90_000 }, () => 0.5)],
    [2_000, 4_000, 8_000, 16_000, 16_000],
  )
  t.same([...waits({ ...usual, maxDurationMs: 5_000 }, () => 0.5)], [2_000, 3_000])
  t.same([...waits({ ...usual, maxCount: 2 }, () => 0)], [1_800, 1_800 * 1.9])
  t.end()
})

t.test('a bare packet is none of ours', async (t) => {
  const peer = await Peer.open(t, hasty)
  const answer = peer.client.send(access, never)
  const { answer: reply } = await peer.nth(1)
  reply(encodePacket({ code: 2, identifier: 200, authenticator: Buffer.alloc(16), attributes: [] }))
  reply(Buffer.alloc(0))
  t.equal(await answer, 'timeout')
  t.same(peer.bad, [])
})
