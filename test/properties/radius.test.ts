import { isDeepStrictEqual } from 'node:util'
import t, { type Test } from 'tap'
import {
  decodeAvps,
  decodeEap,
  decodePacket,
  decodeTlsFrame,
  encodeAvps,
  encodeEap,
  encodePacket,
  encodeTlsFrame,
  RadiusError,
} from '../../protocols/radius/index.ts'
import { fuzzInputs, fuzzSeed, mutants } from '../support/mutate.ts'
import { readVectors } from '../support/vector-file.ts'

const USUAL_INPUTS = 100_000

const seed = fuzzSeed()
const inputs = fuzzInputs(USUAL_INPUTS)

function fuzz<Value>(
  t: Test,
  file: string,
  codec: { decode: (bytes: Buffer) => Value; encode: (value: Value) => Buffer },
): void {
  const corpus = readVectors(file)
    .filter(({ error, decode }) => error === null && decode.length > 0)
    .map(({ decode }) => decode)
  const refusals = new Set<string>()
  let equal = 0
  for (const mutant of mutants(corpus, seed, inputs)) {
    const where = `seed ${seed}, input ${mutant.toString('hex')}`
    try {
      const value = codec.decode(mutant)
      const again = codec.encode(value)
      const reread = codec.decode(again)
      if (!codec.encode(reread).equals(again)) t.fail(`not stable: ${where}`)
      if (isDeepStrictEqual(value, reread)) equal += 1
      else t.fail(`another value: ${where}`)
    } catch (error) {
      if (!(error instanceof RadiusError)) {
        t.fail(`${String(error)}: ${where}`)
        return
      }
      refusals.add(error.message.replace(/\d+/g, 'n'))
    }
  }
  t.ok(equal >= inputs / 5, `${equal} of ${inputs} decode and re-encode to an equal value`)
  t.ok(refusals.size >= 1, `${refusals.size} ways to be refused were reached`)
}

t.test('RADIUS packets: mutants throw nothing but RadiusError', async (t) => {
  fuzz(t, 'radius/packets.txt', { decode: decodePacket, encode: encodePacket })
})

t.test('EAP packets: mutants throw nothing but RadiusError', async (t) => {
  fuzz(t, 'eap/packets.txt', { decode: decodeEap, encode: encodeEap })
})

t.test('EAP-TTLS frames: mutants throw nothing but RadiusError', async (t) => {
  fuzz(t, 'eap/tls-frames.txt', { decode: decodeTlsFrame, encode: encodeTlsFrame })
})

t.test('EAP-TTLS AVPs: mutants throw nothing but RadiusError', async (t) => {
  fuzz(t, 'eap/avps.txt', { decode: decodeAvps, encode: encodeAvps })
})
