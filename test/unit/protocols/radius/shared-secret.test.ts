import t from 'tap'
import {
  decodePacket,
  hideUserPassword,
  makeMppeKeys,
  RadiusError,
  revealKey,
  revealUserPassword,
  SharedSecret,
} from '../../../../protocols/radius/index.ts'
import { HmacMd5, md5 } from '../../../../protocols/radius/md5.ts'
import { hideKey } from '../../../../protocols/radius/mppe.ts'
import { encodeReply } from '../../../../protocols/radius/reply.ts'
import { makeAccounting, makeRequest } from '../../../support/radius-client.ts'

const bytes = (hex: string): Buffer => Buffer.from(hex.replace(/\s/g, ''), 'hex')

// RFC 2865 §7.1: User Telnet to Specified Host.
const rfcSecret = Buffer.from('xyzzy5461')
const rfcRequest = bytes(`
  01 00 00 38 0f 40 3f 94 73 97 80 57 bd 83 d5 cb 98 f4 22 7a 01 06 6e 65 6d 6f 02 12 0d be 70 8d
  93 d4 13 ce 31 96 e4 3f 78 2a 0a ee 04 06 c0 a8 01 10 05 06 00 00 00 03`)
const rfcAccept = bytes(`
  02 00 00 26 86 fe 22 0e 76 24 ba 2a 10 05 f6 bf 9b 55 e0 b2 06 06 00 00 00 01 0f 06 00 00 00 00
  0e 06 c0 a8 01 03`)

t.test('User-Password: RFC 2865 §7.1 example, revealed and hidden again', async (t) => {
  const { authenticator, attributes } = decodePacket(rfcRequest)
  const hidden = attributes[1]?.value ?? Buffer.alloc(0)
  t.equal(revealUserPassword(hidden, rfcSecret, authenticator).toString(), 'arctangent')
  t.same(hideUserPassword(Buffer.from('arctangent'), rfcSecret, authenticator), hidden)
})

t.test(
  'User-Password: every length up to 128 bytes comes back, longer ones are refused',
  async (t) => {
    const authenticator = Buffer.alloc(16, 7)
    for (let length = 0; length <= 128; length += 1) {
      const password = Buffer.alloc(length, 0x61 + (length % 26))
      const hidden = hideUserPassword(password, rfcSecret, authenticator)
      t.ok(hidden.length % 16 === 0 && hidden.length >= 16, `${length} bytes`)
      t.same(revealUserPassword(hidden, rfcSecret, authenticator), password)
    }
    t.throws(() => hideUserPassword(Buffer.alloc(129, 1), rfcSecret, authenticator), RadiusError)
    for (const length of [0, 15, 17, 144]) {
      t.throws(() => revealUserPassword(Buffer.alloc(length), rfcSecret, authenticator), {
        code: 'RADIUS_BAD_ATTRIBUTE',
      })
    }
  },
)

t.test('Response Authenticator: RFC 2865 §7.1 example', async (t) => {
  const blank = Buffer.from(rfcAccept)
  blank.set(decodePacket(rfcRequest).authenticator, 4)
  t.same(new SharedSecret(rfcSecret).responseAuthenticator(blank), rfcAccept.subarray(4, 20))
})

t.test('HMAC-MD5: RFC 2202 §2 test cases', async (t) => {
  const cases: [Buffer, Buffer, string][] = [
    [Buffer.alloc(16, 0x0b), Buffer.from('Hi There'), '9294727a3638bb1c13f48ef8158bfc9d'],
    [
      Buffer.from('Jefe'),
      Buffer.from('what do ya want for nothing?'),
      '750c783e6ab0b503eaa86e310a5db738',
    ],
    [
      Buffer.alloc(80, 0xaa),
      Buffer.from('Test Using Larger Than Block-Size Key - Hash Key First'),
      '6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd',
    ],
  ]
  for (const [key, message, digest] of cases) {
    t.equal(new HmacMd5(key).digest(message).toString('hex'), digest)
    t.equal(
      new HmacMd5(key).digest(message.subarray(0, 3), message.subarray(3)).toString('hex'),
      digest,
    )
  }
  t.equal(
    md5(Buffer.alloc(6000, 1)).toString('hex'),
    md5(Buffer.alloc(3000, 1), Buffer.alloc(3000, 1)).toString('hex'),
  )
})

t.test(
  'Message-Authenticator: one changed bit anywhere makes it invalid (RFC 3579 §3.2)',
  async (t) => {
    const secret = new SharedSecret(Buffer.from('testing123'))
    const request = makeRequest({ attributes: [{ type: 1, value: Buffer.from('alice') }] }, secret)
    t.equal(secret.verifyMessageAuthenticator(request, decodePacket(request)), 'valid')
    // The length and the attributes' own lengths are left alone: they decide what can be decoded.
    for (const at of [0, 1, 4, 19, 22, 37, 40, 44]) {
      const changed = Buffer.from(request)
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
      t.equal(
        secret.verifyMessageAuthenticator(changed, decodePacket(changed)),
        'invalid',
        `octet ${at}`,
      )
    }
    const other = new SharedSecret(Buffer.from('testing124'))
    t.equal(other.verifyMessageAuthenticator(request, decodePacket(request)), 'invalid')
  },
)

t.test(
  'Message-Authenticator: absent, doubled and of another length are told apart from valid',
  async (t) => {
    const secret = new SharedSecret(Buffer.from('testing123'))
    const unsigned = makeRequest({ attributes: [], isSigned: false }, secret)
    t.equal(secret.verifyMessageAuthenticator(unsigned, decodePacket(unsigned)), 'absent')
    const second = { type: 80, value: Buffer.alloc(16) }
    const doubled = makeRequest({ attributes: [second] }, secret)
    t.equal(secret.verifyMessageAuthenticator(doubled, decodePacket(doubled)), 'invalid')
    const short = makeRequest(
      { attributes: [{ type: 80, value: Buffer.alloc(15) }], isSigned: false },
      secret,
    )
    t.equal(secret.verifyMessageAuthenticator(short, decodePacket(short)), 'invalid')
  },
)

t.test('Message-Authenticator: padding behind the packet is not part of it', async (t) => {
  const secret = new SharedSecret(Buffer.from('testing123'))
  const request = Buffer.concat([makeRequest({ attributes: [] }, secret), Buffer.from('padding')])
  t.equal(secret.verifyMessageAuthenticator(request, decodePacket(request)), 'valid')
})

t.test('Accounting-Request: its authenticator proves the secret (RFC 2866 §3)', async (t) => {
  const secret = new SharedSecret(Buffer.from('testing123'))
  const request = makeAccounting([{ type: 40, value: Buffer.from([0, 0, 0, 1]) }], secret)
  t.ok(secret.verifyAccountingAuthenticator(request))
  t.notOk(new SharedSecret(Buffer.from('other')).verifyAccountingAuthenticator(request))
})

t.test(
  'MPPE keys: RFC 2548 §2.4.2, hidden and revealed, salts unique with their high bit set',
  async (t) => {
    const wrap = { secret: Buffer.from('testing123'), requestAuthenticator: Buffer.alloc(16, 3) }
    const msk = Buffer.from(Array.from({ length: 128 }, (_, at) => at))
    const [receive, send] = makeMppeKeys(msk, wrap)
    const values = [receive, send].map(({ value }) => value)
    t.same(
      values.map((value) => value.readUInt32BE(0)),
      [311, 311],
    )
    t.same(
      values.map((value) => value.readUInt8(4)),
      [17, 16],
      'Recv-Key is 17, Send-Key 16',
    )
    t.same(
      values.map((value) => value.length + 2),
      [58, 58],
    )
    const hidden = values.map((value) => value.subarray(6))
    t.ok(hidden.every((value) => (value.readUInt8(0) & 0x80) !== 0))
    t.not(hidden[0]?.readUInt16BE(0), hidden[1]?.readUInt16BE(0))
    t.same(
      hidden.map((value) => revealKey(value, wrap)),
      [msk.subarray(0, 32), msk.subarray(32, 64)],
    )
    t.ok(!hidden.some((value) => value.includes(msk.subarray(64, 80))), 'the EMSK is not sent')
  },
)

t.test('MPPE keys: a fixed vector made by the formulas of RFC 2548 §2.4.2', async (t) => {
  const wrap = {
    secret: Buffer.from('xyzzy5461'),
    requestAuthenticator: decodePacket(rfcRequest).authenticator,
  }
  const key = Buffer.alloc(16, 0x5a)
  const salt = Buffer.from([0x80, 0x01])
  const clear = Buffer.concat([Buffer.from([16]), key, Buffer.alloc(15)])
  const first = md5(wrap.secret, wrap.requestAuthenticator, salt).map(
    (byte, at) => byte ^ (clear[at] ?? 0),
  )
  const second = md5(wrap.secret, first).map((byte, at) => byte ^ (clear[16 + at] ?? 0))
  t.same(hideKey(key, 0x8001, wrap), Buffer.concat([salt, first, second]))
  t.throws(() => revealKey(Buffer.alloc(17), wrap), RadiusError)
  t.throws(() => revealKey(Buffer.alloc(0), wrap), RadiusError)
})

t.test('a reply carries Message-Authenticator first and copies Proxy-State in order', async (t) => {
  const secret = new SharedSecret(Buffer.from('testing123'))
  const proxied = [1, 2].map((n) => ({ type: 33, value: Buffer.from([n]) }))
  const request = decodePacket(makeRequest({ identifier: 9, attributes: proxied }, secret))
  const attributes = [{ type: 18, value: Buffer.from('hello') }]
  const reply = encodeReply({ code: 3, attributes }, request, secret)
  const packet = decodePacket(reply)
  t.same(
    packet.attributes.map(({ type }) => type),
    [80, 18, 33, 33],
  )
  t.same(packet.attributes.slice(2), proxied)
  t.equal(packet.identifier, 9)
})

t.test('a shared secret does not show itself in text or JSON', async (t) => {
  const secret = new SharedSecret(Buffer.from('hunter2hunter2'))
  t.notMatch(`${secret} ${JSON.stringify({ secret })}`, /hunter2/)
})
