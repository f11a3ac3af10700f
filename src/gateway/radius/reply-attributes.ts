import {
  type Attribute,
  AttributeType,
  findAttributeDefinition,
  makeInteger,
  makeVlanAttributes,
  parseAttribute,
  RadiusError,
} from '../../../protocols/radius/index.ts'
import type { Grant } from '../../access/decide.ts'
import type { Network, ReplyAttribute } from '../../directory/network.ts'

/** RFC 2865 §5.29: when the session's time is up, the NAS asks again instead of hanging up. */
const ASK_AGAIN = 1

/** What the server itself puts into replies, or what must never stand in one. */
const reserved: ReadonlySet<number> = new Set(
  [
    AttributeType.userPassword,
    AttributeType.chapPassword,
    AttributeType.state,
    AttributeType.proxyState,
    AttributeType.eapMessage,
    AttributeType.messageAuthenticator,
  ].map(({ type }) => type),
)

/** What the NAS is told of somebody who may come in. */
export function makeReplyAttributes(grant: Grant, network: Network): Attribute[] {
  const attributes = grant.attributes.map(({ name, value }) => parseAttribute(name, value))
  if (grant.vlan !== null) attributes.push(...makeVlanAttributes(grant.vlan))
  if (network.sessionTimeoutSeconds !== null) {
    attributes.push(
      makeInteger(AttributeType.sessionTimeout, network.sessionTimeoutSeconds),
      makeInteger(AttributeType.terminationAction, ASK_AGAIN),
    )
  }
  return attributes
}

/** Why an attribute can't be part of a reply, in words for an admin; null when it can. */
export function checkReplyAttribute({ name, value }: ReplyAttribute): string | null {
  const definition = findAttributeDefinition(name)
  if (definition !== null && reserved.has(definition.type)) return `${name} is set by the server`
  try {
    parseAttribute(name, value)
    return null
  } catch (error) {
    if (error instanceof RadiusError) return error.message
    throw error
  }
}
