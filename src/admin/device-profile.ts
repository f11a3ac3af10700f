import { foldText } from '../directory/fold.ts'
import type { Network } from '../directory/network.ts'
import { leadsTo, rootOf, splitPem } from '../profiles/certificate.ts'
import {
  type DeviceProfile,
  isHostName,
  type Medium,
  makeProfile,
  ProfileError,
  type ProfileMethod,
  profileMethods,
} from '../profiles/profile.ts'
import { ApiError } from './error.ts'

/** What devices are shown at a log-in, and whom they have to trust for it. */
export interface ProfileServer {
  /** PEM; the server's own certificate first. */
  readonly chain: string
  /** The built-in CA's certificate, PEM; null when the server's comes from files. */
  readonly authority: string | null
  /** What the certificate speaks for; devices are told the first. */
  readonly names: readonly string[]
}

/** What whoever wants a profile says; all of it can be left out where only one answer is possible. */
export interface ProfileWish {
  readonly ssid?: string | undefined
  readonly isWired?: boolean | undefined
  readonly security?: 'wpa2' | 'wpa3' | undefined
  readonly method?: ProfileMethod | undefined
  readonly serverNames?: readonly string[] | undefined
  /** PEM, one certificate or several. */
  readonly authorities?: string | undefined
  readonly clientCertificate?: Buffer | undefined
}

export interface ProfileSubject {
  readonly network: Network
  readonly organization: string | null
  /** DNS name of the company, which is the realm of its people. */
  readonly domain: string | null
  /** Null where the device asks for the name as well. */
  readonly userName: string | null
}

/**
 * What a device of somebody has to know to join a network.
 *
 * @throws {ApiError} 422 where more than one answer is possible, or none; it says how to choose
 */
export function deviceProfile(
  { network, organization, domain, userName }: ProfileSubject,
  wish: ProfileWish,
  server: ProfileServer,
): DeviceProfile {
  const method = methodOf(network, wish)
  try {
    return makeProfile({
      key: network.id,
      name: network.name,
      organization: organization ?? domain ?? 'Gatehouse',
      medium: mediumOf(network, wish),
      method,
      outerIdentity: domain === null ? 'anonymous' : `anonymous@${domain}`,
      userName,
      authorities: authoritiesOf(wish, server),
      serverNames: serverNamesOf(wish, server),
      clientCertificate: wish.clientCertificate ?? null,
    })
  } catch (error) {
    throw error instanceof ProfileError ? refuse('bad-profile', error.message) : error
  }
}

function mediumOf(network: Network, { ssid, isWired, security = 'wpa2' }: ProfileWish): Medium {
  if (isWired === true) return { kind: 'wired' }
  const known = [...new Set(network.rules.flatMap((rule) => rule.ssids ?? []))]
  const [only, ...others] = known
  const chosen = ssid ?? only
  if (chosen === undefined)
    throw refuse(
      'ssid-unknown',
      `the network ${network.name} names no SSID: say which, or \`wired\``,
    )
  if (ssid === undefined && others.length > 0)
    throw refuse(
      'ssid-ambiguous',
      `the network ${network.name} has several SSIDs, say which: ${known.join(', ')}`,
    )
  if (ssid !== undefined && known.length > 0 && !known.includes(ssid))
    throw refuse(
      'ssid-unknown',
      `the network ${network.name} is not for the SSID "${ssid}", but for: ${known.join(', ')}`,
    )
  return { kind: 'wifi', ssid: Buffer.from(chosen, 'utf8'), security }
}

/** As asked for; else what a certificate is for, else the first that profiles know of. */
function methodOf({ name, methods }: Network, wish: ProfileWish): ProfileMethod {
  const possible = profileMethods.filter((method) => methods.includes(method))
  const passwords = possible.filter((method) => method !== 'tls')
  const chosen =
    wish.method ?? (wish.clientCertificate === undefined ? (passwords[0] ?? possible[0]) : 'tls')
  if (chosen !== undefined && possible.includes(chosen)) return chosen
  const allowed = possible.length === 0 ? 'none of them' : possible.join(', ')
  throw refuse(
    'method-not-allowed',
    `profiles are made for ${profileMethods.join(', ')}; the network ${name} allows ${allowed}${chosen === undefined ? '' : `, not ${chosen}`}`,
  )
}

function authoritiesOf(wish: ProfileWish, server: ProfileServer): readonly string[] {
  const fallback = server.authority ?? rootOf(server.chain)
  const pem = wish.authorities ?? fallback
  if (pem === null)
    throw refuse(
      'ca-unknown',
      "the server's certificate comes from files that do not hold its root: give the CA's certificate (`authorities`, --ca-certificate)",
    )
  const authorities = splitPem(pem)
  if (authorities.length === 0)
    throw new ProfileError('no CA certificate was given; PEM is expected')
  if (!leadsTo(server.chain, authorities))
    throw refuse(
      'ca-wrong',
      'devices with this CA would refuse the server: its certificate does not lead to it',
    )
  return authorities
}

function serverNamesOf(wish: ProfileWish, { names }: ProfileServer): readonly string[] {
  if (wish.serverNames !== undefined) {
    const own = names.map(foldText)
    if (wish.serverNames.some((name) => own.includes(foldText(name)))) return wish.serverNames
    throw refuse(
      'server-name-wrong',
      `devices would refuse the server: its certificate speaks for ${names.join(', ')}`,
    )
  }
  const first = names.find(isHostName)
  if (first !== undefined) return [first]
  throw refuse(
    'server-name-unknown',
    `the server's certificate has no plain DNS name (${names.join(', ')}): set public_url, or serve one that has`,
  )
}

function refuse(code: string, message: string): ApiError {
  return new ApiError(422, code, message)
}
