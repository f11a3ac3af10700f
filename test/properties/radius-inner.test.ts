import fc from 'fast-check'
import t, { type Test } from 'tap'
import { CryptoBinding } from '../../protocols/radius/eap/peap-binding.ts'
import { decodeResult, encodeResult } from '../../protocols/radius/eap/peap-tlv.ts'
import { readTtlsInner } from '../../protocols/radius/eap/ttls-inner.ts'
import { decodeAvps, EapMsChapV2, RadiusError } from '../../protocols/radius/index.ts'
import { ntHash } from '../../src/credentials/nt-hash.ts'
import { answerMsChap2, encodeMsChap2 } from '../support/ms-chap-peer.ts'

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array))

/** Whether a decoder takes it, or says no in the one way it may. */
function isSafe(decode: () => unknown): boolean {
  try {
    decode()
    return true
  } catch (error) {
    return error instanceof RadiusError
  }
}

/** One assertion for a property: without any, a test counts as failed. */
function holds<Inputs>(t: Test, property: fc.IProperty<Inputs>): void {
  const report = fc.check(property)
  t.notOk(report.failed, fc.defaultReportMessage(report) ?? '')
}

t.test('whatever comes out of a tunnel is taken or refused, and nothing else', async (t) => {
  holds(
    t,
    fc.property(bytes(300), (any) => isSafe(() => readTtlsInner(decodeAvps(any)))),
  )
  holds(
    t,
    fc.property(bytes(120), (any) => isSafe(() => decodeResult(any))),
  )
  const framed = fc
    .array(fc.record({ type: fc.constantFrom(3, 0x8003, 12, 4, 0x8004), value: bytes(60) }))
    .map((tlvs) =>
      Buffer.concat(
        tlvs.flatMap(({ type, value }) => {
          const header = Buffer.alloc(4)
          header.writeUInt16BE(type, 0)
          header.writeUInt16BE(value.length, 2)
          return [header, value]
        }),
      ),
    )
  holds(
    t,
    fc.property(framed, (any) => isSafe(() => decodeResult(any))),
  )
})

t.test('whatever answers an MS-CHAPv2 challenge is taken or refused', async (t) => {
  const method = new EapMsChapV2<string, string>({
    name: 'eap-peap-mschapv2',
    authenticate: () => ({ ok: false, reason: 'wrong-password' }),
  })
  const near = fc.tuple(fc.constantFrom(1, 2, 3, 4, 7), bytes(120)).map(([code, rest]) => {
    return Buffer.concat([Buffer.from([code, 0, 0, 60, 49]), rest])
  })
  const report = await fc.check(
    fc.asyncProperty(fc.oneof(bytes(80), near), async (any) => {
      const names = { outerIdentity: '', identity: 'alice' }
      const run = method.start({ ...names, context: '', maxDataBytes: 1000, tls: '1.3' })
      run.begin()
      try {
        await run.answer(any, new AbortController().signal, 1)
        return true
      } catch (error) {
        return error instanceof RadiusError
      }
    }),
  )
  t.notOk(report.failed, fc.defaultReportMessage(report) ?? '')
})

t.test('no binding is right but that of the same two keys', async (t) => {
  const key = fc.uint8Array({ minLength: 60, maxLength: 60 }).map((array) => Buffer.from(array))
  holds(
    t,
    fc.property(key, key, bytes(32), fc.nat({ max: 55 }), (tunnel, other, inner, at) => {
      const ours = CryptoBinding.ofMethod(tunnel, inner)
      const theirs = CryptoBinding.ofMethod(tunnel, inner).make(1, Buffer.alloc(32, 7)).subarray(4)
      const stranger = CryptoBinding.ofMethod(other, inner).make(1, Buffer.alloc(32, 7)).subarray(4)
      const changed = Buffer.from(theirs)
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
      const request = ours.makeRequest().subarray(4)
      return (
        ours.isRight(theirs) &&
        !ours.isRight(changed) &&
        !ours.isRight(request) &&
        (tunnel.equals(other) || !ours.isRight(stranger))
      )
    }),
  )
  const binding = CryptoBinding.ofResumption(Buffer.alloc(60, 1)).makeRequest()
  t.match(decodeResult(encodeResult(true, binding)), { isSuccess: true })
  t.same(decodeResult(encodeResult(true, binding)).binding, binding.subarray(4))
  t.same(decodeResult(encodeResult(false, null)), { isSuccess: false, binding: null })
})

t.test('every name and password is answered as MS-CHAPv2 wants it', async (t) => {
  const text = fc.string({ minLength: 1, maxLength: 40, unit: 'binary' })
  holds(
    t,
    fc.property(text, text, bytes(16), (name, password, seed) => {
      const challenge = Buffer.alloc(16)
      challenge.set(seed)
      const { response, owed } = answerMsChap2(challenge, { name, password })
      return (
        ntHash(Buffer.from(password)).length === 16 &&
        encodeMsChap2(response).length === 50 &&
        /^S=[0-9A-F]{40}$/.test(owed.authenticatorResponse)
      )
    }),
  )
})
