import { createHash, createHmac, randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { findNamedSession } from '../../protocols/radius/eap/client-hello.ts'
import { decodeResult } from '../../protocols/radius/eap/peap-tlv.ts'
import { readTtlsInner } from '../../protocols/radius/eap/ttls-inner.ts'
import {
  type Attribute,
  AttributeType,
  decodeAvps,
  decodePacket,
  EapGtc,
  EapMsChapV2,
  EapServer,
  EapTls,
  Exchange,
  encodeAvps,
  encodeEap,
  findInteger,
  findValue,
  hideUserPassword,
  joinEapMessage,
  makeInteger,
  makeOctets,
  makeText,
  makeTlsContext,
  makeVendor,
  PacketCode,
  type RadiusClient,
  RadiusError,
  type RadiusRequest,
  type Reply,
  revealUserPassword,
  SharedSecret,
  splitEapMessage,
  Vendor,
} from '../../protocols/radius/index.ts'
import { PacketFramer } from '../../protocols/radius/tls/framer.ts'
import {
  issueServerCertificate,
  makeAuthority,
} from '../../src/credentials/certificates/authority.ts'
import { chooseNetwork } from '../../src/gateway/radius/choose-network.ts'
import { readFacts } from '../../src/gateway/radius/facts.ts'
import { aNas, aNetwork } from '../support/directory.ts'
import { papAvps } from '../support/eap-ttls-client.ts'
import { fuzzInputs, fuzzSeed, mutants, Random } from '../support/mutate.ts'
import { makeAccounting, makeRequest } from '../support/radius-client.ts'
import { readVectors } from '../support/vector-file.ts'

/**
 * What senders nobody trusts can do to the server: nothing. Each datagram goes through all that stands
 * between a socket and an answer. `GATEHOUSE_FUZZ_INPUTS=10000000` for the long run.
 */
const USUAL_INPUTS = 40_000
/** Heap that may be held more at the end than after the first fifth of a run, caches full. */
const MAX_GROWTH_BYTES = 48 * 1024 * 1024

/** Conversations that go on at the same time. */
const FOLLOWED = 32

/** A long run has its time. */
t.setTimeout(60_000 + fuzzInputs(USUAL_INPUTS))

const seed = fuzzSeed()
const inputs = fuzzInputs(USUAL_INPUTS)
const secret = new SharedSecret(Buffer.from('testing123'))
const client: RadiusClient = {
  name: 'ap-1',
  addresses: ['127.0.0.1/32'],
  secrets: [secret],
  requireMessageAuthenticator: 'yes',
  limitProxyState: true,
}
const nas = aNas()
const network = aNetwork({ rules: [{ ssids: ['corp'] }, { withoutSsid: true }] })

const authority = await makeAuthority('Test Root', Date.now())
const pair = await issueServerCertificate(authority, {
  names: ['radius.example.test'],
  nowMs: Date.now(),
})
const tlsContext = makeTlsContext({ certificate: pair.certificate, key: pair.privateKey })

/** All that reads a peer's bytes before a directory is asked, and a directory that knows nobody. */
class Victim {
  readonly faults: unknown[] = []
  readonly replies: Buffer[] = []
  readonly #eap = new EapServer<string, string>({
    holder: { daemon: Buffer.from('fuzz'), worker: 0 },
    limits: { maxConversations: 200 },
  })
  readonly #authenticate = () => ({ ok: false, reason: 'unknown-name' }) as const
  readonly #methods = [
    new EapMsChapV2<string, string>({ authenticate: this.#authenticate, name: 'eap-mschapv2' }),
    new EapGtc<string, string>({ authenticate: this.#authenticate, name: 'eap-gtc' }),
    new EapTls<string, string>({ authenticate: this.#authenticate, tls: () => tlsContext }),
  ]
  readonly #exchange = new Exchange({
    findClient: (address) => (address === '127.0.0.1' ? client : null),
    handler: {
      access: (request, signal) => this.#access(request, signal),
      account: ({ packet }) => readFacts(packet).device !== 'nobody',
    },
    observer: {
      dropped: () => undefined,
      answered: () => undefined,
      failed: (error) => this.faults.push(error),
    },
  })

  receive(datagram: Buffer, from: { socket: 'auth' | 'acct'; address: string; port: number }) {
    this.#exchange.receive(datagram, {
      ...from,
      label: from.socket,
      send: (reply) => this.replies.push(reply),
    })
  }

  async settled(): Promise<void> {
    while (this.#exchange.inFlight > 0) await new Promise((resolve) => setImmediate(resolve))
  }

  #access({ packet, secret: of }: RadiusRequest, signal: AbortSignal) {
    const { attributes } = packet
    chooseNetwork([network], nas, readFacts(packet))
    const eap = joinEapMessage(attributes)
    if (eap !== null) return this.#answerEap(attributes, eap, signal)
    const hidden = findValue(attributes, AttributeType.userPassword)
    try {
      if (hidden !== null) revealUserPassword(hidden, of.bytes, packet.authenticator)
    } catch (error) {
      if (!(error instanceof RadiusError)) throw error
    }
    return reject([])
  }

  async #answerEap(attributes: readonly Attribute[], eap: Buffer, signal: AbortSignal) {
    const answer = await this.#eap.answer(
      {
        eap,
        state: findValue(attributes, AttributeType.state),
        framedMtu: findInteger(attributes, AttributeType.framedMtu),
        owner: 'ap-1',
        open: () => ({ context: 'corp', methods: this.#methods }),
      },
      signal,
    )
    if (answer.kind === 'silence') return null
    if (answer.kind !== 'challenge') return reject(splitEapMessage(answer.eap))
    const state = makeOctets(AttributeType.state, answer.state)
    return { code: PacketCode.accessChallenge, attributes: [state, ...splitEapMessage(answer.eap)] }
  }
}

function reject(attributes: readonly Attribute[]): Reply {
  return { code: PacketCode.accessReject, attributes }
}

const eapOf = (type: number, data: Buffer, identifier = 1) =>
  splitEapMessage(encodeEap({ code: 2, identifier, type, data }))

function corpus(): readonly Buffer[] {
  const authenticator = randomBytes(16)
  const user = makeText(AttributeType.userName, 'alice')
  const station = makeText(AttributeType.calledStationId, '02-00-00-00-00-01:corp')
  const device = makeText(AttributeType.callingStationId, '02-11-22-33-44-55')
  const hidden = hideUserPassword(Buffer.from('right'), secret.bytes, authenticator)
  const microsoft = (type: number, bytes: number) =>
    makeVendor({ vendor: Vendor.microsoft, type, value: randomBytes(bytes) })
  const requests: readonly Attribute[][] = [
    [user, makeOctets(AttributeType.userPassword, hidden), station, device],
    [user, makeOctets(AttributeType.chapPassword, randomBytes(17))],
    [user, microsoft(11, 16), microsoft(25, 50)],
    [user, ...eapOf(1, Buffer.from('alice')), makeInteger(AttributeType.framedMtu, 1400)],
    [
      user,
      ...eapOf(3, Buffer.from([13, 21, 25])),
      makeOctets(AttributeType.state, randomBytes(21)),
    ],
    [makeOctets(AttributeType.proxyState, randomBytes(40)), user],
    [],
  ]
  return [
    ...requests.map((attributes) => makeRequest({ attributes, authenticator }, secret)),
    makeRequest({ code: PacketCode.statusServer, attributes: [] }, secret),
    makeAccounting([user, makeInteger(AttributeType.acctStatusType, 1), device], secret),
    makeAccounting([makeInteger(AttributeType.acctStatusType, 7)], secret),
    ...readVectors('radius/packets.txt')
      .map(({ decode }) => decode)
      .filter((bytes) => bytes.length >= 20),
  ]
}

const hello = Buffer.from(
  `16030100450100004103${'03'.repeat(33)}20${'11'.repeat(32)}0002c02b0100`,
  'hex',
)

/** What a supplicant might say next, right or wrong, for each method it may be asked for. */
const nextData: Readonly<Record<number, readonly Buffer[]>> = {
  1: [Buffer.from('alice')],
  6: [Buffer.from('right')],
  13: [
    Buffer.concat([Buffer.from([0]), hello]),
    Buffer.from('c000000200160301', 'hex'),
    Buffer.of(0),
  ],
  26: [Buffer.concat([Buffer.from('0201003b31', 'hex'), randomBytes(49), Buffer.from('alice')])],
}

/** The next request of a conversation, with the State of a challenge. */
function follow(reply: Buffer, random: Random): Buffer | null {
  const { attributes } = decodePacket(reply)
  const eap = joinEapMessage(attributes)
  const state = findValue(attributes, AttributeType.state)
  if (eap === null || state === null) return null
  const wants = [3, eap[4] ?? 1][random.below(4) === 0 ? 0 : 1] ?? 1
  const data = wants === 3 ? Buffer.from([random.pick([6, 13, 26])]) : nextData[wants]
  const response = Buffer.isBuffer(data) ? data : random.pick(data ?? [Buffer.of(0)])
  const message = eapOf(wants, response, eap[1] ?? 0)
  return makeRequest({ attributes: [...message, makeOctets(AttributeType.state, state)] }, secret)
}

/** Where the value of an attribute of this type begins, by a walk of our own; null without one. */
function placeOf(bytes: Buffer, type: number): number | null {
  for (let at = 20; at + 2 <= bytes.length; at += Math.max(2, bytes[at + 1] ?? 2))
    if (bytes[at] === type && bytes[at + 1] === 18 && at + 18 <= bytes.length) return at + 2
  return null
}

/** Makes a mutant as authentic as a NAS with the secret would, so that it gets behind the checks. */
function sign(bytes: Buffer): Buffer {
  if (bytes.length < 20) return bytes
  bytes.writeUInt16BE(Math.min(bytes.length, 0xffff), 2)
  const at = placeOf(bytes, 80)
  const isAccounting = bytes[0] === PacketCode.accountingRequest
  if (isAccounting) bytes.fill(0, 4, 20)
  if (at !== null) {
    bytes.fill(0, at, at + 16)
    bytes.set(createHmac('md5', secret.bytes).update(bytes).digest(), at)
  }
  if (isAccounting) {
    bytes.set(createHash('md5').update(bytes).update(secret.bytes).digest(), 4)
  }
  return bytes
}

/** Whether somebody who knows the secret made it, by the RFCs and by nothing of the server's. */
function isAuthentic(datagram: Buffer): boolean {
  const bytes = Buffer.from(datagram.subarray(0, datagram.readUInt16BE(2)))
  if (bytes[0] === PacketCode.accountingRequest) {
    const given = Buffer.from(bytes.subarray(4, 20))
    bytes.fill(0, 4, 20)
    return createHash('md5').update(bytes).update(secret.bytes).digest().equals(given)
  }
  const at = placeOf(bytes, 80)
  if (at === null) return false
  const given = Buffer.from(bytes.subarray(at, at + 16))
  bytes.fill(0, at, at + 16)
  return createHmac('md5', secret.bytes).update(bytes).digest().equals(given)
}

function checkReply(reply: Buffer, request: Buffer): string[] {
  const faults: string[] = []
  if (reply.length > 4096) faults.push(`a reply of ${reply.length} bytes`)
  if (reply[1] !== request[1]) faults.push('a reply to another identifier')
  const packet = decodePacket(reply)
  const asSigned = Buffer.from(reply)
  asSigned.set(request.subarray(4, 20), 4)
  const expected = createHash('md5').update(asSigned).update(secret.bytes).digest()
  if (!expected.equals(packet.authenticator)) faults.push('a reply with a wrong authenticator')
  return faults
}

/** Sends mutants, and looks at what comes back. */
class Siege {
  readonly answered = { auth: 0, acct: 0 }
  followed = 0
  readonly #start = corpus()
  /** Requests of conversations that go on join them. */
  readonly messages = [...this.#start]
  readonly #victim = new Victim()
  readonly #random = new Random(seed + 1)

  /** What is wrong with how the server took it; null when nothing is. */
  async send(mutant: Buffer): Promise<string | null> {
    const datagram = this.#random.below(3) === 0 ? mutant : sign(mutant)
    const socket = this.#random.below(4) === 0 ? 'acct' : 'auth'
    const address = this.#random.below(16) === 0 ? '127.0.0.2' : '127.0.0.1'
    this.#victim.receive(datagram, { socket, address, port: 1024 + this.#random.below(1000) })
    await this.#victim.settled()
    const faults = this.#victim.faults.map(String)
    for (const reply of this.#victim.replies.splice(0)) {
      this.answered[socket] += 1
      if (address !== '127.0.0.1' || !isAuthentic(datagram)) faults.push('a stranger is answered')
      faults.push(...checkReply(reply, datagram))
      this.#goOn(reply)
    }
    return faults.length === 0 ? null : `${faults.join(', ')}: ${datagram.toString('hex')}`
  }

  #goOn(reply: Buffer): void {
    const next = follow(reply, this.#random)
    if (next === null) return
    this.messages[this.#start.length + (this.followed % FOLLOWED)] = next
    this.followed += 1
  }
}

t.test('no datagram, signed or not, harms; none that is not authentic is answered', async (t) => {
  t.setTimeout(60_000 + inputs)
  const siege = new Siege()
  let heapBytes = 0
  let made = 0
  for (const mutant of mutants(siege.messages, seed, inputs)) {
    const fault = await siege.send(mutant)
    if (fault !== null) {
      t.fail(`${fault}, seed ${seed}, input ${made}`)
      return
    }
    made += 1
    if (made === Math.ceil(inputs / 5)) heapBytes = heapNow()
    // Timers and the garbage collector have their turn, as they have between real datagrams.
    if (made % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  const { answered, followed } = siege
  const grown = heapNow() - heapBytes
  t.ok(answered.auth > inputs / 20, `${answered.auth} of ${inputs} got an answer on auth`)
  t.ok(answered.acct > inputs / 400, `${answered.acct} on acct`)
  t.ok(followed > inputs / 200, `${followed} times a conversation went on`)
  t.ok(grown < MAX_GROWTH_BYTES, `the heap grew by ${Math.round(grown / 1024)} KiB`)
})

function heapNow(): number {
  global.gc?.()
  return process.memoryUsage().heapUsed
}

/** Decoders of what comes inside a tunnel, or before one: they refuse with RadiusError alone. */
function fuzzReader(t: Test, from: readonly Buffer[], read: (bytes: Buffer) => unknown): void {
  let taken = 0
  for (const mutant of mutants(from, seed, inputs)) {
    try {
      read(mutant)
      taken += 1
    } catch (error) {
      if (error instanceof RadiusError) continue
      t.fail(`${String(error)}: seed ${seed}, input ${mutant.toString('hex')}`)
      return
    }
  }
  t.ok(taken > 0, `${taken} of ${inputs} are understood`)
}

t.test('what is inside TTLS', async (t) => {
  const mandatory = { isMandatory: true } as const
  const microsoft = { ...mandatory, vendor: Vendor.microsoft }
  const name = { ...mandatory, vendor: null, code: 1, data: Buffer.from('alice') }
  const challenge = { ...microsoft, code: 11, data: randomBytes(16) }
  const response = { ...microsoft, code: 25, data: randomBytes(50) }
  const eap = {
    ...mandatory,
    vendor: null,
    code: 79,
    data: Buffer.from('0201000a01616c696365', 'hex'),
  }
  const from = [papAvps('alice', 'right'), [name, challenge, response], [eap]].map(encodeAvps)
  fuzzReader(t, from, (bytes) => readTtlsInner(decodeAvps(bytes)))
})

t.test('how PEAP ends', async (t) => {
  const result = Buffer.from('800300020001', 'hex')
  const binding = Buffer.concat([Buffer.from('000c003800000000', 'hex'), randomBytes(52)])
  fuzzReader(t, [result, Buffer.concat([result, binding])], decodeResult)
})

t.test('a ClientHello', async (t) => {
  fuzzReader(t, [hello], findNamedSession)
})

t.test('a stream of RADIUS/TLS', async (t) => {
  const stream = Buffer.concat(corpus().slice(0, 4))
  fuzzReader(t, [stream], (bytes) => {
    const framer = new PacketFramer()
    framer.push(bytes.subarray(0, 7))
    framer.push(bytes.subarray(7))
    for (let packet = framer.next(); packet !== null; packet = framer.next()) decodePacket(packet)
  })
})
