import { PacketCode } from '../code.ts'
import { AttributeType } from '../dictionary.ts'
import { DIGEST_BYTES } from '../md5.ts'
import { type Attribute, encodePacket, HEADER_BYTES } from '../packet.ts'
import { takeRandom } from '../random.ts'
import type { SharedSecret } from '../shared-secret.ts'

const ZEROS = Buffer.alloc(DIGEST_BYTES)
const MESSAGE_AUTHENTICATOR_AT = HEADER_BYTES + 2
const blankAuthenticator: Attribute = Object.freeze({
  type: AttributeType.messageAuthenticator.type,
  value: ZEROS,
})

/** What a client asks, before it is signed; without Message-Authenticator, which signing adds. */
export interface ClientRequest {
  readonly code: number
  readonly attributes: readonly Attribute[]
  /**
   * 16 random bytes, each used for one request: the Request Authenticator of an Access-Request or
   * Status-Server, given by whoever has hidden a User-Password with it. Left out: made here.
   */
  readonly authenticator?: Buffer
  /**
   * Whether Message-Authenticator comes with it. Access-Request and Status-Server always carry one
   * (RFC 5997 §3, CVE-2024-3596); the others do not unless this says so (RFC 5176 §3.4).
   */
  readonly isSigned?: boolean
}

/** Request Authenticators that are random; those of the other codes are digests. */
export function hasRandomAuthenticator(code: number): boolean {
  return code === PacketCode.accessRequest || code === PacketCode.statusServer
}

/**
 * Encodes and signs a request, Message-Authenticator first.
 *
 * @throws {RadiusError} `RADIUS_BAD_ATTRIBUTE`, `RADIUS_TOO_LONG`
 * @see RFC 2865 §3, RFC 2866 §3, RFC 5176 §2.3, RFC 5997 §3
 */
export function encodeRequest(
  request: ClientRequest,
  identifier: number,
  secret: SharedSecret,
): Buffer {
  const isRandom = hasRandomAuthenticator(request.code)
  const isSigned = isRandom || request.isSigned === true
  const bytes = encodePacket({
    code: request.code,
    identifier,
    authenticator: isRandom ? (request.authenticator ?? takeRandom(DIGEST_BYTES)) : ZEROS,
    attributes: isSigned ? [blankAuthenticator, ...request.attributes] : request.attributes,
  })
  if (isSigned) bytes.set(secret.messageAuthenticator(bytes), MESSAGE_AUTHENTICATOR_AT)
  if (!isRandom) bytes.set(secret.responseAuthenticator(bytes), 4)
  return bytes
}
