import { parseAddress, parseCidr } from './address.ts'
import {
  makeInteger,
  makeOctets,
  makeTaggedInteger,
  makeTaggedText,
  makeText,
  makeVendor,
} from './attributes.ts'
import { RadiusError } from './errors.ts'
import type { Attribute } from './packet.ts'
import { findNamedAttribute, findNumberedAttribute, type NamedAttribute } from './vocabulary.ts'

const UNTAGGED = 0
const IPV6_BYTES = 16

/**
 * Makes an attribute from its name and a value as an admin writes it: text, a decimal integer or the
 * name of one, an address, or `0x…` for octets. A tagged attribute gets tag 0. What has no name here
 * is written `Vendor:Type`, such as `Cisco:1` or `9:1`, with a value in `0x…`.
 *
 * @throws {RadiusError} `RADIUS_BAD_ATTRIBUTE` for an unknown name or a value that does not fit
 */
export function parseAttribute(name: string, text: string): Attribute {
  const known = findNamedAttribute(name)
  if (known === null) return parseNumbered(name, text)
  const attribute = encode(known, text)
  const { vendor, type } = known
  return vendor === null ? attribute : makeVendor({ vendor, type, value: attribute.value })
}

function parseNumbered(name: string, text: string): Attribute {
  const numbered = findNumberedAttribute(name)
  if (numbered === null) {
    throw new RadiusError('RADIUS_BAD_ATTRIBUTE', `unknown attribute ${name}`)
  }
  const value = parseHex(text)
  if (value === null) throw badValue(name, 'has no type here: write its octets, 0x…')
  return makeVendor({ ...numbered, value })
}

function encode(known: NamedAttribute, text: string): Attribute {
  switch (known.value) {
    case 'text':
      return makeText(known, text)
    case 'octets':
      return makeOctets(known, parseHex(text) ?? Buffer.from(text, 'utf8'))
    case 'integer':
    case 'time':
      return makeInteger(known, parseInteger(known, text, 0xffff_ffff))
    case 'tagged-text':
      return makeTaggedText(known, UNTAGGED, text)
    case 'tagged-integer':
      return makeTaggedInteger(known, UNTAGGED, parseInteger(known, text, 0xff_ffff))
    case 'ipv6-prefix':
      return makePrefix(known, text)
    default:
      return makeAddress(known, text)
  }
}

function makeAddress(known: NamedAttribute, text: string): Attribute {
  const address = parseAddress(text)
  if (address === null || address.length !== (known.value === 'ipv6' ? IPV6_BYTES : 4)) {
    throw badValue(known.name, 'not an address')
  }
  return { type: known.type, value: address }
}

/** A reserved octet, the length in bits, and as many octets as that takes (RFC 3162 §2.3). */
function makePrefix(known: NamedAttribute, text: string): Attribute {
  const cidr = parseCidr(text)
  if (cidr === null || cidr.network.length !== IPV6_BYTES) {
    throw badValue(known.name, 'not an IPv6 prefix, such as 2001:db8::/48')
  }
  const { network, prefixLength } = cidr
  const octets = network.subarray(0, Math.ceil(prefixLength / 8))
  return { type: known.type, value: Buffer.concat([Buffer.from([0, prefixLength]), octets]) }
}

function parseInteger({ name, names }: NamedAttribute, text: string, limit: number): number {
  if (/^\d{1,10}$/.test(text) && Number(text) <= limit) return Number(text)
  const folded = text.toLowerCase()
  const named = Object.entries(names ?? {}).find(([known]) => known.toLowerCase() === folded)
  if (named !== undefined) return named[1]
  const choice = names === null ? '' : `, nor one of ${Object.keys(names).join(', ')}`
  throw badValue(name, `not an integer in range${choice}`)
}

function parseHex(text: string): Buffer | null {
  return /^0x([0-9a-f]{2})*$/i.test(text) ? Buffer.from(text.slice(2), 'hex') : null
}

function badValue(name: string, why: string): RadiusError {
  return new RadiusError('RADIUS_BAD_ATTRIBUTE', `${name}: ${why}`)
}
