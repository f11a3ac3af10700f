import { equalConstantTime } from '../../wire/index.ts'
import { findInteger, makeInteger } from '../attributes.ts'
import { PacketCode } from '../code.ts'
import { AttributeType } from '../dictionary.ts'
import { RadiusError } from '../errors.ts'
import { DIGEST_BYTES } from '../md5.ts'
import { type Attribute, decodePacket, encodePacket, HEADER_BYTES } from '../packet.ts'
import type { SharedSecret } from '../shared-secret.ts'

const ZEROS = Buffer.alloc(DIGEST_BYTES)
const AUTHENTICATOR_AT = 4
const MESSAGE_AUTHENTICATOR_AT = HEADER_BYTES + 2

/** What a NAS is asked to do with a session (RFC 5176 §2.1, §2.2). */
export interface DynamicRequest {
  readonly code: typeof PacketCode.disconnectRequest | typeof PacketCode.coaRequest
  /** 0 to 255. */
  readonly identifier: number
  /** Of a Disconnect-Request, those alone that say which NAS and which session (RFC 5176 §3). */
  readonly attributes: readonly Attribute[]
  /** Seconds since 1970; a NAS refuses what is older than its window (RFC 5176 §6.3). */
  readonly timestampSeconds: number
}

/** What the NAS says to it; `errorCause` is null where it gives none. */
export interface DynamicAnswer {
  readonly isAck: boolean
  readonly errorCause: number | null
}

/**
 * Encodes and signs a request, Message-Authenticator first. Its digest is made with zeros for the
 * Request Authenticator, which is then the MD5 of the whole, as in accounting (RFC 5176 §2.3, §3.4).
 *
 * @throws {RadiusError} `RADIUS_BAD_ATTRIBUTE`, `RADIUS_TOO_LONG`
 */
export function encodeDynamicRequest(request: DynamicRequest, secret: SharedSecret): Buffer {
  const bytes = encodePacket({
    code: request.code,
    identifier: request.identifier,
    authenticator: ZEROS,
    attributes: [
      { type: AttributeType.messageAuthenticator.type, value: ZEROS },
      ...request.attributes,
      makeInteger(AttributeType.eventTimestamp, request.timestampSeconds),
    ],
  })
  bytes.set(secret.messageAuthenticator(bytes), MESSAGE_AUTHENTICATOR_AT)
  bytes.set(secret.responseAuthenticator(bytes), AUTHENTICATOR_AT)
  return bytes
}

/**
 * Reads the answer to `request`, as it was sent; null for a datagram that is none, or that nobody who
 * knows the secret has made: identifier, code, Response Authenticator, and Message-Authenticator where
 * there is one.
 */
export function readDynamicAnswer(
  datagram: Buffer,
  request: Buffer,
  secret: SharedSecret,
): DynamicAnswer | null {
  try {
    return read(datagram, request, secret)
  } catch (error) {
    if (error instanceof RadiusError) return null
    throw error
  }
}

function read(datagram: Buffer, request: Buffer, secret: SharedSecret): DynamicAnswer | null {
  const answer = decodePacket(datagram)
  // RFC 5176 §2.1, §2.2: the ACK's code is the request's and one, the NAK's one more.
  const step = answer.code - request.readUInt8(0)
  if ((step !== 1 && step !== 2) || answer.identifier !== request.readUInt8(1)) return null
  const signed = Buffer.from(datagram.subarray(0, datagram.readUInt16BE(2)))
  const asked = request.subarray(AUTHENTICATOR_AT, HEADER_BYTES)
  signed.set(asked, AUTHENTICATOR_AT)
  if (!equalConstantTime(secret.responseAuthenticator(signed), answer.authenticator)) return null
  if (secret.verifyMessageAuthenticator(datagram, answer, asked) === 'invalid') return null
  return { isAck: step === 1, errorCause: findInteger(answer.attributes, AttributeType.errorCause) }
}

/** Error-Cause values (RFC 5176 §3.5) with what they mean to whoever runs the network. */
export const ErrorCause = {
  residualContextRemoved: 201,
  invalidEapPacket: 202,
  unsupportedAttribute: 401,
  missingAttribute: 402,
  nasMismatch: 403,
  invalidRequest: 404,
  unsupportedService: 405,
  unsupportedExtension: 406,
  invalidAttributeValue: 407,
  prohibited: 501,
  notRoutable: 502,
  contextNotFound: 503,
  contextNotRemovable: 504,
  otherProxyError: 505,
  resourcesUnavailable: 506,
  requestInitiated: 507,
  multipleSelection: 508,
} as const

const causes: ReadonlyMap<number, string> = new Map<number, string>([
  [ErrorCause.residualContextRemoved, 'the session was over, what was left of it is removed'],
  [ErrorCause.invalidEapPacket, 'an invalid EAP packet was ignored'],
  [ErrorCause.unsupportedAttribute, 'an attribute of the request is not supported'],
  [ErrorCause.missingAttribute, 'an attribute it needs to find the session is missing'],
  [ErrorCause.nasMismatch, 'the request names another NAS'],
  [ErrorCause.invalidRequest, 'the request is invalid'],
  [ErrorCause.unsupportedService, 'the Service-Type is not supported'],
  [ErrorCause.unsupportedExtension, 'the NAS does not support this kind of request'],
  [ErrorCause.invalidAttributeValue, 'an attribute has a value it does not support'],
  [ErrorCause.prohibited, 'the NAS is set to refuse such requests'],
  [ErrorCause.notRoutable, 'a proxy does not know the way to the NAS'],
  [ErrorCause.contextNotFound, 'the NAS knows no such session'],
  [ErrorCause.contextNotRemovable, 'the session cannot be removed from outside'],
  [ErrorCause.otherProxyError, 'a proxy failed'],
  [ErrorCause.resourcesUnavailable, 'the NAS has no resources left for it'],
  [ErrorCause.requestInitiated, 'the NAS asks for authorization itself'],
  [ErrorCause.multipleSelection, 'the NAS found several sessions and does not end them together'],
])

export function describeErrorCause(cause: number): string {
  return causes.get(cause) ?? `Error-Cause ${cause}`
}
