import t from 'tap'
import { decodeEap, EapCode, EapType, encodeEap } from '../../../../protocols/radius/index.ts'
import { EapBench } from '../../../support/eap-conversation.ts'
import { TtlsClient } from '../../../support/eap-ttls-client.ts'

const identity = respond(0, EapType.identity, Buffer.from('anonymous'))

function respond(identifier: number, type: number, data: Buffer): Buffer {
  return encodeEap({ code: EapCode.response, identifier, type, data })
}

/** State of a challenge. @throws for any other answer */
function stateOf(answer: Awaited<ReturnType<EapBench['send']>>): Buffer {
  if (answer.kind !== 'challenge') throw new Error(answer.kind)
  return answer.state
}

t.test('EAP-Start is answered with a request for the identity (RFC 3579 §2.1)', async (t) => {
  const bench = await EapBench.make()
  const answer = await bench.send(Buffer.alloc(0), null)
  t.match(decodeEap(answer.kind === 'challenge' ? answer.eap : Buffer.alloc(0)), {
    code: EapCode.request,
    type: EapType.identity,
  })
  const next = await bench.send(identity, stateOf(answer))
  t.match(decodeEap(next.kind === 'challenge' ? next.eap : Buffer.alloc(0)), {
    identifier: 1,
    type: EapType.ttls,
    data: Buffer.from([0x20]),
  })
})

t.test('an unknown State is rejected at once, with the identifier of the response', async (t) => {
  const bench = await EapBench.make()
  const answer = await bench.send(respond(77, EapType.ttls, Buffer.from([0])), Buffer.alloc(21))
  t.match(answer, { kind: 'reject', failure: { reason: 'unknown-state' }, peer: null })
  t.same(answer.kind === 'reject' && answer.eap, Buffer.from([4, 77, 0, 4]))
  const without = await bench.send(respond(78, EapType.ttls, Buffer.from([0])), null)
  t.match(without, { kind: 'reject', failure: { reason: 'unknown-state' } })
})

t.test('a State is good once, is new each time, and names daemon and worker', async (t) => {
  const bench = await EapBench.make()
  const first = stateOf(await bench.send(identity, null))
  t.same(first.subarray(0, 5), Buffer.from('test\x07'))
  t.equal(first.length, 21)
  const second = await bench.send(respond(1, EapType.nak, Buffer.from([EapType.peap])), first)
  t.match(second, { kind: 'reject', failure: { reason: 'no-common-method', detail: /25/ } })
  t.match(await bench.send(respond(1, EapType.nak, Buffer.from([21])), first), {
    failure: { reason: 'unknown-state' },
  })
  const states = new Set<string>()
  for (let i = 0; i < 50; i += 1)
    states.add(stateOf(await bench.send(identity, null)).toString('hex'))
  t.equal(states.size, 50)
})

t.test('a peer that breaks the order is rejected, and the log learns how', async (t) => {
  const bench = await EapBench.make()
  const asked = async () => stateOf(await bench.send(Buffer.alloc(0), null))
  const begun = async () => stateOf(await bench.send(identity, null))
  const ttls = (bytes: number[]) => respond(1, EapType.ttls, Buffer.from(bytes))
  const cases: [string, () => Promise<Buffer | null>, Buffer, RegExp][] = [
    [
      'a method before the identity',
      asked,
      respond(0, EapType.ttls, Buffer.from([0])),
      /type 21 before Identity/,
    ],
    [
      'a long identity',
      async () => null,
      respond(0, EapType.identity, Buffer.alloc(300)),
      /identity of 300 bytes/,
    ],
    ['another method', begun, respond(1, EapType.peap, Buffer.from([0])), /type 25/],
    ['another version', begun, ttls([0x01]), /version 1/],
    ['no flags', begun, ttls([]), /./],
    ['nothing but an ack', begun, ttls([0x00]), /handshake does not go on/],
  ]
  for (const [what, before, eap, detail] of cases) {
    const answer = await bench.send(eap, await before())
    t.match(answer, { kind: 'reject', failure: { detail } }, what)
  }
})

t.test('a conversation is forgotten 60 seconds after its last word', async (t) => {
  const bench = await EapBench.make()
  const state = stateOf(await bench.send(identity, null))
  bench.clock.nowMs = 59_000
  t.equal(bench.server.size, 1)
  bench.clock.nowMs = 61_000
  const answer = await bench.send(respond(1, EapType.ttls, Buffer.from([0])), state)
  t.match(answer, { kind: 'reject', failure: { reason: 'unknown-state' } })
  t.equal(bench.server.size, 0)
})

/** Its first message of TLS, the acknowledgement of the certificate's first half, its Finished. */
const TO_THE_TUNNEL = 3

/** A peer that has come as far as its first message of TLS, or further. */
async function inTls(bench: EapBench, answers = 1) {
  const peer = bench.peer()
  const client = new TtlsClient({ name: 'alice', password: 'right', tls: bench.tls('TLSv1.2') })
  let challenge = await peer.exchange(identity)
  for (let n = 0; n < answers; n++)
    challenge = await peer.exchange(await client.answer(challenge.eap))
  return {
    goOn: async () => {
      let answer = challenge
      while (answer.kind === 'challenge') {
        answer = await peer.exchange(await client.answer(answer.eap))
      }
      return answer.kind
    },
  }
}

t.test('above the limit the longest silent of those who only said their name goes', async (t) => {
  const bench = await EapBench.make({ maxConversations: 3 })
  const alice = await inTls(bench)
  const first = stateOf(await bench.send(identity, null))
  const second = stateOf(await bench.send(identity, null))
  const third = stateOf(await bench.send(identity, null))
  t.equal(bench.server.size, 3)
  const nak = respond(1, EapType.nak, Buffer.from([25]))
  t.match(await bench.send(nak, first), { failure: { reason: 'unknown-state' } })
  for (const state of [second, third]) {
    t.match(await bench.send(nak, state), { failure: { reason: 'no-common-method' } })
  }
  for (let n = 0; n < 100; n += 1) await bench.send(identity, null)
  t.equal(bench.server.size, 3)
  t.equal(await alice.goOn(), 'accept', 'a flood of beginnings does not reach those under way')
})

t.test('when all conversations have their tunnel, no other is begun', async (t) => {
  const bench = await EapBench.make({ maxConversations: 2 })
  const peers = [await inTls(bench, TO_THE_TUNNEL), await inTls(bench, TO_THE_TUNNEL)]
  const full = { kind: 'silence', reason: 'too-many-conversations' }
  t.same(await bench.send(identity, null), full)
  t.same(await bench.send(Buffer.alloc(0), null), full)
  for (const peer of peers) t.equal(await peer.goOn(), 'accept')
  t.equal((await bench.send(identity, null)).kind, 'challenge')
})

t.test('whoever stops at the certificate shuts nobody out', async (t) => {
  const bench = await EapBench.make({ maxConversations: 3 })
  const alice = await inTls(bench, TO_THE_TUNNEL)
  for (let n = 0; n < 20; n += 1) await inTls(bench)
  t.equal(bench.server.size, 3)
  t.equal(await alice.goOn(), 'accept')
  const late = await inTls(bench)
  t.equal(await late.goOn(), 'accept')
})

t.test('however steadily a peer goes on, it ends after three minutes', async (t) => {
  const bench = await EapBench.make()
  const { exchange } = bench.peer()
  const options = { name: 'alice', password: 'right', fragmentBytes: 60 }
  const client = new TtlsClient({ ...options, tls: bench.tls('TLSv1.2') })
  const { kind, rounds } = await client.run((eap) => {
    bench.clock.nowMs += 50_000
    return exchange(eap)
  })
  t.equal(kind, 'reject')
  t.equal(rounds, 4)
})

t.test('a State is unknown to any owner but the one it was given to', async (t) => {
  const bench = await EapBench.make()
  const state = stateOf(await bench.send(identity, null, 'ap-1'))
  const nak = respond(1, EapType.nak, Buffer.from([25]))
  const stranger = await bench.send(nak, state, 'ap-2')
  t.match(stranger, { kind: 'reject', failure: { reason: 'unknown-state' }, peer: null })
  const owner = await bench.send(nak, state, 'ap-1')
  t.match(owner, { failure: { reason: 'no-common-method' } }, 'the conversation was not harmed')
})

t.test('RFC 3748 §4.1: a response to another request than the last is discarded', async (t) => {
  const bench = await EapBench.make()
  const state = stateOf(await bench.send(identity, null))
  const late = await bench.send(respond(0, EapType.ttls, Buffer.from([0])), state)
  t.same(late, { kind: 'silence', reason: 'wrong-identifier' })
  const nak = await bench.send(respond(1, EapType.nak, Buffer.from([25])), state)
  t.equal(nak.kind, 'reject', 'the conversation was not harmed')
})

t.test('RFC 3748 §5.3.1: Nak answers the first request of a method only', async (t) => {
  const bench = await EapBench.make()
  const peer = bench.peer()
  const client = new TtlsClient({ name: 'alice', password: 'right', tls: bench.tls('TLSv1.2') })
  const start = await peer.exchange(identity)
  await peer.exchange(await client.answer(start.eap))
  const answer = await peer.exchange(respond(2, EapType.nak, Buffer.from([21])))
  t.match(answer, { kind: 'reject', failure: { reason: 'protocol', detail: /type 3/ } })
})

t.test('a network without methods, and bytes that are no EAP, are rejected', async (t) => {
  const bench = await EapBench.make()
  bench.offersTtls = false
  t.match(await bench.send(identity, null), { kind: 'reject', failure: { reason: 'no-method' } })
  t.match(await bench.send(Buffer.from([2, 9, 0, 90, 1]), null), {
    kind: 'reject',
    eap: Buffer.from([4, 9, 0, 4]),
    failure: { reason: 'protocol' },
  })
  const long = respond(0, EapType.identity, Buffer.alloc(254, 0x61))
  bench.offersTtls = true
  t.match(await bench.send(long, null), { kind: 'reject', failure: { detail: /254 bytes/ } })
})

t.test(
  'a fault of ours is silence for the packet and its repetitions, never a rejection',
  async (t) => {
    const bench = await EapBench.make()
    bench.verdict = () => {
      throw new Error('the directory is stale')
    }
    const peer = bench.peer()
    let lastSent = Buffer.alloc(0)
    const client = new TtlsClient({ name: 'alice', password: 'right', tls: bench.tls('TLSv1.3') })
    await t.rejects(
      client.run((eap) => {
        lastSent = Buffer.from(eap)
        return peer.exchange(eap)
      }),
      /stale/,
    )
    const last = peer.answers.at(-1)
    if (last === undefined) throw new Error('no answer at all')
    t.same(await bench.send(lastSent, stateOf(last)), { kind: 'silence', reason: 'busy' })
  },
)

t.test('a repetition while a step is under way is silence, and the step goes on', async (t) => {
  const bench = await EapBench.make()
  let decide = (): void => undefined
  bench.verdict = () => {
    return new Promise((resolve) => {
      decide = () => resolve({ ok: true, grant: 'late' })
    })
  }
  const peer = bench.peer()
  let repeat = (): Promise<unknown> => Promise.resolve(null)
  const client = new TtlsClient({ name: 'alice', password: 'right', tls: bench.tls('TLSv1.2') })
  const running = client.run((eap) => {
    const before = peer.answers.at(-1)
    repeat = () => bench.send(eap, before?.kind === 'challenge' ? before.state : null)
    return peer.exchange(eap)
  })
  while (bench.attempts.length === 0) await new Promise((resolve) => setImmediate(resolve))
  t.same(await repeat(), { kind: 'silence', reason: 'busy' })
  decide()
  t.equal((await running).kind, 'accept')
  t.equal(bench.attempts.length, 1)
  t.match(await repeat(), { kind: 'reject', failure: { reason: 'unknown-state' } })
})

t.test('who falls silent is told of by how far she came, once', async (t) => {
  const bench = await EapBench.make()
  const stopAfter = async (answers: number, outerIdentity: string) => {
    const { exchange } = bench.peer()
    const options = { outerIdentity, name: 'alice', password: 'right', tls: bench.tls('TLSv1.2') }
    let left = answers
    const stopped = new Error('the signal is lost')
    const run = new TtlsClient(options).run((eap) => {
      if (left-- === 0) throw stopped
      return exchange(eap)
    })
    await t.rejects(run, stopped)
  }
  await stopAfter(1, 'only-said-hello')
  await stopAfter(2, 'saw-the-certificate')
  // The certificate comes in two fragments.
  await stopAfter(4, 'began-to-answer')
  bench.clock.nowMs = 30_000
  bench.server.expire()
  t.strictSame(bench.abandoned, [], 'they may still come')
  bench.clock.nowMs = 61_000
  bench.server.expire()
  bench.server.expire()
  t.strictSame(bench.abandoned, [
    'saw-the-certificate eap-ttls after-certificate',
    'began-to-answer eap-ttls inside',
  ])
  t.equal(bench.server.size, 0)
})
