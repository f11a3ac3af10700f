import t from 'tap'
import {
  findAddress,
  findInteger,
  findText,
  findValue,
  findVendorValues,
  makeTaggedText,
  makeVendor,
  splitTag,
} from '../../../../protocols/radius/attributes.ts'
import { AttributeType } from '../../../../protocols/radius/dictionary.ts'
import { Reassembler, type TlsFrame } from '../../../../protocols/radius/eap/tls-frame.ts'
import { joinEapMessage, splitEapMessage } from '../../../../protocols/radius/eap-message.ts'
import { RadiusError } from '../../../../protocols/radius/errors.ts'
import { hideKey, revealKey } from '../../../../protocols/radius/mppe.ts'
import { parseAttribute } from '../../../../protocols/radius/parse-attribute.ts'
import { makeVlanAttributes } from '../../../../protocols/radius/tunnel.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

await t.test('values as an admin writes them, against RFC 2865 and RFC 2868', async (t) => {
  const cases: [string, string, number, string][] = [
    ['User-Name', 'adele', 1, '6164656c65'],
    ['Session-Timeout', '3600', 27, '00000e10'],
    ['Framed-IP-Address', '192.0.2.1', 8, 'c0000201'],
    ['NAS-IPv6-Address', '2001:db8::1', 95, '20010db8000000000000000000000001'],
    ['Class', '0x00ff', 25, '00ff'],
    ['Class', 'plain', 25, '706c61696e'],
    ['Tunnel-Type', '13', 64, '0000000d'],
    ['Tunnel-Private-Group-ID', '120', 81, '313230'],
    ['Event-Timestamp', '4294967295', 55, 'ffffffff'],
  ]
  for (const [name, value, type, bytes] of cases) {
    const attribute = parseAttribute(name, value)
    t.equal(attribute.type, type, name)
    t.equal(attribute.value.toString('hex'), bytes, `${name} = ${value}`)
  }
  const refused: [string, string, RegExp][] = [
    ['No-Such-Attribute', '1', /unknown attribute No-Such-Attribute/],
    ['Session-Timeout', '4294967296', /Session-Timeout: not an integer in range/],
    ['Session-Timeout', '-1', /not an integer/],
    ['Session-Timeout', '', /not an integer/],
    ['Tunnel-Type', '16777216', /Tunnel-Type: not an integer in range/],
    ['Framed-IP-Address', '2001:db8::1', /Framed-IP-Address: not an address/],
    ['Framed-IP-Address', '192.0.2', /not an address/],
    ['NAS-IPv6-Address', '192.0.2.1', /not an address/],
    ['User-Name', 'x'.repeat(254), /User-Name: 254 bytes/],
  ]
  for (const [name, value, message] of refused) {
    t.throws(() => parseAttribute(name, value), { code: 'RADIUS_BAD_ATTRIBUTE', message })
  }
})

await t.test('values of a packet, absent and of a wrong length', async (t) => {
  const attributes = [
    { type: 1, value: Buffer.from('adele') },
    { type: 27, value: hex('00000e10') },
    { type: 27, value: hex('00000001') },
    { type: 8, value: hex('c0000201') },
    { type: 95, value: hex('c0000201') },
    { type: 5, value: hex('0001') },
  ]
  t.equal(findText(attributes, AttributeType.userName), 'adele')
  t.equal(findText(attributes, AttributeType.callingStationId), null)
  t.equal(findInteger(attributes, AttributeType.sessionTimeout), 3_600, 'the first')
  t.equal(findInteger(attributes, AttributeType.nasPort), null, 'two bytes')
  t.equal(findInteger(attributes, AttributeType.nasPortType), null, 'none')
  t.equal(findAddress(attributes, AttributeType.framedIpAddress), '192.0.2.1')
  t.equal(findAddress(attributes, AttributeType.nasIpv6Address), null, 'four bytes are no IPv6')
  t.equal(findAddress(attributes, AttributeType.nasIpAddress), null, 'none')
  t.equal(findValue([], AttributeType.userName), null)
})

await t.test('tags: a first octet up to 0x1f (RFC 2868 §3.6)', async (t) => {
  t.same(splitTag(hex('01 31')), { tag: 1, rest: hex('31') })
  t.same(splitTag(hex('31 32')), { tag: 0, rest: hex('31 32') })
  t.same(splitTag(hex('')), { tag: 0, rest: hex('') })
  const group = AttributeType.tunnelPrivateGroupId
  t.same(makeTaggedText(group, 3, 'x').value, hex('03 78'))
  t.same(makeTaggedText(group, 0, 'x').value, hex('78'), 'no tag is left out')
  t.same(makeTaggedText(group, 0, '\u0001x').value, hex('00 01 78'), 'unless it would be read')
  t.same(makeTaggedText(group, 0, '').value, hex('00'))
  t.same(
    makeVlanAttributes(120).map(({ type, value }) => [type, value.toString('hex')]),
    [
      [64, '0000000d'],
      [65, '00000006'],
      [81, '313230'],
    ],
  )
})

await t.test(
  'vendor values: several in one attribute, and what does not read as such',
  async (t) => {
    const of = (bytes: string) => ({ type: 26, value: hex(bytes) })
    const found = (bytes: string) =>
      findVendorValues([of(bytes)], 9, 1).map((value) => value.toString('hex'))
    t.same(found('00000009 0103aa 0103bb 0203cc'), ['aa', 'bb'])
    t.same(found('00000008 0103aa'), [], 'another vendor')
    t.same(found('00000009 01'), [], 'shorter than a header')
    t.same(found('00000009 0101 0103aa'), [], 'a length below its own header')
    t.same(found('00000009 0109aa'), [], 'a length beyond the end')
    t.same(findVendorValues([{ type: 25, value: hex('000000090103aa') }], 9, 1), [])
    t.same(makeVendor({ vendor: 9, type: 1, value: hex('aa') }), of('00000009 0103aa'))
    const long = { vendor: 9, type: 1, value: Buffer.alloc(248) }
    t.throws(() => makeVendor(long), { code: 'RADIUS_BAD_ATTRIBUTE' })
  },
)

await t.test('EAP-Message: cut into attributes and joined (RFC 3579 §3.1)', async (t) => {
  for (const length of [0, 1, 253, 254, 1_000]) {
    const eap = Buffer.alloc(length, 7)
    const parts = splitEapMessage(eap)
    t.equal(parts.length, Math.ceil(length / 253), `${length} bytes`)
    const others = [{ type: 1, value: Buffer.from('adele') }]
    t.same(joinEapMessage([...others, ...parts]), length === 0 ? null : eap)
  }
  t.same(joinEapMessage([{ type: 79, value: hex('') }]), hex(''), 'EAP-Start')
})

await t.test('fragments whose sum is not what was announced', async (t) => {
  const frame = (parts: Partial<TlsFrame>): TlsFrame => ({
    isStart: false,
    hasMore: false,
    version: 0,
    totalBytes: null,
    data: hex('aabb'),
    ...parts,
  })
  const add = (...frames: TlsFrame[]) => {
    const reassembler = new Reassembler(10)
    return frames.map((one) => reassembler.add(one)?.toString('hex') ?? null)
  }
  const first = frame({ hasMore: true, totalBytes: 4 })
  t.same(add(first, frame({})), [null, 'aabbaabb'])
  t.same(add(frame({ totalBytes: 2 })), ['aabb'])
  const refused: [string, TlsFrame[], string][] = [
    ['no length on the first of several', [frame({ hasMore: true })], 'EAP_MALFORMED'],
    ['more than announced', [first, frame({ data: hex('aabbcc') })], 'EAP_MALFORMED'],
    ['less than announced', [first, frame({ data: hex('aa') })], 'EAP_MALFORMED'],
    ['all of it, and more to come', [first, frame({ hasMore: true })], 'EAP_MALFORMED'],
    ['an empty fragment', [first, frame({ hasMore: true, data: hex('') })], 'EAP_MALFORMED'],
    ['too long a promise', [frame({ hasMore: true, totalBytes: 11 })], 'EAP_TOO_LONG'],
    ['too long a whole', [frame({ data: Buffer.alloc(11) })], 'EAP_TOO_LONG'],
  ]
  for (const [what, frames, code] of refused) t.throws(() => add(...frames), { code }, what)
})

await t.test(
  'MPPE keys: revealed as they were hidden; what can hold none is refused',
  async (t) => {
    const wrap = { secret: Buffer.from('testing123'), requestAuthenticator: Buffer.alloc(16, 5) }
    const key = Buffer.alloc(32, 9)
    const hidden = hideKey(key, 0x8001, wrap)
    t.same(revealKey(hidden, wrap), key)
    for (const length of [0, 2, 17, 19, 33]) {
      t.throws(() => revealKey(Buffer.alloc(length), wrap), RadiusError, `${length} bytes`)
    }
    // One bit of the hidden length octet, and it claims more than there is.
    const spoilt = Buffer.from(hidden)
    spoilt.writeUInt8(spoilt.readUInt8(2) ^ 0x80, 2)
    t.throws(() => revealKey(spoilt, wrap), { message: /MPPE key length/ })
  },
)
