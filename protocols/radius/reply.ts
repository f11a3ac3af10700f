import { AttributeType } from './dictionary.ts'
import { DIGEST_BYTES } from './md5.ts'
import { type Attribute, encodePacket, HEADER_BYTES, type Packet } from './packet.ts'
import type { SharedSecret } from './shared-secret.ts'

const PROXY_STATE = AttributeType.proxyState.type
const blankAuthenticator: Attribute = Object.freeze({
  type: AttributeType.messageAuthenticator.type,
  value: Buffer.alloc(DIGEST_BYTES),
})
const MESSAGE_AUTHENTICATOR_AT = HEADER_BYTES + 2

/** What a server answers, before it is signed. */
export interface Reply {
  readonly code: number
  readonly attributes: readonly Attribute[]
}

/**
 * Encodes and signs the reply to `request`.
 *
 * Message-Authenticator comes first, where it also protects a client that does not ask for it
 * (CVE-2024-3596); Proxy-State is copied unmodified and in order (RFC 2865 §5.33).
 *
 * @throws {RadiusError} `RADIUS_BAD_ATTRIBUTE`, `RADIUS_TOO_LONG`
 */
export function encodeReply(reply: Reply, request: Packet, secret: SharedSecret): Buffer {
  const bytes = encodePacket({
    code: reply.code,
    identifier: request.identifier,
    authenticator: request.authenticator,
    attributes: [
      blankAuthenticator,
      ...reply.attributes,
      ...request.attributes.filter(({ type }) => type === PROXY_STATE),
    ],
  })
  bytes.set(secret.messageAuthenticator(bytes), MESSAGE_AUTHENTICATOR_AT)
  bytes.set(secret.responseAuthenticator(bytes), 4)
  return bytes
}

/** The same without Message-Authenticator, for an Accounting-Request that came without one. */
export function encodeUnsignedReply(reply: Reply, request: Packet, secret: SharedSecret): Buffer {
  const bytes = encodePacket({
    code: reply.code,
    identifier: request.identifier,
    authenticator: request.authenticator,
    attributes: [
      ...reply.attributes,
      ...request.attributes.filter(({ type }) => type === PROXY_STATE),
    ],
  })
  bytes.set(secret.responseAuthenticator(bytes), 4)
  return bytes
}
