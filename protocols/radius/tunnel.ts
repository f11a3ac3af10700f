import { makeTaggedInteger, makeTaggedText } from './attributes.ts'
import { AttributeType, Tunnel } from './dictionary.ts'
import type { Attribute } from './packet.ts'

const UNTAGGED = 0

/**
 * The three attributes that put a port into a VLAN (RFC 3580 §3.31).
 *
 * @param vlan VLAN ID 1 to 4094, or a name the switch knows; sent as text either way
 */
export function makeVlanAttributes(vlan: number | string): Attribute[] {
  return [
    makeTaggedInteger(AttributeType.tunnelType, UNTAGGED, Tunnel.typeVlan),
    makeTaggedInteger(AttributeType.tunnelMediumType, UNTAGGED, Tunnel.mediumIeee802),
    makeTaggedText(AttributeType.tunnelPrivateGroupId, UNTAGGED, String(vlan)),
  ]
}
