import t from 'tap'
import {
  AvpCode,
  decodeEap,
  decodeTlsFrame,
  EapCode,
  EapType,
  encodeEap,
} from '../../../../protocols/radius/index.ts'
import { EapBench, passwordOf } from '../../../support/eap-conversation.ts'
import { papAvps, TtlsClient } from '../../../support/eap-ttls-client.ts'

const versions = ['TLSv1.2', 'TLSv1.3'] as const
const right = { name: 'alice', password: 'right' }

for (const version of versions) {
  t.test(`${version}: PAP in the tunnel, and both sides derive the same MSK`, async (t) => {
    const bench = await EapBench.make()
    const peer = bench.peer()
    const outcome = await new TtlsClient({ ...right, tls: bench.tls(version) }).run(peer.exchange)
    t.equal(outcome.kind, 'accept')
    t.equal(outcome.protocol, version)
    const last = peer.answers.at(-1)
    t.match(last, {
      grant: 'vlan 42',
      peer: { name: 'alice', tls: version.slice(-3), hasTunnel: true },
    })
    t.same(last?.kind === 'accept' && last.msk, outcome.msk)
    t.equal(outcome.msk?.length, 64)
    t.match(bench.attempts, [
      {
        context: 'corp',
        outerIdentity: 'anonymous@example.test',
        name: 'alice',
        tls: version.slice(-3),
      },
    ])
    const [attempt] = bench.attempts
    t.same(attempt && passwordOf(attempt), 'right', 'the padding is gone')
    t.equal(bench.server.size, 0, 'nothing is left behind')
  })

  t.test(`${version}: a wrong password is a rejection with EAP-Failure and no keys`, async (t) => {
    const bench = await EapBench.make()
    const peer = bench.peer()
    const client = new TtlsClient({ name: 'alice', password: 'wrong', tls: bench.tls(version) })
    const outcome = await client.run(peer.exchange)
    t.equal(outcome.kind, 'reject')
    const last = peer.answers.at(-1)
    t.match(last, { failure: { reason: 'wrong-password', isVerdict: true } })
    t.notOk(last !== undefined && 'msk' in last)
    const asked = peer.answers.at(-2)
    const request = asked?.kind === 'challenge' ? decodeEap(asked.eap) : null
    t.match(decodeEap(last?.kind === 'reject' ? last.eap : Buffer.alloc(0)), {
      code: EapCode.failure,
      identifier: request?.identifier,
    })
  })

  t.test(`${version}: a session is never resumed, even right after a success`, async (t) => {
    const bench = await EapBench.make()
    const waitsForTickets = version === 'TLSv1.3'
    const options = { ...right, waitsForTickets, tls: bench.tls(version) }
    const first = await new TtlsClient(options).run(bench.peer().exchange)
    t.equal(first.kind, 'accept')
    // TLS 1.3 hands out tickets even so; in TLS 1.2 there is only a session id.
    t.ok(first.session !== null)
    const tls = { ...bench.tls(version), session: first.session ?? Buffer.alloc(0) }
    const wrong = new TtlsClient({ ...options, password: 'wrong', tls })
    const second = await wrong.run(bench.peer().exchange)
    t.equal(second.isResumed, false)
    t.equal(second.kind, 'reject')
    t.equal(bench.attempts.length, 2, 'the password was asked for again')
  })

  t.test(`${version}: fragments of 100 bytes both ways`, async (t) => {
    const bench = await EapBench.make()
    bench.framedMtu = 104
    const peer = bench.peer()
    const client = new TtlsClient({ ...right, fragmentBytes: 60, tls: bench.tls(version) })
    const outcome = await client.run(peer.exchange)
    t.equal(outcome.kind, 'accept')
    t.equal(outcome.longestRequestBytes, 100, 'Framed-MTU less the EAPOL header')
    const frames = peer.answers.flatMap((answer) => {
      const eap = answer.kind === 'challenge' ? decodeEap(answer.eap) : null
      return eap?.type === EapType.ttls ? [decodeTlsFrame(eap.data)] : []
    })
    const withLength = frames.filter(({ totalBytes }) => totalBytes !== null)
    t.ok(frames.filter(({ hasMore }) => hasMore).length > 5)
    // RFC 5281 §9.2.2: the length stands on the first fragment only.
    t.ok(withLength.every(({ hasMore, data }) => hasMore && data.readUInt8(0) === 0x16))
    t.ok(withLength.length >= 1 && withLength.length <= 3)
  })
}

t.test(
  'RFC 9427 §3: inner data in the flight of the client Finished is taken at once',
  async (t) => {
    const bench = await EapBench.make()
    const outcome = await new TtlsClient({ ...right, tls: bench.tls('TLSv1.3') }).run(
      bench.peer().exchange,
    )
    t.equal(outcome.kind, 'accept')
    t.equal(outcome.rounds, 3, 'start, server flight in two fragments or one, nothing after it')
  },
)

t.test(
  'a client that turns away from our certificate never gets to say its password',
  async (t) => {
    const bench = await EapBench.make()
    const other = await EapBench.make()
    for (const version of versions) {
      const peer = bench.peer()
      const tls = { ...bench.tls(version), ca: other.caPem }
      const outcome = await new TtlsClient({ ...right, tls }).run(peer.exchange)
      t.equal(outcome.kind, 'reject')
      t.ok(outcome.tlsError !== null)
      const facts = { name: null, tls: version.slice(-3) }
      t.match(peer.answers.at(-1), { kind: 'reject', peer: facts }, 'the record names its TLS')
      t.equal(bench.attempts.length, 0)
    }
  },
)

t.test('no common TLS version: the alert is passed on before the failure', async (t) => {
  const bench = await EapBench.make({ settings: { minVersion: 'TLSv1.3' } })
  const peer = bench.peer()
  const outcome = await new TtlsClient({ ...right, tls: bench.tls('TLSv1.2') }).run(peer.exchange)
  t.equal(outcome.kind, 'reject')
  t.match(String(outcome.tlsError), /protocol version/)
  t.match(peer.answers.at(-1), {
    failure: { reason: 'tls-handshake', detail: 'ERR_SSL_UNSUPPORTED_PROTOCOL' },
    peer: { tls: null, hasTunnel: false },
  })
})

t.test('what may not stand in the tunnel is refused, and the log learns why', async (t) => {
  const bench = await EapBench.make()
  const [name, secret] = papAvps('alice', 'right')
  if (name === undefined || secret === undefined) throw new Error('PAP is two AVPs')
  const plain = (code: number, size: number) => {
    return { code, vendor: null, isMandatory: true, data: Buffer.alloc(size, 0x61) }
  }
  const cases = [
    { avps: [name], reason: 'inner-method', detail: 'none' },
    { avps: [name, plain(AvpCode.chapPassword, 17)], reason: 'inner-method', detail: 'chap' },
    { avps: [plain(AvpCode.eapMessage, 9)], reason: 'inner-method', detail: 'eap' },
    { avps: [name, { ...plain(1, 50), vendor: 311 }], reason: 'inner-method', detail: 'mschap' },
    { avps: [name, { ...plain(25, 50), vendor: 311 }], reason: 'protocol', detail: /MS-CHAP2/ },
    { avps: [secret], reason: 'protocol', detail: /no User-Name/ },
    { avps: [name, name, secret], reason: 'protocol', detail: /second AVP 1/ },
    { avps: [name, secret, secret], reason: 'protocol', detail: /second AVP 2/ },
    { avps: [name, secret, plain(79, 9)], reason: 'protocol', detail: /more than one proof/ },
    { avps: [name, secret, plain(9999, 4)], reason: 'protocol', detail: /mandatory AVP/ },
    { avps: [name, plain(AvpCode.userPassword, 1025)], reason: 'protocol', detail: /1025 bytes/ },
    { avps: [plain(AvpCode.userName, 254), secret], reason: 'protocol', detail: /254 bytes/ },
  ]
  for (const { avps, reason, detail } of cases) {
    const peer = bench.peer()
    await new TtlsClient({ avps, tls: bench.tls('TLSv1.3') }).run(peer.exchange)
    t.match(peer.answers.at(-1), { kind: 'reject', failure: { reason, detail, isVerdict: false } })
  }
  t.equal(bench.attempts.length, 0, 'none of them was tried as a password')
  const optional = { ...plain(9999, 4), isMandatory: false }
  const fine = new TtlsClient({ avps: [name, optional, secret], tls: bench.tls('TLSv1.3') })
  t.equal((await fine.run(bench.peer().exchange)).kind, 'accept', 'unknown, but not mandatory')
})

t.test('frames against the rules of fragmentation are refused (RFC 5281 §9.2)', async (t) => {
  const bench = await EapBench.make()
  const cases: [string, RegExp][] = [
    ['4061626364', /first fragment without length/],
    ['c00000000261626364', /4 of 2 bytes announced/],
    ['800000000861626364', /4 of 8 bytes announced/],
    ['c0000fffff61626364', /above 16384/],
    ['2161', /version 1/],
    ['00', /does not go on/],
  ]
  for (const [data, detail] of cases) {
    const peer = bench.peer()
    await peer.exchange(respond(0, EapType.identity, Buffer.from('alice')))
    await peer.exchange(respond(1, EapType.ttls, Buffer.from(data, 'hex')))
    t.match(peer.answers.at(-1), { kind: 'reject', failure: { reason: 'protocol', detail } })
  }
})

function respond(identifier: number, type: number, data: Buffer): Buffer {
  return encodeEap({ code: EapCode.response, identifier, type, data })
}
