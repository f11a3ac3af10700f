import { equalConstantTime } from '../wire/index.ts'
import { AttributeType } from './dictionary.ts'
import { DIGEST_BYTES, HmacMd5, md5 } from './md5.ts'
import { HEADER_BYTES, type Packet, packetLength } from './packet.ts'

const ZEROS = Buffer.alloc(DIGEST_BYTES)
const CODE_TO_LENGTH_BYTES = 4
const MESSAGE_AUTHENTICATOR = AttributeType.messageAuthenticator.type

/**
 * `absent` when the packet carries none; `invalid` also when it carries two or one of another length.
 */
export type MessageAuthenticatorVerdict = 'valid' | 'absent' | 'invalid'

/** A secret shared with one client, with what can be computed from it once. */
export class SharedSecret {
  readonly bytes: Buffer
  readonly #hmac: HmacMd5

  constructor(bytes: Buffer) {
    this.bytes = bytes
    this.#hmac = new HmacMd5(bytes)
  }

  /**
   * Checks the Message-Authenticator of a request (RFC 3579 §3.2).
   *
   * @param datagram the bytes `packet` was decoded from
   * @param authenticator what stands in the header while the digest is made: the Request
   *   Authenticator of an Access-Request or Status-Server, zeros for an Accounting-Request
   */
  verifyMessageAuthenticator(
    datagram: Buffer,
    packet: Packet,
    authenticator: Buffer = packet.authenticator,
  ): MessageAuthenticatorVerdict {
    const at = findMessageAuthenticator(packet)
    if (at === null) return 'absent'
    if (at < 0) return 'invalid'
    const sent = datagram.subarray(at, at + DIGEST_BYTES)
    const expected = this.#hmac.digest(
      datagram.subarray(0, CODE_TO_LENGTH_BYTES),
      authenticator,
      datagram.subarray(HEADER_BYTES, at),
      ZEROS,
      datagram.subarray(at + DIGEST_BYTES, packetLength(datagram)),
    )
    return equalConstantTime(sent, expected) ? 'valid' : 'invalid'
  }

  /** Message-Authenticator over a packet whose own attribute holds sixteen zeros. */
  messageAuthenticator(packet: Buffer): Buffer {
    return this.#hmac.digest(packet)
  }

  /** Request Authenticator of an Accounting-Request (RFC 2866 §3). */
  verifyAccountingAuthenticator(datagram: Buffer): boolean {
    const end = packetLength(datagram)
    const expected = md5(
      datagram.subarray(0, CODE_TO_LENGTH_BYTES),
      ZEROS,
      datagram.subarray(HEADER_BYTES, end),
      this.bytes,
    )
    return equalConstantTime(datagram.subarray(CODE_TO_LENGTH_BYTES, HEADER_BYTES), expected)
  }

  /**
   * Response Authenticator (RFC 2865 §3), or the Request Authenticator of an Accounting-Request when
   * the header holds zeros: MD5 over the packet as it stands and the secret.
   */
  responseAuthenticator(packet: Buffer): Buffer {
    return md5(packet, this.bytes)
  }

  toString(): string {
    return '[shared secret]'
  }

  toJSON(): string {
    return this.toString()
  }
}

/** Offset of the value in the datagram; null when there is none, -1 when it can't be believed. */
function findMessageAuthenticator(packet: Packet): number | null {
  let found: number | null = null
  let at = HEADER_BYTES
  for (const { type, value } of packet.attributes) {
    if (type === MESSAGE_AUTHENTICATOR) {
      if (found !== null || value.length !== DIGEST_BYTES) return -1
      found = at + 2
    }
    at += 2 + value.length
  }
  return found
}
