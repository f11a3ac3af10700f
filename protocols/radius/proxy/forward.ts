import { makeOctets } from '../attributes.ts'
import type { ClientRequest } from '../client/request.ts'
import { PacketCode } from '../code.ts'
import { AttributeType } from '../dictionary.ts'
import { DIGEST_BYTES } from '../md5.ts'
import type { Attribute, Packet } from '../packet.ts'
import { takeRandom } from '../random.ts'
import type { SharedSecret } from '../shared-secret.ts'
import { hideUserPassword, revealUserPassword } from '../user-password.ts'

const MESSAGE_AUTHENTICATOR = AttributeType.messageAuthenticator.type
const USER_PASSWORD = AttributeType.userPassword.type
const CHAP_PASSWORD = AttributeType.chapPassword.type
const CHAP_CHALLENGE = AttributeType.chapChallenge.type

/** Between whom a request is carried on. */
export interface Hop {
  /** The secret the request came with. */
  readonly from: SharedSecret
  /** The next server's. */
  readonly to: SharedSecret
  /** Our own Proxy-State, behind all others (RFC 2865 §5.33). */
  readonly proxyState: Buffer
  /** What is added to the request, where it has no such attribute yet. */
  readonly add: readonly Attribute[]
}

/**
 * The request as the next server gets it: User-Password hidden anew, a CHAP challenge that was the
 * Request Authenticator written out, Message-Authenticator left to signing, all else as it came.
 *
 * @throws {RadiusError} `RADIUS_BAD_ATTRIBUTE` for a User-Password that can't be one
 */
export function forwardRequest(packet: Packet, hop: Hop): ClientRequest {
  const authenticator = takeRandom(DIGEST_BYTES)
  const attributes: Attribute[] = []
  for (const attribute of packet.attributes) {
    if (attribute.type === MESSAGE_AUTHENTICATOR) continue
    attributes.push(
      attribute.type === USER_PASSWORD
        ? hideAnew(attribute, packet, authenticator, hop)
        : attribute,
    )
  }
  if (has(attributes, CHAP_PASSWORD) && !has(attributes, CHAP_CHALLENGE)) {
    attributes.push(makeOctets(AttributeType.chapChallenge, packet.authenticator))
  }
  for (const more of hop.add) if (!has(attributes, more.type)) attributes.push(more)
  attributes.push(makeOctets(AttributeType.proxyState, hop.proxyState))
  return packet.code === PacketCode.accessRequest
    ? { code: packet.code, attributes, authenticator }
    : { code: packet.code, attributes }
}

function hideAnew(
  { type, value }: Attribute,
  packet: Packet,
  authenticator: Buffer,
  { from, to }: Hop,
): Attribute {
  const password = revealUserPassword(value, from.bytes, packet.authenticator)
  const hidden = hideUserPassword(password, to.bytes, authenticator)
  password.fill(0)
  return { type, value: hidden }
}

function has(attributes: readonly Attribute[], type: number): boolean {
  return attributes.some((attribute) => attribute.type === type)
}
