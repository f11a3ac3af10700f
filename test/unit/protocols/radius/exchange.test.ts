import { randomBytes } from 'node:crypto'
import t from 'tap'
import {
  type Answered,
  type Attribute,
  type Drop,
  Exchange,
  hideUserPassword,
  PacketCode,
  type RadiusClient,
  type RadiusHandler,
  type Reply,
  SharedSecret,
} from '../../../../protocols/radius/index.ts'
import {
  checkReply,
  makeAccounting,
  makeRequest,
  papAttributes,
} from '../../../support/radius-client.ts'

const secret = new SharedSecret(Buffer.from('testing123'))
const userName: Attribute = { type: 1, value: Buffer.from('alice') }
const eapMessage: Attribute = { type: 79, value: Buffer.from([2, 0, 0, 5, 1]) }
const proxyState: Attribute = { type: 33, value: Buffer.from('p') }
const accept: Reply = { code: PacketCode.accessAccept, attributes: [] }

/** An exchange without sockets; `replies` holds what would have been sent. */
class ExchangeBench {
  readonly replies: Buffer[] = []
  readonly drops: Drop[] = []
  readonly answered: Answered[] = []
  readonly faults: unknown[] = []
  readonly clock = { nowMs: 0 }
  asked = 0
  client: RadiusClient = {
    name: 'ap',
    addresses: [],
    secrets: [secret],
    requireMessageAuthenticator: 'no',
    limitProxyState: true,
  }
  access: RadiusHandler['access'] = () => accept
  account: RadiusHandler['account'] = () => true
  readonly exchange: Exchange

  constructor(options: { readonly maxInFlight?: number } = {}) {
    this.exchange = new Exchange({
      findClient: (address) => (address === '192.0.2.66' ? null : this.client),
      handler: {
        access: (request, signal) => {
          this.asked += 1
          return this.access(request, signal)
        },
        account: (request, signal) => {
          this.asked += 1
          return this.account(request, signal)
        },
      },
      observer: {
        dropped: (drop) => this.drops.push(drop),
        answered: (answered) => this.answered.push(answered),
        failed: (error) => this.faults.push(error),
      },
      now: () => this.clock.nowMs,
      ...options,
    })
  }

  send(datagram: Buffer, from: { port?: number; address?: string; socket?: 'auth' | 'acct' } = {}) {
    const socket = from.socket ?? 'auth'
    this.exchange.receive(datagram, {
      socket,
      label: `${socket} 127.0.0.1 1812`,
      address: from.address ?? '192.0.2.1',
      port: from.port ?? 4000,
      send: (reply) => this.replies.push(reply),
    })
  }

  get lastDrop(): string | undefined {
    return this.drops.at(-1)?.reason
  }
}

const signed = (identifier = 1): Buffer =>
  makeRequest({ identifier, attributes: [userName] }, secret)
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

t.test('bytes that cannot be trusted get silence, and are counted by reason', async (t) => {
  const bench = new ExchangeBench()
  const other = new SharedSecret(Buffer.from('wrong'))
  const cases: [string, Buffer, Parameters<ExchangeBench['send']>[1]][] = [
    ['unknown-client', signed(), { address: '192.0.2.66' }],
    ['malformed', Buffer.from('hello'), {}],
    ['unexpected-code', makeRequest({ code: 40, attributes: [] }, secret), {}],
    ['unexpected-code', makeRequest({ code: 2, attributes: [] }, secret), {}],
    ['unexpected-code', signed(), { socket: 'acct' }],
    ['unexpected-code', makeAccounting([], secret), { socket: 'auth' }],
    ['bad-message-authenticator', makeRequest({ attributes: [userName] }, other), {}],
    ['bad-authenticator', makeAccounting([], other), { socket: 'acct' }],
    [
      'missing-message-authenticator',
      makeRequest({ attributes: [eapMessage], isSigned: false }, secret),
      {},
    ],
    [
      'missing-message-authenticator',
      makeRequest({ code: 12, attributes: [], isSigned: false }, secret),
      {},
    ],
  ]
  for (const [reason, datagram, from] of cases) {
    bench.send(datagram, from)
    t.equal(bench.lastDrop, reason)
  }
  t.equal(bench.replies.length, 0)
  t.equal(bench.asked, 0)
  t.equal(bench.drops.length, cases.length)
})

t.test(
  'a reply is authentic in both ways, with Message-Authenticator as its first attribute',
  async (t) => {
    const bench = new ExchangeBench()
    bench.access = () => ({ code: 3, attributes: [{ type: 18, value: Buffer.from('no') }] })
    const request = signed(9)
    bench.send(request)
    const reply = checkReply(bench.replies[0] ?? Buffer.alloc(0), request, secret)
    t.ok(reply.isResponseAuthentic && reply.isMessageAuthentic)
    t.same(
      reply.packet.attributes.map(({ type }) => type),
      [80, 18],
    )
    t.equal(reply.packet.identifier, 9)
  },
)

t.test(
  'Message-Authenticator rule: yes, no, auto, and Proxy-State without it (CVE-2024-3596)',
  async (t) => {
    const unsigned = (...more: Attribute[]): Buffer => {
      return makeRequest({ attributes: [userName, ...more], isSigned: false }, secret)
    }
    const eap = (): Buffer => makeRequest({ attributes: [eapMessage] }, secret)
    const ask = (rule: RadiusClient['requireMessageAuthenticator'], ...sent: Buffer[]) => {
      const bench = new ExchangeBench()
      bench.client = { ...bench.client, requireMessageAuthenticator: rule }
      for (const [at, datagram] of sent.entries()) bench.send(datagram, { port: 5000 + at })
      return bench.lastDrop ?? `${bench.replies.length} replies`
    }
    t.equal(ask('yes', unsigned()), 'missing-message-authenticator')
    t.equal(ask('no', unsigned()), '1 replies')
    t.equal(ask('no', signed(), unsigned()), '2 replies')
    t.equal(ask('auto', unsigned()), '1 replies')
    t.equal(ask('auto', signed(), unsigned()), 'missing-message-authenticator')
    t.equal(ask('auto', eap(), unsigned()), '2 replies', 'EAP always has one and proves nothing')
    t.equal(ask('no', unsigned(proxyState)), 'proxy-state-without-message-authenticator')
    t.equal(ask('no', makeRequest({ attributes: [proxyState] }, secret)), '1 replies')
  },
)

t.test(
  'while a secret is being rotated, requests made with either are answered with theirs',
  async (t) => {
    const bench = new ExchangeBench()
    const next = new SharedSecret(Buffer.from('next secret'))
    bench.client = { ...bench.client, secrets: [next, secret] }
    for (const each of [next, secret]) {
      const request = makeRequest({ attributes: [userName] }, each)
      bench.send(request)
      t.ok(checkReply(bench.replies.at(-1) ?? Buffer.alloc(0), request, each).isResponseAuthentic)
      const account = makeAccounting([userName], each)
      bench.send(account, { socket: 'acct' })
      t.ok(checkReply(bench.replies.at(-1) ?? Buffer.alloc(0), account, each).isResponseAuthentic)
    }
  },
)

t.test(
  'while a secret is being rotated, unsigned requests are read with the one their password fits',
  async (t) => {
    const bench = new ExchangeBench()
    const next = new SharedSecret(Buffer.from('next secret'))
    bench.client = { ...bench.client, secrets: [next, secret] }
    const used: SharedSecret[] = []
    bench.access = (request) => {
      used.push(request.secret)
      return accept
    }
    const passwords = ['', 'x', 'Grüße, 東京!', 'exactly 16 bytes', 'p'.repeat(64), 'é'.repeat(64)]
    for (const each of [next, secret]) {
      for (const password of passwords) {
        const authenticator = randomBytes(16)
        const attributes = papAttributes('alice', password, each, authenticator)
        const request = makeRequest({ attributes, authenticator, isSigned: false }, each)
        bench.send(request)
        t.equal(used.at(-1), each, `${password.length} characters`)
        t.ok(checkReply(bench.replies.at(-1) ?? Buffer.alloc(0), request, each).isResponseAuthentic)
      }
    }
    const userPassword = (hidden: Buffer): Attribute => ({ type: 2, value: hidden })
    const authenticator = Buffer.alloc(16)
    const latin1 = hideUserPassword(Buffer.from([0xff, 0xfe]), secret.bytes, authenticator)
    const unclear = [userName, userPassword(Buffer.alloc(5)), userPassword(latin1)]
    for (const [at, attribute] of unclear.entries()) {
      const parts = { attributes: [attribute], authenticator, isSigned: false }
      bench.send(makeRequest(parts, secret), { port: 5000 + at })
      t.equal(used.pop(), next, 'the newest where none fits')
    }
  },
)

t.test(
  'RFC 5080 §2.2.2: a duplicate gets the same octets and is not worked on again',
  async (t) => {
    const bench = new ExchangeBench()
    const request = signed()
    bench.send(request)
    bench.clock.nowMs = 4_000
    bench.send(request)
    t.equal(bench.asked, 1)
    t.same(bench.replies[1], bench.replies[0])
    t.match(bench.answered, [{ isRepeated: false }, { isRepeated: true }])
    bench.send(request, { port: 4001 })
    t.equal(bench.asked, 2, 'another source port is another request')
    bench.clock.nowMs = 30_000
    bench.send(request)
    t.equal(bench.asked, 3, 'after its lifetime it is new')
  },
)

t.test('RFC 5080 §2.2.2: a duplicate of a request under way is dropped in silence', async (t) => {
  const bench = new ExchangeBench()
  let answer = (_reply: Reply): void => undefined
  bench.access = () => new Promise((resolve) => (answer = resolve))
  const request = signed()
  bench.send(request)
  bench.send(request)
  t.equal(bench.lastDrop, 'duplicate-in-progress')
  t.equal(bench.exchange.inFlight, 1)
  answer(accept)
  await settled()
  bench.send(request)
  t.equal(bench.asked, 1)
  t.equal(bench.replies.length, 2)
  t.equal(bench.exchange.inFlight, 0)
})

t.test(
  'RFC 5080 §2.2.2: a new authenticator under the same identifier replaces the old request',
  async (t) => {
    const bench = new ExchangeBench()
    const [first, second] = [signed(), signed()]
    bench.send(first)
    bench.send(second)
    t.equal(bench.asked, 2)
    t.notSame(bench.replies[0], bench.replies[1])
    bench.send(second)
    t.equal(bench.asked, 2)
    t.same(bench.replies[2], bench.replies[1])
  },
)

t.test('a packet that fails its Message-Authenticator leaves the stored reply alone', async (t) => {
  const bench = new ExchangeBench()
  const request = signed()
  bench.send(request)
  const forged = Buffer.from(request)
  forged.writeUInt8(forged.readUInt8(10) ^ 1, 10)
  bench.send(forged)
  t.equal(bench.lastDrop, 'bad-message-authenticator')
  bench.send(request)
  t.equal(bench.asked, 1, 'the original is still known as answered')
})

t.test('silence and faults are no replies: a repetition is a new try', async (t) => {
  const bench = new ExchangeBench()
  const request = signed()
  bench.access = () => null
  bench.send(request)
  t.equal(bench.lastDrop, 'unanswered')
  bench.access = () => {
    throw new Error('database is gone')
  }
  bench.send(request)
  bench.access = () => Promise.reject(new Error('later'))
  bench.send(request)
  await settled()
  t.equal(bench.faults.length, 2)
  bench.access = () => accept
  bench.send(request)
  t.equal(bench.asked, 4)
  t.equal(bench.replies.length, 1)
})

t.test('Accounting-Request: acknowledged only once it is recorded', async (t) => {
  const bench = new ExchangeBench()
  const acct = { socket: 'acct' as const }
  let recorded = (_isRecorded: boolean): void => undefined
  bench.account = () => new Promise((resolve) => (recorded = resolve))
  const request = makeAccounting([userName], secret)
  bench.send(request, acct)
  await settled()
  t.equal(bench.replies.length, 0)
  recorded(true)
  await settled()
  const reply = checkReply(bench.replies[0] ?? Buffer.alloc(0), request, secret)
  t.equal(reply.packet.code, PacketCode.accountingResponse)
  t.ok(reply.isResponseAuthentic)
  bench.account = () => false
  bench.send(makeAccounting([userName], secret, 2), acct)
  t.equal(bench.replies.length, 1)
})

t.test('Status-Server is answered on both sockets and asks no handler (RFC 5997)', async (t) => {
  const bench = new ExchangeBench()
  const request = makeRequest({ code: PacketCode.statusServer, attributes: [] }, secret)
  bench.send(request)
  bench.send(request, { socket: 'acct' })
  t.same(
    bench.replies.map((reply) => reply.readUInt8(0)),
    [2, 5],
  )
  t.ok(bench.replies.every((reply) => checkReply(reply, request, secret).isMessageAuthentic))
  t.equal(bench.asked, 0)
})

t.test('more requests than the bound are dropped, and are welcome again later', async (t) => {
  const bench = new ExchangeBench({ maxInFlight: 2 })
  const waiting: ((reply: Reply) => void)[] = []
  bench.access = () => new Promise((resolve) => waiting.push(resolve))
  for (const identifier of [1, 2, 3]) bench.send(signed(identifier))
  t.equal(bench.lastDrop, 'overloaded')
  for (const resolve of waiting) resolve(accept)
  await settled()
  bench.send(signed(3))
  t.equal(bench.exchange.inFlight, 1)
})

t.test('draining waits for what is under way, then tells the rest to give up', async (t) => {
  const bench = new ExchangeBench()
  let answer = (_reply: Reply): void => undefined
  let isAborted = false
  bench.access = (_request, signal) => {
    signal.addEventListener('abort', () => (isAborted = true))
    return new Promise((resolve) => (answer = resolve))
  }
  bench.send(signed())
  const draining = bench.exchange.drain(5_000)
  answer(accept)
  await draining
  t.equal(bench.replies.length, 1)
  bench.send(signed(2))
  await bench.exchange.drain(10)
  t.ok(isAborted)
})

t.test(
  'rate: a repetition costs nothing, what is over it gets silence, a new try counts',
  async (t) => {
    const bench = new ExchangeBench()
    bench.client = { ...bench.client, rate: 1 }
    const requests = Array.from({ length: 11 }, (_, at) => signed(at))
    for (const request of requests.slice(0, 10)) {
      for (let times = 0; times < 4; times++) bench.send(request)
    }
    t.equal(bench.replies.length, 40)
    t.equal(bench.asked, 10)
    t.equal(bench.drops.length, 0, 'three repetitions of each trip nothing')

    const last = requests.at(-1) ?? Buffer.alloc(0)
    bench.send(last)
    t.equal(bench.lastDrop, 'rate-limited')
    t.equal(bench.asked, 10)
    bench.send(requests[3] ?? last)
    t.equal(bench.replies.length, 41, 'what was answered is still repeated')
    bench.send(signed(), { address: '192.0.2.2' })
    t.equal(bench.asked, 11, 'another address has its own')
    bench.clock.nowMs += 1_000
    bench.send(last)
    t.equal(bench.asked, 12, 'the same packet once there is room')
  },
)

t.test('rate: forged log-ins, and a flood of accounting, leave room for signed ones', async (t) => {
  const bench = new ExchangeBench()
  bench.client = { ...bench.client, rate: 1 }
  const flood = (make: (at: number) => Buffer, socket: 'auth' | 'acct') => {
    for (let at = 0; at < 50; at++) bench.send(make(at), { socket, port: 5000 + at })
    const drops = bench.drops.length
    bench.drops.length = 0
    return drops
  }
  const unsigned = (identifier: number) =>
    makeRequest({ identifier, attributes: [userName], isSigned: false }, secret)
  t.equal(flood(unsigned, 'auth'), 40)
  t.equal(
    flood((at) => makeAccounting([{ type: 44, value: Buffer.from([at]) }], secret), 'acct'),
    10,
  )
  bench.send(signed())
  t.equal(bench.drops.length, 0)
})
