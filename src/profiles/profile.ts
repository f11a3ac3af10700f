import { X509Certificate } from 'node:crypto'

/** How a device proves who uses it; what stands inside a tunnel comes after the dash. */
export const profileMethods = ['tls', 'ttls-pap', 'ttls-mschapv2', 'peap-mschapv2'] as const
export type ProfileMethod = (typeof profileMethods)[number]

/** Wi-Fi by its SSID, as the octets that are on the air, or a wired port. */
export type Medium =
  | { readonly kind: 'wifi'; readonly ssid: Buffer; readonly security: 'wpa2' | 'wpa3' }
  | { readonly kind: 'wired' }

/** What a device has to know to join a network, and to trust nobody else. No password is part of it. */
export interface DeviceProfile {
  /** Stays the same for a network, so that a newer profile takes the place of the one before. */
  readonly key: string
  /** What people see. */
  readonly name: string
  readonly organization: string
  readonly medium: Medium
  readonly method: ProfileMethod
  /** What everybody on the way sees instead of the user name; of tunnels only. */
  readonly outerIdentity: string
  /** Null where the device is to ask for it, too. */
  readonly userName: string | null
  /** Root certificates, PEM, one each; the server's has to lead to one of them. */
  readonly authorities: readonly string[]
  /** Names of the server's certificate, one of which it has to show. */
  readonly serverNames: readonly string[]
  /** PKCS #12 with certificate and key, for `tls`; null where the device has one of its own. */
  readonly clientCertificate: Buffer | null
}

/** A profile that could not be made, in words for whoever asked for it. */
export class ProfileError extends Error {
  override readonly name = 'ProfileError'
}

const MAX_SSID = 32
/** IEEE 802.1X has no limit; RFC 7542 §2.2 has this for what travels as User-Name. */
const MAX_IDENTITY = 253
const MAX_AUTHORITIES = 8
const MAX_SERVER_NAMES = 16
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i
const CONTROL = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u

/**
 * Checks what every format relies on. Names for people lose what no file can hold; what has to
 * match octet by octet is refused instead.
 *
 * @throws {ProfileError} for the first thing that no device could use
 */
export function makeProfile(given: DeviceProfile): DeviceProfile {
  const { outerIdentity, userName } = given
  checkMedium(given.medium)
  checkTrust(given)
  for (const identity of [outerIdentity, ...(userName === null ? [] : [userName])])
    checkIdentity(identity)
  if (given.clientCertificate !== null && given.method !== 'tls')
    throw new ProfileError(`a client certificate is for the method tls, not for ${given.method}`)
  return { ...given, name: clean(given.name), organization: clean(given.organization) }
}

/** A DNS name that a device can compare with a certificate; no address, no wildcard. */
export function isHostName(text: string): boolean {
  return HOST_NAME.test(text) && !/^[0-9.]+$/.test(text)
}

/** The SSID as text, for formats that know no other. Null when it is none. */
export function textOf(ssid: Buffer): string | null {
  const text = ssid.toString('utf8')
  return Buffer.from(text, 'utf8').equals(ssid) && !CONTROL.test(text) ? text : null
}

/** @throws {ProfileError} when `format` cannot name this SSID */
export function ssidText(ssid: Buffer, format: string): string {
  const text = textOf(ssid)
  if (text !== null) return text
  throw new ProfileError(
    `the SSID ${ssid.toString('hex')} is no plain text, and ${format} can name no other`,
  )
}

function checkMedium(medium: Medium): void {
  if (medium.kind === 'wired') return
  const { length } = medium.ssid
  if (length < 1 || length > MAX_SSID)
    throw new ProfileError(`an SSID has 1 to ${MAX_SSID} octets, this one ${length}`)
}

function checkTrust({ authorities, serverNames }: DeviceProfile): void {
  if (authorities.length < 1 || authorities.length > MAX_AUTHORITIES)
    throw new ProfileError(`a profile needs 1 to ${MAX_AUTHORITIES} CA certificates`)
  for (const authority of authorities) checkAuthority(authority)
  if (serverNames.length < 1 || serverNames.length > MAX_SERVER_NAMES)
    throw new ProfileError(`a profile needs 1 to ${MAX_SERVER_NAMES} names of the server`)
  for (const name of serverNames)
    if (!isHostName(name))
      throw new ProfileError(`"${name}" is no DNS name that devices can be told to expect`)
}

function checkAuthority(pem: string): void {
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(pem)
  } catch {
    throw new ProfileError('one of the CA certificates cannot be read; PEM is expected')
  }
  if (!certificate.ca)
    throw new ProfileError(
      `the certificate of ${certificate.subject.replaceAll('\n', ', ')} is no CA's`,
    )
}

function checkIdentity(identity: string): void {
  const size = Buffer.byteLength(identity)
  if (size < 1 || size > MAX_IDENTITY || CONTROL.test(identity))
    throw new ProfileError(`"${clean(identity)}" cannot be the name of somebody who logs in`)
}

/** Control characters, lone surrogates and what is no character can stand in no XML (1.0 §2.2). */
function clean(text: string): string {
  return text.replace(new RegExp(CONTROL, 'gu'), ' ').trim() || 'Network'
}
