import { ByteReader, ByteWriter, WireError } from '../../wire/index.ts'
import { RadiusError } from '../errors.ts'

const VENDOR_FLAG = 0x80
const MANDATORY_FLAG = 0x40
const HEADER_BYTES = 8
const VENDOR_BYTES = 4
const ALIGNMENT = 4
/** PAP takes two; no inner method takes more than a handful. */
const MAX_AVPS = 32

/** AVPs with codes up to 255 and no vendor are RADIUS attributes (RFC 5281 §10.3). */
export const AvpCode = {
  userName: 1,
  userPassword: 2,
  chapPassword: 3,
  chapChallenge: 60,
  eapMessage: 79,
} as const

export interface Avp {
  readonly code: number
  /** Null for a RADIUS or Diameter attribute. */
  readonly vendor: number | null
  /** A receiver that does not understand it must fail. */
  readonly isMandatory: boolean
  readonly data: Buffer
}

/**
 * Decodes the AVPs of one tunnelled message (RFC 5281 §10.1). Padding may be missing at the very end.
 *
 * @throws {RadiusError} `TTLS_BAD_AVP` for a length shorter than its header or beyond the message,
 *   and for too many
 */
export function decodeAvps(bytes: Buffer): Avp[] {
  const reader = new ByteReader(bytes)
  const avps: Avp[] = []
  try {
    while (reader.remaining > 0) {
      if (avps.length === MAX_AVPS) throw badAvp(`more than ${MAX_AVPS} AVPs`)
      avps.push(readAvp(reader))
    }
  } catch (error) {
    if (error instanceof WireError && !(error instanceof RadiusError)) throw badAvp(error.message)
    throw error
  }
  return avps
}

export function encodeAvps(avps: readonly Avp[]): Buffer {
  const writer = new ByteWriter()
  for (const { code, vendor, isMandatory, data } of avps) {
    const flags = (vendor === null ? 0 : VENDOR_FLAG) | (isMandatory ? MANDATORY_FLAG : 0)
    const length = HEADER_BYTES + (vendor === null ? 0 : VENDOR_BYTES) + data.length
    writer.uint32(code).uint8(flags).uint24(length)
    if (vendor !== null) writer.uint32(vendor)
    writer.bytes(data).zeros(paddingOf(length))
  }
  return writer.view()
}

function readAvp(reader: ByteReader): Avp {
  const code = reader.uint32()
  const flags = reader.uint8()
  const length = reader.uint24()
  const hasVendor = (flags & VENDOR_FLAG) !== 0
  const headerBytes = HEADER_BYTES + (hasVendor ? VENDOR_BYTES : 0)
  if (length < headerBytes) throw badAvp(`length ${length} of AVP ${code}`)
  const vendor = hasVendor ? reader.uint32() : null
  const data = reader.bytes(length - headerBytes)
  reader.skip(Math.min(paddingOf(length), reader.remaining))
  return { code, vendor, isMandatory: (flags & MANDATORY_FLAG) !== 0, data }
}

function paddingOf(length: number): number {
  return (ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT
}

function badAvp(message: string): RadiusError {
  return new RadiusError('TTLS_BAD_AVP', message)
}
