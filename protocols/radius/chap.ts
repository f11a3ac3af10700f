import { equalConstantTime } from '../wire/index.ts'
import { DIGEST_BYTES, md5 } from './md5.ts'

/** What a peer sends of CHAP (RFC 1994 §4.1, RFC 2865 §5.3). */
export interface ChapResponse {
  readonly identifier: number
  /** CHAP-Challenge, or the Request Authenticator where that is left out. */
  readonly challenge: Buffer
  /** 16 bytes. */
  readonly digest: Buffer
}

/** CHAP-Password's value; null when it is none. */
export function readChapPassword(value: Buffer, challenge: Buffer): ChapResponse | null {
  if (value.length !== 1 + DIGEST_BYTES) return null
  return { identifier: value.readUInt8(0), challenge, digest: value.subarray(1) }
}

/** Whether the response was made with this password, in constant time. */
export function checkChap(
  password: Buffer,
  { identifier, challenge, digest }: ChapResponse,
): boolean {
  return equalConstantTime(md5(Buffer.from([identifier]), password, challenge), digest)
}
