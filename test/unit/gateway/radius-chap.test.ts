import { createHash } from 'node:crypto'
import t from 'tap'
import {
  type Attribute,
  AttributeType,
  findText,
  findVendorValues,
  makeOctets,
  makeText,
  makeVendor,
  PacketCode,
} from '../../../protocols/radius/index.ts'
import { answerMsChap2, encodeMsChap2 } from '../../support/ms-chap-peer.ts'
import { type CheckedReply, makeRequest, mskOf, TestNas } from '../../support/radius-client.ts'
import { GatewayBench, nasSecret, networkPassword, password } from '../../support/radius-gateway.ts'

const MICROSOFT = 311
const bench = await new GatewayBench().start()
const nas = new TestNas(bench.authPort, nasSecret)
t.teardown(async () => {
  nas.close()
  await bench.stop()
})

let identifier = 0

async function ask(name: string, more: readonly Attribute[], authenticator?: Buffer) {
  identifier += 1
  const attributes = [makeText(AttributeType.userName, name), ...more]
  const request = {
    identifier,
    attributes,
    ...(authenticator === undefined ? {} : { authenticator }),
  }
  const reply = await nas.send(makeRequest(request, nas.secret))
  if (reply === null) throw new Error('no reply')
  return reply
}

const challenge = Buffer.from('fedcba9876543210')
const ident = 7

async function msChap2(name: string, secret: string) {
  const { response, owed } = answerMsChap2(challenge, { name, password: secret })
  const reply = await ask(name, [
    makeVendor({ vendor: MICROSOFT, type: 11, value: challenge }),
    makeVendor({ vendor: MICROSOFT, type: 25, value: encodeMsChap2(response, ident) }),
  ])
  return { reply, owed }
}

function microsoft({ packet }: CheckedReply, type: number): Buffer | undefined {
  return findVendorValues(packet.attributes, MICROSOFT, type)[0]
}

t.test('MS-CHAPv2 without EAP (RFC 2548 §2.3): our proof, and keys for MPPE', async (t) => {
  t.equal((await msChap2('alice', networkPassword)).reply.packet.code, PacketCode.accessReject)
  t.match(bench.events.at(-1), { reason: 'method-not-allowed', detail: { why: 'mschapv2' } })
  bench.allow('mschapv2')
  for (const name of ['alice', 'CONTOSO\\alice']) {
    const { reply, owed } = await msChap2(name, networkPassword)
    t.equal(reply.packet.code, PacketCode.accessAccept)
    t.ok(reply.isMessageAuthentic)
    const success = Buffer.concat([Buffer.from([ident]), Buffer.from(owed.authenticatorResponse)])
    t.same(microsoft(reply, 26), success)
    t.same(mskOf(reply, nas.secret), Buffer.concat([owed.receiveKey, owed.sendKey]))
    t.same(microsoft(reply, 8), Buffer.from([0, 0, 0, 4]), '128 bits alone')
    t.equal(findText(reply.packet.attributes, AttributeType.filterId), 'eng')
    t.match(bench.events.at(-1), { outcome: 'success', method: 'radius-mschapv2' })
  }
})

t.test('MS-CHAPv2 without EAP: every no is the same MS-CHAP-Error, and has no keys', async (t) => {
  for (const [name, secret, reason] of [
    ['alice', 'wrong', 'wrong-password'],
    ['alice', password, 'wrong-password'],
    ['bob', networkPassword, 'not-in-allowed-group'],
    ['carol', networkPassword, 'held'],
    ['nobody', networkPassword, 'unknown-name'],
  ] as const) {
    const { reply } = await msChap2(name, secret)
    t.equal(reply.packet.code, PacketCode.accessReject)
    t.equal(bench.lastReason, reason)
    const error = `E=691 R=0 C=${challenge.toString('hex').toUpperCase()} V=3 M=Authentication failed`
    t.same(microsoft(reply, 2), Buffer.concat([Buffer.from([ident]), Buffer.from(error)]))
    t.equal(mskOf(reply, nas.secret), null)
  }
})

t.test('MS-CHAPv2 without EAP: broken attributes are no try', async (t) => {
  const value = encodeMsChap2(answerMsChap2(challenge, { name: 'a', password: 'b' }).response)
  const whole = makeVendor({ vendor: MICROSOFT, type: 25, value })
  const short = makeVendor({ vendor: MICROSOFT, type: 25, value: value.subarray(1) })
  const shortChallenge = makeVendor({ vendor: MICROSOFT, type: 11, value: Buffer.alloc(15) })
  const sound = makeVendor({ vendor: MICROSOFT, type: 11, value: challenge })
  for (const more of [[whole], [whole, shortChallenge], [short, sound]]) {
    t.equal((await ask('alice', more)).packet.code, PacketCode.accessReject)
    t.match(bench.events.at(-1), { reason: 'malformed', detail: { why: 'mschapv2' } })
  }
})

t.test('CHAP: the challenge is an attribute, or else the Request Authenticator', async (t) => {
  bench.allow('chap')
  const chap = (over: Buffer, secret: string) => {
    const digest = createHash('md5')
      .update(Buffer.from([9]))
      .update(secret)
      .update(over)
      .digest()
    return makeOctets(AttributeType.chapPassword, Buffer.concat([Buffer.from([9]), digest]))
  }
  const own = makeOctets(AttributeType.chapChallenge, challenge)
  const authenticator = Buffer.alloc(16, 0x5a)
  const code = async (...more: Attribute[]) => (await ask('alice', more, authenticator)).packet.code
  t.equal(await code(chap(challenge, networkPassword), own), PacketCode.accessAccept)
  t.equal(await code(chap(authenticator, networkPassword)), PacketCode.accessAccept)
  t.match(bench.events.at(-1), { outcome: 'success', method: 'radius-chap' })
  t.equal(await code(chap(challenge, networkPassword)), PacketCode.accessReject)
  t.equal(await code(chap(challenge, password), own), PacketCode.accessReject, 'not her own one')
  const short = makeOctets(AttributeType.chapPassword, Buffer.alloc(16))
  t.equal(await code(short), PacketCode.accessReject)
  t.match(bench.events.at(-1), { reason: 'malformed', detail: { why: 'chap' } })
})
