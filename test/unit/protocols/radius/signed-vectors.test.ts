import t from 'tap'
import { checkReply } from '../../../../protocols/radius/client/reply-check.ts'
import { encodeRequest } from '../../../../protocols/radius/client/request.ts'
import {
  AttributeType,
  decodePacket,
  describeErrorCause,
  findInteger,
  findValue,
  joinEapMessage,
  makeDynamicRequest,
  makeTunnelPassword,
  makeVlanAttributes,
  PacketCode,
  parseAttribute,
  readDynamicAnswer,
  readTunnelPassword,
  SharedSecret,
  splitEapMessage,
  splitTag,
} from '../../../../protocols/radius/index.ts'
import type { Attribute, Packet } from '../../../../protocols/radius/packet.ts'
import { encodeReply } from '../../../../protocols/radius/reply.ts'
import { parseHex, readBlocks } from '../../../support/vector-file.ts'

const ZEROS = Buffer.alloc(16)
const digested: ReadonlySet<number> = new Set([
  PacketCode.accountingRequest,
  PacketCode.disconnectRequest,
  PacketCode.coaRequest,
])

function readExchanges(path: string) {
  return readBlocks(path).map((fields) => {
    const [request, reply] = [bytesOf(fields, 'request'), bytesOf(fields, 'reply')]
    return {
      name: fields.get('name') ?? '',
      secret: new SharedSecret(Buffer.from(fields.get('secret') ?? '')),
      request,
      reply,
      asked: decodePacket(request),
      answered: decodePacket(reply),
      refused: fields.get('refused') ?? null,
      password: fields.has('password') ? bytesOf(fields, 'password') : null,
      tag: Number(fields.get('tag')),
    }
  })
}

function bytesOf(fields: ReadonlyMap<string, string>, key: string): Buffer {
  return parseHex(fields.get(key) ?? '')
}

const signed = readExchanges('radius/signed.txt')
const recorded = readExchanges('radius/recorded.txt')

function named(start: string) {
  const found = signed.find(({ name }) => name.startsWith(start))
  if (found === undefined) throw new Error(`no vector ${start}`)
  return found
}

/** What is given to be signed: all but Message-Authenticator. */
function unsigned({ attributes }: Packet): Attribute[] {
  return attributes.filter(({ type }) => type !== AttributeType.messageAuthenticator.type)
}

function flipped(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes)
  changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
  return changed
}

t.test('signed.txt: what we send is what the formulas give, octet by octet', async (t) => {
  t.equal(signed.length, 12)
  for (const { name, secret, request, reply, asked, answered } of signed) {
    const { code, authenticator, identifier } = asked
    const made = { code, authenticator, attributes: unsigned(asked), isSigned: true }
    t.same(encodeRequest(made, identifier, secret), request, `${name}: request`)
    // Proxy-State is copied from the request, not given.
    const attributes = unsigned(answered).filter(
      ({ type }) => type !== AttributeType.proxyState.type,
    )
    t.same(encodeReply({ code: answered.code, attributes }, asked, secret), reply, `${name}: reply`)
  }
})

t.test(
  'both files: requests and answers are taken, and with a bit changed they are not',
  async (t) => {
    t.equal(recorded.length, 15)
    for (const { name, secret, request, reply, asked, refused } of [...signed, ...recorded]) {
      const isDigested = digested.has(asked.code)
      const shown = secret.verifyMessageAuthenticator(
        request,
        asked,
        isDigested ? ZEROS : asked.authenticator,
      )
      const isUnsigned = findValue(asked.attributes, AttributeType.messageAuthenticator) === null
      t.equal(shown, isUnsigned ? 'absent' : 'valid', `${name}: Message-Authenticator`)
      if (isDigested) {
        t.ok(secret.verifyAccountingAuthenticator(request), `${name}: Request Authenticator`)
        t.notOk(secret.verifyAccountingAuthenticator(flipped(request, request.length - 1)), name)
        if (!isUnsigned) t.equal(secret.verifyMessageAuthenticator(request, asked), 'invalid', name)
      }
      const checked = checkReply(reply, request, secret)
      if (refused !== null) {
        t.same(checked, { ok: false, reason: refused }, name)
        continue
      }
      t.match(checked, { ok: true }, `${name}: answer`)
      for (const at of [1, 4, 19, reply.length - 1]) {
        t.match(checkReply(flipped(reply, at), request, secret), { ok: false }, `${name}: ${at}`)
      }
      t.match(checkReply(reply, flipped(request, 4), secret), { ok: false }, `${name}: another's`)
    }
  },
)

t.test(
  'a Message-Authenticator alone is looked at, too: MD5 renewed over a wrong one',
  async (t) => {
    for (const { name, secret, request, reply, asked, refused } of signed) {
      t.equal(refused, null)
      const forged = flipped(reply, 22)
      forged.set(asked.authenticator, 4)
      forged.set(secret.responseAuthenticator(forged), 4)
      const refusal = { ok: false, reason: 'bad-message-authenticator' }
      t.same(checkReply(forged, request, secret), refusal, name)
    }
  },
)

t.test('RFC 2869 §5.13: EAP-Message is split at 253 octets and joined in order', async (t) => {
  const parts = signed.flatMap(({ asked, answered }) =>
    [asked, answered].flatMap(({ attributes }) => {
      const eap = joinEapMessage(attributes)
      if (eap === null) return []
      const sent = attributes.filter(({ type }) => type === AttributeType.eapMessage.type)
      t.same(splitEapMessage(eap), sent)
      t.equal(eap.readUInt16BE(2), eap.length, 'a whole EAP packet')
      return [sent.map(({ value }) => value.length).join(' ')]
    }),
  )
  t.same(parts, ['10', '253 253 94', '253 47', '6', '253', '253 1', '6', '4', '6', '4'])
})

t.test('RFC 2869 §5.3, §5.16: Event-Timestamp and Acct-Interim-Interval', async (t) => {
  const { attributes } = named('Accounting-Request').asked
  const at = findInteger(attributes, AttributeType.eventTimestamp)
  t.equal(at, Date.UTC(2026, 10, 29, 8) / 1000)
  const told = recorded[1]?.answered.attributes ?? []
  t.equal(findInteger(told, AttributeType.acctInterimInterval), 600)
  t.same(
    findValue(told, AttributeType.acctInterimInterval),
    parseAttribute('Acct-Interim-Interval', '600').value,
    'as FreeRADIUS writes it',
  )
})

t.test(
  'RFC 5176: a Disconnect-Request is made with its time, and its answers are read',
  async (t) => {
    const ours = named('Disconnect-Request, Disconnect-ACK')
    const request = makeDynamicRequest({
      code: PacketCode.disconnectRequest,
      attributes: unsigned(ours.asked).slice(0, -1),
      timestampSeconds: 1_795_939_200,
    })
    t.same(encodeRequest(request, 9, ours.secret), ours.request)
    const answers = signed
      .filter(({ asked }) => asked.code === 40 || asked.code === 43)
      .map(({ answered }) => readDynamicAnswer(answered))
    t.same(answers, [
      { isAck: true, errorCause: null },
      { isAck: false, errorCause: 503 },
      { isAck: false, errorCause: 201 },
      { isAck: true, errorCause: null },
      { isAck: false, errorCause: 401 },
    ])
    t.equal(describeErrorCause(503), 'the NAS knows no such session')
  },
)

t.test('RFC 2868 §3: tagged attributes as FreeRADIUS writes them', async (t) => {
  const [tagged, untagged] = [recorded[1], recorded[6]].map((one) => one?.answered.attributes ?? [])
  const tags = (tagged ?? [])
    .filter(
      ({ type }) => type >= 64 && type <= 83 && type !== AttributeType.messageAuthenticator.type,
    )
    .map(({ type, value }) => [type, splitTag(value).tag])
  t.same(
    tags,
    [64, 65, 67, 83, 69].map((type) => [type, 3]),
  )
  t.same(untagged?.slice(0, 3), makeVlanAttributes(42))
})

t.test('RFC 2868 §3.5: Tunnel-Password as FreeRADIUS hides it', async (t) => {
  const hidden = recorded.filter(({ password }) => password !== null)
  t.equal(hidden.length, 6)
  for (const { name, secret, asked, answered, tag, password } of hidden) {
    const wrap = { secret: secret.bytes, requestAuthenticator: asked.authenticator }
    const value = findValue(answered.attributes, AttributeType.tunnelPassword) ?? ZEROS
    t.same(readTunnelPassword(value, wrap), { tag, password }, name)
    const salt = value.readUInt16BE(1)
    t.ok(salt >= 0x8000, 'its highest bit is set')
    const again = makeTunnelPassword({ tag, password: password ?? ZEROS }, wrap, salt)
    t.same(again.value, value, `${name}: the same octets`)
  }
})

t.test('tunnel-passwords.txt: 0 to 239 octets, hidden and read', async (t) => {
  const vectors = readBlocks('radius/tunnel-passwords.txt')
  t.equal(vectors.length, 9)
  for (const fields of vectors) {
    const name = fields.get('name') ?? ''
    const secret = Buffer.from(fields.get('secret') ?? '')
    const wrap = { secret, requestAuthenticator: bytesOf(fields, 'authenticator') }
    const tunnel = { tag: Number(fields.get('tag')), password: bytesOf(fields, 'password') }
    const value = bytesOf(fields, 'value')
    const salt = bytesOf(fields, 'salt').readUInt16BE(0)
    t.same(makeTunnelPassword(tunnel, wrap, salt), { type: 69, value }, name)
    t.same(readTunnelPassword(value, wrap), tunnel, name)
  }
})

t.test(
  'Tunnel-Password: what is no such thing is refused, and ours has a salt of its own',
  async (t) => {
    const wrap = { secret: Buffer.from('xyzzy5461'), requestAuthenticator: Buffer.alloc(16, 7) }
    const tunnel = { tag: 1, password: Buffer.from('secret') }
    const value = makeTunnelPassword(tunnel, wrap).value
    for (const octets of [0, 1, 2, 3, 18, 20, 34]) {
      const cut = Buffer.concat([value, value]).subarray(0, octets)
      t.throws(() => readTunnelPassword(cut, wrap), { code: 'RADIUS_BAD_ATTRIBUTE' }, `${octets}`)
    }
    // The first hidden octet is the length: 6 becomes 0x86, more than one block holds.
    const tooLong = Buffer.from(value)
    tooLong.writeUInt8(tooLong.readUInt8(3) ^ 0x80, 3)
    t.throws(() => readTunnelPassword(tooLong, wrap), { code: 'RADIUS_BAD_ATTRIBUTE' })
    const longest = { tag: 0, password: Buffer.alloc(240, 1) }
    t.throws(() => makeTunnelPassword(longest, wrap), { code: 'RADIUS_BAD_ATTRIBUTE' })
    const salts = Array.from({ length: 64 }, () =>
      makeTunnelPassword(tunnel, wrap).value.readUInt16BE(1),
    )
    t.ok(salts.every((salt) => salt >= 0x8000))
    t.ok(new Set(salts).size > 32)
    const strange = Buffer.from(value)
    strange.writeUInt8(0x20, 0)
    t.equal(readTunnelPassword(strange, wrap).tag, 0, 'a tag above 0x1f is none')
  },
)
