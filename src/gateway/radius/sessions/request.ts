import {
  type Attribute,
  type AttributeDefinition,
  AttributeType,
  makeVlanAttributes,
  parseAttribute,
} from '../../../../protocols/radius/index.ts'
import type { DisconnectClaim } from '../../../directory/ports/disconnects.ts'

/**
 * How much of what the NAS told is told back to it: a NAS refuses attributes it does not know, must
 * match all there are, and may need one that others refuse.
 */
export type Names = 'usual' | 'least' | 'all'

/** NAS and session by the names the NAS gave them (RFC 5176 §3). */
export function identify({ session }: DisconnectClaim, names: Names): Attribute[] {
  const { identity, username, acctSessionId } = session
  const values: [AttributeDefinition, string | null][] = [
    [AttributeType.acctSessionId, acctSessionId],
  ]
  if (names !== 'least') {
    values.push(
      [AttributeType.nasIpAddress, identity?.nasIpAddress ?? null],
      [AttributeType.nasIpv6Address, identity?.nasIpv6Address ?? null],
      [AttributeType.nasIdentifier, identity?.nasIdentifier ?? null],
      [AttributeType.userName, username],
      [AttributeType.callingStationId, identity?.callingStationId ?? null],
    )
  }
  if (names === 'all') {
    values.push(
      [AttributeType.acctMultiSessionId, identity?.multiSessionId ?? null],
      [AttributeType.nasPortId, identity?.nasPortId ?? null],
      [AttributeType.nasPort, identity?.nasPort?.toString() ?? null],
    )
  }
  return values.flatMap(([{ name }, value]) =>
    value === null || value === '' ? [] : [parseAttribute(name, value)],
  )
}

/** What a CoA-Request changes beside naming the session: the VLAN. */
export function describeChange(vlan: number | string): Attribute[] {
  return makeVlanAttributes(vlan)
}
