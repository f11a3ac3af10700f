import {
  type Attribute,
  type AttributeDefinition,
  AttributeType,
  findInteger,
  findText,
  type Packet,
} from '../../../protocols/radius/index.ts'
import { readMac } from '../../directory/mac.ts'

/** What a request says of where it comes from. */
export interface RequestFacts {
  /** Null when the request names none. */
  readonly ssid: string | null
  readonly nasIdentifier: string | null
  readonly portType: number | null
  /** The end device: a MAC address as `aa:bb:cc:dd:ee:ff`, anything else as it came. */
  readonly device: string | null
}

/** What the lockout and the log keep of a device that is no MAC address. */
const MAX_DEVICE_CHARACTERS = 64

const macThenSsid = /^[0-9a-f]{2}(?:([-:.]?)[0-9a-f]{2}){5}(?::(.+))?$/i

export function readFacts({ attributes }: Packet): RequestFacts {
  return {
    ssid: parseSsid(readText(attributes, AttributeType.calledStationId)),
    nasIdentifier: readText(attributes, AttributeType.nasIdentifier),
    portType: findInteger(attributes, AttributeType.nasPortType),
    device: parseDevice(readText(attributes, AttributeType.callingStationId)),
  }
}

/** First value as text that may be stored; null when absent. */
export function readText(
  attributes: readonly Attribute[],
  definition: AttributeDefinition,
): string | null {
  const text = findText(attributes, definition)
  return text === null ? null : makeStorable(text)
}

/** NUL, which PostgreSQL keeps in no text, becomes the sign for what could not be read. */
export function makeStorable(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text
}

/**
 * The SSID in Called-Station-Id (RFC 3580 §3.20): what follows the access point's MAC address and a
 * colon. An access point that gives a name instead of a MAC is taken up to its last colon.
 */
export function parseSsid(calledStationId: string | null): string | null {
  if (calledStationId === null) return null
  const match = macThenSsid.exec(calledStationId)
  if (match !== null) return match[2] ?? null
  const colon = calledStationId.lastIndexOf(':')
  const ssid = colon < 0 ? '' : calledStationId.slice(colon + 1)
  return ssid === '' ? null : ssid
}

/** One spelling for each device, since NAS write MAC addresses in half a dozen ways. */
export function parseDevice(callingStationId: string | null): string | null {
  const text = callingStationId?.trim() ?? ''
  if (text === '') return null
  return readMac(text) ?? text.slice(0, MAX_DEVICE_CHARACTERS)
}

/** `CONTOSO\alice`, as Windows sends it, is `alice`; no log-in name contains a backslash. */
export function parseLoginName(name: string): string {
  return name.slice(name.lastIndexOf('\\') + 1)
}

/** What follows the last `@` (RFC 7542 §2.2), folded; null without one. */
export function realmOf(name: string): string | null {
  const at = name.lastIndexOf('@')
  return at < 0 || at === name.length - 1 ? null : name.slice(at + 1).toLowerCase()
}
