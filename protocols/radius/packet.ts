import { RadiusError } from './errors.ts'

/** RFC 2865 §3: an octet each for code and identifier, two for the length, sixteen more. */
export const HEADER_BYTES = 20
/** RFC 2865 §3: the longest packet. */
export const MAX_PACKET_BYTES = 4096
/** An attribute's type, length and value fit one octet of length (RFC 2865 §5). */
export const MAX_VALUE_BYTES = 253
/**
 * More than the busiest NAS sends: an EAP packet of 4 KiB takes 17, a full accounting record some 40.
 * FreeRADIUS refuses above 200 by default (`max_attributes`).
 */
export const MAX_ATTRIBUTES = 200

const ATTRIBUTE_HEADER_BYTES = 2

/** One attribute as it stands on the wire; the order of a packet's attributes has meaning. */
export interface Attribute {
  readonly type: number
  /** 0 to 253 bytes. */
  readonly value: Buffer
}

export interface Packet {
  readonly code: number
  readonly identifier: number
  /** 16 bytes: Request Authenticator or Response Authenticator. */
  readonly authenticator: Buffer
  readonly attributes: readonly Attribute[]
}

/**
 * Decodes one datagram. Values share its memory.
 *
 * Octets behind the packet's own length are padding and ignored (RFC 2865 §3).
 *
 * @throws {RadiusError} `RADIUS_MALFORMED` for a length that is out of range or beyond the datagram,
 *   for an attribute shorter than its header or running past the end, and for too many attributes
 */
export function decodePacket(datagram: Buffer): Packet {
  const end = packetLength(datagram)
  const attributes: Attribute[] = []
  let at = HEADER_BYTES
  while (at < end) {
    const next = at + attributeLength(datagram, at, end)
    if (attributes.length === MAX_ATTRIBUTES)
      throw malformed(`more than ${MAX_ATTRIBUTES} attributes`)
    attributes.push({
      type: datagram.readUInt8(at),
      value: datagram.subarray(at + ATTRIBUTE_HEADER_BYTES, next),
    })
    at = next
  }
  return {
    code: datagram.readUInt8(0),
    identifier: datagram.readUInt8(1),
    authenticator: datagram.subarray(4, HEADER_BYTES),
    attributes,
  }
}

/**
 * Encodes a packet as it stands, authenticators included.
 *
 * @throws {RadiusError} `RADIUS_BAD_ATTRIBUTE` for a value above 253 bytes, `RADIUS_TOO_LONG` for a
 *   packet above 4096
 */
export function encodePacket(packet: Packet): Buffer {
  let length = HEADER_BYTES
  for (const { type, value } of packet.attributes) {
    if (value.length > MAX_VALUE_BYTES) {
      throw new RadiusError('RADIUS_BAD_ATTRIBUTE', `attribute ${type} of ${value.length} bytes`)
    }
    length += ATTRIBUTE_HEADER_BYTES + value.length
  }
  if (length > MAX_PACKET_BYTES)
    throw new RadiusError('RADIUS_TOO_LONG', `packet of ${length} bytes`)

  const bytes = Buffer.allocUnsafe(length)
  bytes.writeUInt8(packet.code, 0)
  bytes.writeUInt8(packet.identifier, 1)
  bytes.writeUInt16BE(length, 2)
  bytes.set(packet.authenticator, 4)
  let at = HEADER_BYTES
  for (const { type, value } of packet.attributes) {
    bytes.writeUInt8(type, at)
    bytes.writeUInt8(ATTRIBUTE_HEADER_BYTES + value.length, at + 1)
    bytes.set(value, at + ATTRIBUTE_HEADER_BYTES)
    at += ATTRIBUTE_HEADER_BYTES + value.length
  }
  return bytes
}

/**
 * The length a datagram's header gives for the packet.
 *
 * @throws {RadiusError} `RADIUS_MALFORMED`
 */
export function packetLength(datagram: Buffer): number {
  if (datagram.length < HEADER_BYTES) throw malformed(`datagram of ${datagram.length} bytes`)
  const length = datagram.readUInt16BE(2)
  if (length < HEADER_BYTES || length > MAX_PACKET_BYTES || length > datagram.length) {
    throw malformed(`length ${length} in a datagram of ${datagram.length} bytes`)
  }
  return length
}

function attributeLength(datagram: Buffer, at: number, end: number): number {
  const length = at + 1 < end ? datagram.readUInt8(at + 1) : 0
  if (length < ATTRIBUTE_HEADER_BYTES || at + length > end) {
    throw malformed(`attribute length ${length} with ${end - at} bytes left`)
  }
  return length
}

function malformed(message: string): RadiusError {
  return new RadiusError('RADIUS_MALFORMED', message)
}
