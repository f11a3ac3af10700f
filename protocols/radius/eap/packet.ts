import { RadiusError } from '../errors.ts'

const HEADER_BYTES = 4
const TYPE_BYTES = 1
/** What fits into one RADIUS packet beside its own header. */
const MAX_EAP_BYTES = 4096

/** RFC 3748 §4. */
export const EapCode = { request: 1, response: 2, success: 3, failure: 4 } as const

/** RFC 3748 §5 and the IANA registry of method types. */
export const EapType = {
  identity: 1,
  notification: 2,
  nak: 3,
  md5: 4,
  gtc: 6,
  tls: 13,
  ttls: 21,
  peap: 25,
  msChapV2: 26,
  tlv: 33,
  expanded: 254,
} as const

export interface EapPacket {
  readonly code: number
  readonly identifier: number
  /** Null in Success and Failure, and only there. */
  readonly type: number | null
  /** What follows the type. */
  readonly data: Buffer
}

/**
 * Decodes one EAP packet; octets behind its own length are padding (RFC 3748 §4.1).
 *
 * @throws {RadiusError} `EAP_MALFORMED` for a length that does not fit the bytes or the code, and for
 *   a code that is none of the four
 */
export function decodeEap(bytes: Buffer): EapPacket {
  if (bytes.length < HEADER_BYTES) throw malformed(`packet of ${bytes.length} bytes`)
  const code = bytes.readUInt8(0)
  const identifier = bytes.readUInt8(1)
  const length = bytes.readUInt16BE(2)
  if (length > bytes.length) throw malformed(`length ${length} in ${bytes.length} bytes`)
  if (code === EapCode.success || code === EapCode.failure) {
    if (length !== HEADER_BYTES) throw malformed(`result of ${length} bytes`)
    return { code, identifier, type: null, data: bytes.subarray(HEADER_BYTES, HEADER_BYTES) }
  }
  if (code !== EapCode.request && code !== EapCode.response) throw malformed(`code ${code}`)
  if (length < HEADER_BYTES + TYPE_BYTES) throw malformed('no type')
  return {
    code,
    identifier,
    type: bytes.readUInt8(HEADER_BYTES),
    data: bytes.subarray(HEADER_BYTES + TYPE_BYTES, length),
  }
}

/** @throws {RadiusError} `EAP_TOO_LONG` above what a RADIUS packet can carry */
export function encodeEap({ code, identifier, type, data }: EapPacket): Buffer {
  const start = type === null ? HEADER_BYTES : HEADER_BYTES + TYPE_BYTES
  const length = start + data.length
  if (length > MAX_EAP_BYTES) throw new RadiusError('EAP_TOO_LONG', `EAP packet of ${length} bytes`)
  const bytes = Buffer.allocUnsafe(length)
  bytes.writeUInt8(code, 0)
  bytes.writeUInt8(identifier, 1)
  bytes.writeUInt16BE(length, 2)
  if (type !== null) bytes.writeUInt8(type, HEADER_BYTES)
  bytes.set(data, start)
  return bytes
}

/** EAP-Success or EAP-Failure; it carries the identifier of the response it answers. */
export function encodeEapResult(isSuccess: boolean, identifier: number): Buffer {
  const code = isSuccess ? EapCode.success : EapCode.failure
  return Buffer.from([code, identifier, 0, HEADER_BYTES])
}

function malformed(message: string): RadiusError {
  return new RadiusError('EAP_MALFORMED', message)
}
