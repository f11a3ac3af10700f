import { formatAddress } from './address.ts'
import { type AttributeDefinition, AttributeType } from './dictionary.ts'
import { RadiusError } from './errors.ts'
import { type Attribute, MAX_VALUE_BYTES } from './packet.ts'

const VENDOR_SPECIFIC = AttributeType.vendorSpecific.type
const VENDOR_ID_BYTES = 4
const VENDOR_HEADER_BYTES = 6
const MAX_TAG = 0x1f

type Attributes = readonly Attribute[]

/** First value of `definition` in a packet, or null. */
export function findValue(attributes: Attributes, definition: AttributeDefinition): Buffer | null {
  for (const { type, value } of attributes) if (type === definition.type) return value
  return null
}

/** First value as UTF-8 text; null when absent. Bytes that are no UTF-8 become U+FFFD. */
export function findText(attributes: Attributes, definition: AttributeDefinition): string | null {
  return findValue(attributes, definition)?.toString('utf8') ?? null
}

/** First value as a 32-bit integer; null when absent or of another length. */
export function findInteger(
  attributes: Attributes,
  definition: AttributeDefinition,
): number | null {
  const value = findValue(attributes, definition)
  return value?.length === 4 ? value.readUInt32BE(0) : null
}

/** First value as an address; null when absent or of another length. */
export function findAddress(
  attributes: Attributes,
  definition: AttributeDefinition,
): string | null {
  const value = findValue(attributes, definition)
  return value?.length === (definition.value === 'ipv6' ? 16 : 4) ? formatAddress(value) : null
}

export function makeText(definition: AttributeDefinition, text: string): Attribute {
  return makeOctets(definition, Buffer.from(text, 'utf8'))
}

export function makeInteger(definition: AttributeDefinition, value: number): Attribute {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(value)
  return { type: definition.type, value: bytes }
}

/** @throws {RadiusError} `RADIUS_BAD_ATTRIBUTE` above 253 bytes */
export function makeOctets(definition: AttributeDefinition, value: Buffer): Attribute {
  if (value.length > MAX_VALUE_BYTES) throw badValue(definition.name, `${value.length} bytes`)
  return { type: definition.type, value }
}

/** An integer with a tag octet in front, of which 24 bits remain for the value (RFC 2868 §3.1). */
export function makeTaggedInteger(
  definition: AttributeDefinition,
  tag: number,
  value: number,
): Attribute {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt8(tag, 0)
  bytes.writeUIntBE(value, 1, 3)
  return { type: definition.type, value: bytes }
}

/**
 * Text with a tag octet in front. Tag 0 means "no tag" and is left out, as switches expect, unless
 * the text's own first octet would read as one (RFC 2868 §3.6).
 */
export function makeTaggedText(
  definition: AttributeDefinition,
  tag: number,
  text: string,
): Attribute {
  const bytes = Buffer.from(text, 'utf8')
  const needsTag = tag !== 0 || (bytes[0] ?? 0) <= MAX_TAG
  return makeOctets(definition, needsTag ? Buffer.concat([Buffer.from([tag]), bytes]) : bytes)
}

/** The tag and what follows it; a first octet above 0x1f is part of the text (RFC 2868 §3.6). */
export function splitTag(value: Buffer): { readonly tag: number; readonly rest: Buffer } {
  const first = value[0]
  if (first === undefined || first > MAX_TAG) return { tag: 0, rest: value }
  return { tag: first, rest: value.subarray(1) }
}

export interface VendorValue {
  /** Private Enterprise Number. */
  readonly vendor: number
  readonly type: number
  readonly value: Buffer
}

/** One vendor attribute in an attribute of its own, in the usual form (RFC 2865 §5.26). */
export function makeVendor({ vendor, type, value }: VendorValue): Attribute {
  const bytes = Buffer.allocUnsafe(VENDOR_HEADER_BYTES + value.length)
  if (bytes.length > MAX_VALUE_BYTES)
    throw badValue(`vendor ${vendor} type ${type}`, `${value.length} bytes`)
  bytes.writeUInt32BE(vendor, 0)
  bytes.writeUInt8(type, 4)
  bytes.writeUInt8(2 + value.length, 5)
  bytes.set(value, VENDOR_HEADER_BYTES)
  return { type: VENDOR_SPECIFIC, value: bytes }
}

/**
 * All values of one vendor's attribute, several in one Vendor-Specific included.
 *
 * Vendor space is the vendor's own: what does not read as type, length, value is passed over.
 */
export function findVendorValues(attributes: Attributes, vendor: number, type: number): Buffer[] {
  const found: Buffer[] = []
  for (const attribute of attributes) {
    if (attribute.type !== VENDOR_SPECIFIC || attribute.value.length < VENDOR_HEADER_BYTES) continue
    if (attribute.value.readUInt32BE(0) === vendor) collect(attribute.value, type, found)
  }
  return found
}

function collect(value: Buffer, type: number, found: Buffer[]): void {
  let at = VENDOR_ID_BYTES
  while (at + 2 <= value.length) {
    const length = value.readUInt8(at + 1)
    if (length < 2 || at + length > value.length) return
    if (value.readUInt8(at) === type) found.push(value.subarray(at + 2, at + length))
    at += length
  }
}

function badValue(name: string, why: string): RadiusError {
  return new RadiusError('RADIUS_BAD_ATTRIBUTE', `${name}: ${why}`)
}
