import t from 'tap'
import {
  decodeAvps,
  decodeEap,
  decodePacket,
  decodeTlsFrame,
  encodeAvps,
  encodeEap,
  encodePacket,
  encodeTlsFrame,
} from '../../../../protocols/radius/index.ts'
import { readVectors } from '../../../support/vector-file.ts'

/** Each decoder with its encoder and its value as the vector files write it. */
const codecs = [
  codec('radius/packets.txt', decodePacket, encodePacket, ({ code, identifier, attributes }) => ({
    code,
    identifier,
    attributes: attributes.map(({ type, value }) => [type, value.toString('hex')]),
  })),
  codec('eap/packets.txt', decodeEap, encodeEap, withHexData),
  codec('eap/tls-frames.txt', decodeTlsFrame, encodeTlsFrame, withHexData),
  codec('eap/avps.txt', decodeAvps, encodeAvps, (avps) => avps.map(withHexData)),
]

function codec<Value>(
  file: string,
  decode: (bytes: Buffer) => Value,
  encode: (value: Value) => Buffer,
  show: (value: Value) => unknown,
) {
  return {
    file,
    show: (bytes: Buffer) => show(decode(bytes)),
    encodeAgain: (bytes: Buffer) => encode(decode(bytes)),
  }
}

function withHexData<Value extends { readonly data: Buffer }>(value: Value) {
  return { ...value, data: value.data.toString('hex') }
}

for (const { file, show, encodeAgain } of codecs) {
  t.test(`${file}: every vector decodes, is refused and encodes as written`, async (t) => {
    const vectors = readVectors(file)
    t.ok(vectors.length >= 7)
    for (const { name, decode, error, value, encode } of vectors) {
      if (error !== null) {
        t.throws(() => show(decode), { name: 'RadiusError', code: error }, name)
        continue
      }
      t.same(show(decode), value, name)
      t.same(encodeAgain(decode), encode, name)
    }
  })
}

t.test('packet: more than 200 attributes are refused', async (t) => {
  const attributes = Array.from({ length: 201 }, () => ({ type: 33, value: Buffer.alloc(0) }))
  const packet = { code: 1, identifier: 0, authenticator: Buffer.alloc(16), attributes }
  t.throws(() => decodePacket(encodePacket(packet)), { code: 'RADIUS_MALFORMED' })
  t.equal(
    decodePacket(encodePacket({ ...packet, attributes: attributes.slice(1) })).attributes.length,
    200,
  )
})

t.test('packet: what does not fit is refused when encoding', async (t) => {
  const packet = { code: 1, identifier: 0, authenticator: Buffer.alloc(16) }
  const attributes = [{ type: 1, value: Buffer.alloc(254) }]
  t.throws(() => encodePacket({ ...packet, attributes }), { code: 'RADIUS_BAD_ATTRIBUTE' })
  const many = Array.from({ length: 16 }, () => ({ type: 79, value: Buffer.alloc(253) }))
  t.throws(() => encodePacket({ ...packet, attributes: many }), { code: 'RADIUS_TOO_LONG' })
  t.throws(() => encodeEap({ code: 1, identifier: 0, type: 21, data: Buffer.alloc(4096) }), {
    code: 'EAP_TOO_LONG',
  })
})

t.test('AVPs: more than 32 in one message are refused', async (t) => {
  const avp = { code: 25, vendor: null, isMandatory: false, data: Buffer.alloc(0) }
  t.equal(decodeAvps(encodeAvps(Array.from({ length: 32 }, () => avp))).length, 32)
  t.throws(() => decodeAvps(encodeAvps(Array.from({ length: 33 }, () => avp))), {
    code: 'TTLS_BAD_AVP',
  })
})
