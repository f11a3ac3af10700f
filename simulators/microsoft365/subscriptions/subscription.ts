import { badRequest, GraphError } from '../graph/graph-error.ts'
import type { ObjectKind } from '../tenant/record.ts'

const MINUTE_MS = 60_000
/** "Maximum length of subscription per resource type": users and groups. */
export const MAX_LIFE_MS = 41_760 * MINUTE_MS
/** A shorter one is made this long, and no error. */
export const MIN_LIFE_MS = 45 * MINUTE_MS
const MAX_CLIENT_STATE = 128
/** Ours: a URL longer than what proxies take is no URL. */
const MAX_URL = 2_048
const TLS_VERSIONS = ['v1_0', 'v1_1', 'v1_2', 'v1_3'] as const
const CHANGE_TYPES = ['updated', 'deleted'] as const

export type TlsVersion = (typeof TLS_VERSIONS)[number]
export type ChangeType = (typeof CHANGE_TYPES)[number]

/** What is watched: all users, all groups, one of them, or the members of one group. */
export interface Watched {
  readonly kind: Extract<ObjectKind, 'user' | 'group'>
  /** Null for all of them. */
  readonly id: string | null
  readonly isMembersOnly: boolean
}

export interface SubscriptionRequest {
  readonly resource: string
  readonly watched: Watched
  readonly changeTypes: ReadonlySet<ChangeType>
  readonly notificationUrl: string
  readonly lifecycleNotificationUrl: string | null
  readonly clientState: string | null
  readonly latestSupportedTlsVersion: TlsVersion
  readonly expiresAtMs: number
}

export interface Subscription extends SubscriptionRequest {
  readonly id: string
  readonly applicationId: string
  readonly creatorId: string
  /** May be replaced by an update. */
  readonly notificationUrl: string
}

/** Least privileged permission to watch something; subscriptions take no writing one in its place. */
export const PERMISSION_FOR: Readonly<Record<Watched['kind'], string>> = {
  user: 'User.Read.All',
  group: 'Group.Read.All',
}

const KNOWN = new Set([
  'changeType',
  'notificationUrl',
  'lifecycleNotificationUrl',
  'resource',
  'expirationDateTime',
  'clientState',
  'latestSupportedTlsVersion',
])

/** @throws {GraphError} 400 for what Microsoft refuses of a new subscription */
export function parseSubscription(text: string, nowMs: number): SubscriptionRequest {
  const body = parseBody(text, KNOWN)
  const resource = textOf(body, 'resource')
  const clientState = body['clientState'] ?? null
  if (clientState !== null && !(typeof clientState === 'string'))
    throw invalid('clientState is a text.')
  if (clientState !== null && clientState.length > MAX_CLIENT_STATE)
    throw invalid(`clientState is longer than ${MAX_CLIENT_STATE} characters.`)
  const lifecycle = body['lifecycleNotificationUrl'] ?? null
  return {
    resource,
    watched: parseResource(resource),
    changeTypes: parseChangeTypes(textOf(body, 'changeType')),
    notificationUrl: parseUrl(textOf(body, 'notificationUrl'), 'notificationUrl'),
    lifecycleNotificationUrl:
      lifecycle === null ? null : parseUrl(String(lifecycle), 'lifecycleNotificationUrl'),
    clientState,
    latestSupportedTlsVersion: parseTls(body['latestSupportedTlsVersion']),
    expiresAtMs: parseExpiration(body['expirationDateTime'], nowMs),
  }
}

/**
 * An update takes another end, and another notificationUrl; a lifecycleNotificationUrl is for ever.
 *
 * @throws {GraphError} 400
 */
export function parseUpdate(
  text: string,
  nowMs: number,
): { readonly expiresAtMs: number | null; readonly notificationUrl: string | null } {
  const body = parseBody(text, new Set(['expirationDateTime', 'notificationUrl']))
  const { expirationDateTime, notificationUrl } = body
  if (expirationDateTime === undefined && notificationUrl === undefined)
    throw invalid('expirationDateTime or notificationUrl is required.')
  return {
    expiresAtMs:
      expirationDateTime === undefined ? null : parseExpiration(expirationDateTime, nowMs),
    notificationUrl:
      notificationUrl === undefined ? null : parseUrl(String(notificationUrl), 'notificationUrl'),
  }
}

/** As Graph shows it: its clientState is nobody's to read again. */
export function showSubscription(subscription: Subscription): object {
  const { id, resource, applicationId, creatorId, changeTypes, latestSupportedTlsVersion } =
    subscription
  return {
    id,
    resource,
    applicationId,
    changeType: [...changeTypes].join(','),
    clientState: null,
    notificationUrl: subscription.notificationUrl,
    notificationQueryOptions: null,
    lifecycleNotificationUrl: subscription.lifecycleNotificationUrl,
    expirationDateTime: new Date(subscription.expiresAtMs).toISOString(),
    creatorId,
    includeResourceData: null,
    latestSupportedTlsVersion,
    encryptionCertificate: null,
    encryptionCertificateId: null,
    notificationUrlAppId: null,
  }
}

export function invalid(message: string): GraphError {
  return new GraphError(400, 'ValidationError', message)
}

function parseBody(text: string, known: ReadonlySet<string>): Readonly<Record<string, unknown>> {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    throw badRequest('Unable to read JSON request payload.')
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw badRequest('Unable to read JSON request payload.')
  for (const name of Object.keys(body))
    if (!known.has(name)) throw invalid(`The property '${name}' is not taken here.`)
  return body as Readonly<Record<string, unknown>>
}

function textOf(body: Readonly<Record<string, unknown>>, name: string): string {
  const value = body[name]
  if (typeof value === 'string' && value !== '') return value
  throw invalid(`The property '${name}' is required.`)
}

function parseResource(resource: string): Watched {
  const found = /^\/?(?<kind>users|groups)(?:\/(?<id>[0-9a-f-]{36})(?<members>\/members)?)?$/i.exec(
    resource,
  )?.groups
  if (found === undefined) throw invalid(`Resource '${resource}' is not supported.`)
  const kind = found['kind']?.toLowerCase() === 'users' ? 'user' : 'group'
  const isMembersOnly = found['members'] !== undefined
  if (isMembersOnly && kind === 'user') throw invalid(`Resource '${resource}' is not supported.`)
  return { kind, id: found['id']?.toLowerCase() ?? null, isMembersOnly }
}

/** `created` does not exist for users and groups: who is created is `updated`. */
function parseChangeTypes(text: string): ReadonlySet<ChangeType> {
  const types = text.split(',').map((type) => type.trim().toLowerCase())
  const known = CHANGE_TYPES.filter((type) => types.includes(type))
  if (known.length === new Set(types).size) return new Set(known)
  throw invalid(`changeType '${text}' is not supported for this resource.`)
}

function parseUrl(text: string, name: string): string {
  const isGood = text.length <= MAX_URL && URL.canParse(text) && new URL(text).protocol === 'https:'
  if (isGood) return text
  throw invalid(`${name} must be a https URL.`)
}

function parseTls(value: unknown): TlsVersion {
  if (value === undefined || value === null) return 'v1_2'
  const version = TLS_VERSIONS.find((each) => each === value)
  if (version === undefined) throw invalid('latestSupportedTlsVersion is not known.')
  return version
}

function parseExpiration(value: unknown, nowMs: number): number {
  const atMs = typeof value === 'string' ? Date.parse(value) : Number.NaN
  if (Number.isNaN(atMs)) throw invalid('expirationDateTime is required, as ISO 8601 in UTC.')
  if (atMs <= nowMs) throw invalid('Subscription expiration can only be in the future.')
  // A second for the request's way here.
  if (atMs > nowMs + MAX_LIFE_MS + 1_000)
    throw invalid(
      `Subscription expiration can only be ${MAX_LIFE_MS / MINUTE_MS} minutes in the future.`,
    )
  return Math.max(atMs, nowMs + MIN_LIFE_MS)
}
