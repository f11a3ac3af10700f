import { ByteReader, WireError } from '../../wire/index.ts'
import { RadiusError } from '../errors.ts'

const MANDATORY = 0x8000
const TYPE = 0x3fff
const TlvType = { result: 3, nak: 4, cryptoBinding: 12 } as const
const Status = { success: 1, failure: 2 } as const

/** What a peer says at the end of the tunnel's life. */
export interface PeapResult {
  readonly isSuccess: boolean
  /** Value of its Crypto-Binding TLV; null without one. */
  readonly binding: Buffer | null
}

/** Data of the request that tells the peer how it went ([MS-PEAP] 2.2.8.1). */
export function encodeResult(isSuccess: boolean, binding: Buffer | null): Buffer {
  const status = isSuccess ? Status.success : Status.failure
  const result = Buffer.from([0x80, TlvType.result, 0, 2, 0, status])
  return binding === null ? result : Buffer.concat([result, binding])
}

/** @throws {RadiusError} `EAP_MALFORMED` without a result, and for a TLV we must know and do not */
export function decodeResult(data: Buffer): PeapResult {
  try {
    return readTlvs(new ByteReader(data))
  } catch (error) {
    if (error instanceof WireError && !(error instanceof RadiusError))
      throw malformed(error.message)
    throw error
  }
}

function readTlvs(reader: ByteReader): PeapResult {
  let status: number | null = null
  let binding: Buffer | null = null
  while (reader.remaining > 0) {
    const type = reader.uint16()
    const value = reader.bytes(reader.uint16())
    const kind = type & TYPE
    if (kind === TlvType.result && value.length === 2 && status === null) {
      status = value.readUInt16BE(0)
    } else if (kind === TlvType.cryptoBinding && binding === null) binding = value
    else if ((type & MANDATORY) !== 0) throw malformed(`TLV ${kind}`)
  }
  if (status !== Status.success && status !== Status.failure) throw malformed('no result')
  return { isSuccess: status === Status.success, binding }
}

function malformed(message: string): RadiusError {
  return new RadiusError('EAP_MALFORMED', message)
}
