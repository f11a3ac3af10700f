import { setTimeout as sleep } from 'node:timers/promises'
import { SourceError } from '../source.ts'
import { isObject } from './graph.ts'
import type { HttpsFetch } from './https.ts'
import type { TokenProvider } from './sign-in.ts'

const GRANT = 'urn:ietf:params:oauth:grant-type:device_code'
/** RFC 8628 §3.5: so much longer between polls, whenever told to slow down. */
const SLOWER_MS = 5_000
const MAX_LIFE_S = 1_800
const MAX_INTERVAL_S = 60

/** What somebody enters elsewhere, and what we ask with meanwhile. */
export interface DeviceCode {
  readonly userCode: string
  readonly verificationUri: string
  readonly deviceCode: string
  readonly lifeMs: number
  readonly intervalMs: number
}

export interface DeviceClient {
  readonly fetch: HttpsFetch
  /** `https://login…/{tenant}` */
  readonly authority: string
  /** Of a public client. */
  readonly clientId: string
}

/** @throws {SourceError} when the login service gives none */
export async function requestDeviceCode(
  client: DeviceClient,
  scopes: readonly string[],
  signal: AbortSignal,
): Promise<DeviceCode> {
  const form = { client_id: client.clientId, scope: scopes.join(' ') }
  const { body } = await post(client, 'devicecode', form, signal)
  const { user_code, device_code, verification_uri, expires_in, interval } = body
  const isComplete =
    typeof user_code === 'string' &&
    typeof device_code === 'string' &&
    typeof verification_uri === 'string' &&
    /^https:\/\//.test(verification_uri)
  if (!isComplete) throw refusalOf(body)
  return {
    userCode: user_code,
    deviceCode: device_code,
    verificationUri: verification_uri,
    lifeMs: within(expires_in, 900, MAX_LIFE_S) * 1000,
    intervalMs: within(interval, 5, MAX_INTERVAL_S) * 1000,
  }
}

/**
 * Waits until somebody has entered the code and signed in.
 *
 * @returns her access token, which is kept nowhere
 * @throws {SourceError} `SOURCE_REFUSED` when she declines or does not come in time
 */
export async function pollForToken(
  client: DeviceClient,
  code: DeviceCode,
  signal: AbortSignal,
): Promise<string> {
  const untilMs = performance.now() + code.lifeMs
  let pauseMs = code.intervalMs
  while (performance.now() < untilMs) {
    await sleep(pauseMs, undefined, { signal })
    const form = { grant_type: GRANT, client_id: client.clientId, device_code: code.deviceCode }
    const { body, status } = await post(client, 'token', form, signal)
    const { access_token, error } = body
    if (status === 200 && typeof access_token === 'string') return access_token
    if (error === 'slow_down') pauseMs += SLOWER_MS
    else if (error !== 'authorization_pending' && !isTransient(status)) throw refusalOf(body)
  }
  throw new SourceError('SOURCE_REFUSED', 'nobody entered the code in time: begin again')
}

/** A token that was given once and cannot be renewed; forgotten, it is gone. */
export class BorrowedToken implements TokenProvider {
  #token: string | null

  constructor(token: string) {
    this.#token = token
  }

  token(): Promise<string> {
    if (this.#token !== null) return Promise.resolve(this.#token)
    return Promise.reject(
      new SourceError('SOURCE_REFUSED', 'the administrator’s token was dropped'),
    )
  }

  forget(): void {
    this.#token = null
  }
}

async function post(
  client: DeviceClient,
  endpoint: 'devicecode' | 'token',
  form: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }> {
  const url = `${client.authority}/oauth2/v2.0/${endpoint}`
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const body = new URLSearchParams(form).toString()
  try {
    const response = await client.fetch(url, { method: 'POST', headers, body, signal })
    const parsed: unknown = await response.json()
    return { status: response.status, body: isObject(parsed) ? parsed : {} }
  } catch (cause) {
    signal.throwIfAborted()
    // What was not answered is asked again; a code that cannot be had is refused by its caller.
    if (endpoint === 'token') return { status: 503, body: {} }
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new SourceError('SOURCE_UNAVAILABLE', `the login service did not answer: ${why}`, {
      cause,
    })
  }
}

function isTransient(status: number): boolean {
  return status === 429 || status >= 500
}

const WORDS: Readonly<Record<string, string>> = {
  authorization_declined: 'the administrator declined; nothing was made',
  expired_token: 'nobody entered the code in time: begin again',
}

function refusalOf(body: Readonly<Record<string, unknown>>): SourceError {
  const { error, error_description } = body
  const known = WORDS[String(error)]
  if (known !== undefined) return new SourceError('SOURCE_REFUSED', known)
  const code = /AADSTS\d+/.exec(String(error_description))?.[0] ?? String(error)
  return new SourceError('SOURCE_REFUSED', `sign-in with a code was refused (${code})`)
}

function within(value: unknown, otherwise: number, most: number): number {
  const isSane = typeof value === 'number' && value > 0
  return Math.min(isSane ? value : otherwise, most)
}
