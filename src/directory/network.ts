import type { GroupId, NasId, NetworkId } from './id.ts'

/** A device that asks on behalf of others: access point, switch, VPN gateway. It is not a network. */
export interface Nas {
  readonly kind: 'nas'
  readonly id: NasId
  readonly version: number
  readonly name: string
  /** CIDR blocks, IPv4 or IPv6, in canonical text; the longest prefix wins over all NAS. */
  readonly addresses: readonly string[]
  /** Shared secrets, newest first; more than one while a rotation is under way. */
  readonly secrets: readonly Buffer[]
  readonly requireMessageAuthenticator: 'yes' | 'no' | 'auto'
  /** Accept a request without Message-Authenticator only when it carries no Proxy-State. */
  readonly limitProxyState: boolean
  /** Number of the newest secret, which grows with each; the others count down from it. */
  readonly secretNo: number
  /** When all secrets but the newest lapse; null when nothing but an admin ends them. */
  readonly oldSecretsUntilMs: number | null
  /** Since when it is known to send Message-Authenticator; `auto` then means `yes`. */
  readonly signedAtMs: number | null
  /** Set for a peer over TLS, whose `addresses` then only narrow down where it may come from. */
  readonly radsec: RadsecIdentity | null
  readonly dynamicAuthorization: DynamicAuthorization
  /** Log-ins a second, over ten seconds, that each of its addresses may begin. */
  readonly rate: number
}

/** More than a controller of a thousand access points asks for, and no more than we can bear. */
export const USUAL_RATE = 500
export const MAX_RATE = 1_000_000

/** What the certificate of a RadSec peer has to show: an issuer, and a name or a fingerprint. */
export interface RadsecIdentity {
  /** DNS names or IP addresses of the certificate's alternative names. */
  readonly names: readonly string[]
  /** SHA-256, 64 hexadecimal digits in lower case. */
  readonly fingerprints: readonly string[]
  /** PEM of the certificates that may have issued it; null is the built-in CA. */
  readonly trustedCa: string | null
}

/** Requests a NAS understands about a session that is under way (RFC 5176). */
export const dynamicModes = ['off', 'disconnect', 'coa'] as const

export interface DynamicAuthorization {
  /** `disconnect` ends sessions; `coa` also moves them to another VLAN without ending them. */
  readonly mode: (typeof dynamicModes)[number]
  /** UDP, at the address the NAS speaks from. */
  readonly port: number
  /** Null for the newest of the NAS's secrets. */
  readonly secret: Buffer | null
}

/** Of a NAS of which nothing else is said: a request to one that takes none does no harm. */
export const usualDynamicAuthorization: DynamicAuthorization = {
  mode: 'disconnect',
  port: 3799,
  secret: null,
}

/** All conditions that are given must hold; the first network whose rule fits is chosen. */
export interface NetworkRule {
  readonly nasIds?: readonly NasId[]
  /** The part of Called-Station-Id behind the last colon, compared exactly. */
  readonly ssids?: readonly string[]
  readonly nasIdentifiers?: readonly string[]
  /** NAS-Port-Type numbers, RFC 2865 §5.41. */
  readonly portTypes?: readonly number[]
  /** Fits also a request that names no SSID. */
  readonly withoutSsid?: boolean
}

/**
 * How somebody may show who she is: without EAP, by certificate, or inside a tunnel. The inner
 * `mschapv2` stands for EAP-MSCHAPv2 as well; `eap-mschapv2` has no tunnel of EAP's around it and is
 * for IKEv2, which has one of its own. `mac` is for devices, which show nothing.
 */
export const radiusMethods = [
  'pap',
  'chap',
  'mschapv2',
  'eap-mschapv2',
  'mac',
  'tls',
  'ttls-pap',
  'ttls-gtc',
  'ttls-mschapv2',
  'ttls-tls',
  'peap-mschapv2',
  'peap-gtc',
  'peap-tls',
] as const

export type RadiusMethod = (typeof radiusMethods)[number]

/**
 * How a one-time code is asked for besides the password: `appended` to it, or by an Access-Challenge
 * after it.
 */
export type SecondFactorRule = 'appended' | 'challenge'

/** By which methods a code can come along; any other would be a way round it. */
export const methodsWithCode: Readonly<Record<SecondFactorRule, readonly RadiusMethod[]>> = {
  appended: ['pap', 'ttls-pap'],
  challenge: ['pap'],
}

/** An attribute of a reply, by name in the dictionary, with its value as text. */
export interface ReplyAttribute {
  readonly name: string
  readonly value: string
}

/** What members of a group get on a network. The first listed group that fits decides. */
export interface NetworkGroup {
  readonly groupId: GroupId
  readonly vlan: number | string | null
  /** Beside the network's own, of which they replace those of the same name. */
  readonly attributes: readonly ReplyAttribute[]
  /** In the place of the network's; null leaves that one. */
  readonly sessionTimeoutSeconds?: number | null
}

export const weekdayNames = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

/** From one time of the day to another, `HH:MM`; past midnight when it ends before it begins. */
export interface HoursWindow {
  /** On which it begins. */
  readonly days: readonly (typeof weekdayNames)[number][]
  readonly from: string
  readonly to: string
}

/** When a network is open. */
export interface Hours {
  /** As IANA names it, such as `Europe/Berlin`. */
  readonly timeZone: string
  readonly windows: readonly HoursWindow[]
}

/** How long a session may last, and how often the NAS tells of it. */
export interface NetworkTimes {
  /** Null is always open. */
  readonly hours: Hours | null
  readonly idleTimeoutSeconds: number | null
  /** Between two interim reports (RFC 2869 §2.1). */
  readonly interimSeconds: number | null
}

export const NO_TIMES: NetworkTimes = {
  hours: null,
  idleTimeoutSeconds: null,
  interimSeconds: null,
}

/** A policy people log in to: which methods, whom, and what the NAS is told about them. */
export interface Network extends NetworkTimes {
  readonly kind: 'network'
  readonly id: NetworkId
  readonly version: number
  readonly name: string
  /** Networks are tried in ascending order. */
  readonly priority: number
  readonly rules: readonly NetworkRule[]
  readonly methods: readonly RadiusMethod[]
  /** Empty with `everyone` false means that nobody gets in. */
  readonly groups: readonly NetworkGroup[]
  readonly everyone: boolean
  readonly vlan: number | string | null
  readonly attributes: readonly ReplyAttribute[]
  readonly sessionTimeoutSeconds: number | null
  /** Absent or null: the password alone. */
  readonly secondFactor?: SecondFactorRule | null
  /** Whether PEAP must tie its tunnel to what is shown inside; absent: it is asked to, no more. */
  readonly requireCryptoBinding?: boolean
  /** Whether a TLS session goes on without another proof; absent: each log-in is a whole one. */
  readonly resumption?: boolean
  /** Whether guests are let in, by the network's methods; absent: none is. */
  readonly guests?: boolean
}
