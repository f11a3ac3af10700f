import { formBody } from '../../secret-body.ts'
import { isObject } from './graph.ts'
import { type HttpsFetch, makeHttpsFetch } from './https.ts'
import { MEANINGS, type Meaning, misconfigured, UNKNOWN_MEANING } from './password-answers.ts'
import type { Microsoft365Config, Microsoft365Secret } from './settings.ts'
import {
  clientProof,
  FORM_HEADERS,
  MAX_ANSWER_BYTES,
  parseJson,
  readCode,
  tokenEndpointOf,
} from './token-endpoint.ts'

/** Enough to say who signed in (`oid` comes with `profile`), and for no refresh token. */
const SCOPE = 'openid profile'
/** No connection outlives its attempt, so this bounds nothing but mistakes. */
const MAX_SOCKETS = 256
const TOO_MANY_REQUESTS = 429
const SERVER_ERRORS = 500
/** Told to stay away for longer, we still look again after so long. */
const MAX_RETRY_AFTER_S = 60

export interface Account {
  /** The object id the sign-in must be of. */
  readonly externalId: string
  readonly userPrincipalName: string
}

export type PasswordAnswer =
  | { readonly kind: 'right' }
  /** `code` is null where there is none: HTML, a cut answer, no connection. */
  | (Meaning & { readonly code: number | null; readonly retryAfterMs: number })
  /** A token that proves somebody else, or nobody. */
  | { readonly kind: 'foreign'; readonly why: string }

/**
 * Asks Entra whether a password is right: the resource owner password grant (RFC 6749 §4.3) to the
 * tenant's own endpoint. Each attempt is one request on a connection of its own, with nothing kept
 * before or after, so that none can be throttled, refused or answered with another's.
 */
export class PasswordCheck {
  readonly #config: Microsoft365Config
  readonly #secret: Microsoft365Secret
  readonly #fetch: HttpsFetch
  readonly #nowMs: () => number

  constructor(parts: {
    readonly config: Microsoft365Config
    readonly secret: Microsoft365Secret
    readonly fetch?: HttpsFetch
    readonly nowMs?: () => number
  }) {
    this.#config = parts.config
    this.#secret = parts.secret
    this.#nowMs = parts.nowMs ?? Date.now
    this.#fetch =
      parts.fetch ??
      makeHttpsFetch(parts.config.ca, {
        keepAlive: false,
        maxSockets: MAX_SOCKETS,
        maxBodyBytes: MAX_ANSWER_BYTES,
      })
  }

  /**
   * @param password UTF-8; it stays the caller's, to wipe
   * @throws `signal`'s reason; whatever else goes wrong is an answer
   */
  async check(
    account: Account,
    password: Uint8Array,
    signal: AbortSignal,
  ): Promise<PasswordAnswer> {
    const url = tokenEndpointOf(this.#config)
    const parts = { config: this.#config, secret: this.#secret, nowMs: this.#nowMs() }
    const proof = await clientProof(parts)
    if (typeof proof === 'string') return { ...misconfigured(proof), code: null, retryAfterMs: 0 }
    const fields = new URLSearchParams({
      grant_type: 'password',
      client_id: this.#config.clientId,
      scope: SCOPE,
      username: account.userPrincipalName,
      ...proof,
    })
    const body = formBody(`${fields}&password=`, password, '')
    let response: Response
    try {
      response = await this.#fetch(url, { method: 'POST', headers: FORM_HEADERS, body, signal })
    } catch {
      signal.throwIfAborted()
      return { kind: 'transient', code: null, retryAfterMs: 0 }
    } finally {
      body.fill(0)
    }
    return this.#read(response.status, response.headers, parseJson(await response.text()), account)
  }

  #read(status: number, headers: Headers, body: unknown, account: Account): PasswordAnswer {
    const retryAfterMs = readRetryAfter(headers)
    if (!isObject(body)) return { kind: 'transient', code: null, retryAfterMs }
    if (status === 200) {
      const why = this.#whyForeign(body['id_token'], account)
      return why === null ? { kind: 'right' } : { kind: 'foreign', why }
    }
    const code = readCode(body)
    const known = code === null ? undefined : MEANINGS.get(code)
    if (known !== undefined) return { ...known, code, retryAfterMs }
    const isLater = status === TOO_MANY_REQUESTS || status >= SERVER_ERRORS
    return { ...(isLater ? { kind: 'transient' } : UNKNOWN_MEANING), code, retryAfterMs }
  }

  /**
   * Null when the token is about this very account, for us, from this tenant, and of now. It came
   * straight from the token endpoint over TLS, which stands for its signature (OpenID Connect Core
   * §3.1.3.7, 6).
   */
  #whyForeign(token: unknown, { externalId }: Account): string | null {
    const claims = typeof token === 'string' ? parseJson(payloadOf(token)) : null
    if (!isObject(claims)) return 'no id token'
    const { tenantId, clientId } = this.#config
    const checks: readonly (readonly [string, boolean])[] = [
      ['tenant', isSame(claims['tid'], tenantId)],
      ['issuer', String(claims['iss']).toLowerCase().endsWith(`/${tenantId.toLowerCase()}/v2.0`)],
      ['audience', isSame(claims['aud'], clientId)],
      ['account', isSame(claims['oid'], externalId)],
      ['expiry', Number(claims['exp']) * 1000 > this.#nowMs()],
    ]
    return checks.find(([, isRight]) => !isRight)?.[0] ?? null
  }
}

function isSame(claim: unknown, expected: string): boolean {
  return typeof claim === 'string' && claim.toLowerCase() === expected.toLowerCase()
}

function payloadOf(token: string): string {
  const [, payload = ''] = token.split('.')
  return Buffer.from(payload, 'base64url').toString('utf8')
}

function readRetryAfter(headers: Headers): number {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN)
  if (!(seconds > 0)) return 0
  return Math.min(seconds, MAX_RETRY_AFTER_S) * 1000
}
