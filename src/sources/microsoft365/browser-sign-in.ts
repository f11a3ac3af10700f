import { createHash } from 'node:crypto'
import { createRemoteJWKSet, customFetch, errors, type JWTPayload, jwtVerify } from 'jose'
import { isObject } from './graph.ts'
import { type HttpsFetch, makeHttpsFetch } from './https.ts'
import { MEANINGS } from './password-answers.ts'
import type { Microsoft365Config, Microsoft365Secret } from './settings.ts'
import {
  authorityOf,
  clientProof,
  codeIn,
  FORM_HEADERS,
  MAX_ANSWER_BYTES,
  parseJson,
  readCode,
  tokenEndpointOf,
} from './token-endpoint.ts'

/** Who it is, and nothing else: no address, no refresh token, nothing of Graph. */
const SCOPE = 'openid profile'
/** Clocks of two well-kept machines. */
const SKEW_S = 60
/** The token was made for us a moment ago. */
const MAX_AGE_S = 10 * 60
const SERVER_ERRORS = 500
const TOO_MANY_REQUESTS = 429
/** The code was used, too old, or not ours: she begins again. */
const SPENT_CODES: ReadonlySet<number> = new Set([54005, 70000, 70008, 501481])

/** What one attempt keeps to itself until the browser comes back. */
export interface Attempted {
  readonly redirectUri: string
  readonly nonce: string
  /** RFC 7636 §4.1 */
  readonly verifier: string
  readonly startedAtMs: number
}

/** Who signed in, or what was in the way; `reason` stands in the log. */
export type SignInAnswer =
  | { readonly kind: 'signed-in'; readonly externalId: string; readonly name: string }
  | { readonly kind: 'refused'; readonly reason: string; readonly code: number | null }
  /** A token that proves nothing: `why` names the check. */
  | { readonly kind: 'foreign'; readonly why: string }
  | { readonly kind: 'misconfigured'; readonly code: number | null; readonly nextStep: string }
  | { readonly kind: 'unavailable' }

/**
 * Where the browser is sent: the tenant's own page, with a fresh sign-in demanded, since whoever
 * finds a browser signed in must not choose somebody's password.
 */
export function authorizeUrl(
  config: Microsoft365Config,
  parts: Pick<Attempted, 'redirectUri' | 'nonce' | 'verifier'> & { readonly state: string },
): string {
  const url = new URL(`${authorityOf(config)}/oauth2/v2.0/authorize`)
  url.search = new URLSearchParams({
    client_id: config.clientId,
    response_type: 'code',
    redirect_uri: parts.redirectUri,
    response_mode: 'query',
    scope: SCOPE,
    state: parts.state,
    nonce: parts.nonce,
    code_challenge: createHash('sha256').update(parts.verifier).digest('base64url'),
    code_challenge_method: 'S256',
    prompt: 'login',
  }).toString()
  return url.href
}

/** What the browser brought back instead of a code. Of the text only Entra's number is looked at. */
export function readRefusal(error: string, description: string): SignInAnswer {
  const code = codeIn(description)
  if (code !== null && code !== 65004) return meaningOf(code)
  return {
    kind: 'refused',
    reason: error === 'access_denied' ? 'cancelled' : 'source-refused',
    code,
  }
}

/**
 * Signs a person in: an authorization code with PKCE becomes an id token, which is checked and
 * dropped (OpenID Connect Core §3.1.3.7). Endpoints and issuer follow from the source's
 * configuration; nothing that comes back decides where we ask next.
 */
export class BrowserSignIn {
  readonly #config: Microsoft365Config
  readonly #fetch: HttpsFetch | null
  readonly #nowMs: () => number
  readonly #keys: ReturnType<typeof createRemoteJWKSet>

  constructor(parts: {
    readonly config: Microsoft365Config
    readonly fetch?: HttpsFetch
    readonly nowMs?: () => number
  }) {
    this.#config = parts.config
    this.#fetch = parts.fetch ?? null
    this.#nowMs = parts.nowMs ?? Date.now
    // No pause after a key that is not there: each look has had a whole sign-in before it.
    this.#keys = createRemoteJWKSet(new URL(`${authorityOf(parts.config)}/discovery/v2.0/keys`), {
      cooldownDuration: 0,
      [customFetch]: (url, { headers, signal }) =>
        this.#open()(url, { method: 'GET', headers: Object.fromEntries(headers), signal }),
    })
  }

  /** @throws `signal`'s reason; whatever else goes wrong is an answer */
  async redeem(
    code: string,
    parts: { readonly attempted: Attempted; readonly secret: Microsoft365Secret },
    signal: AbortSignal,
  ): Promise<SignInAnswer> {
    const { attempted, secret } = parts
    const config = this.#config
    const proof = await clientProof({ config, secret, nowMs: this.#nowMs() })
    if (typeof proof === 'string') return { kind: 'misconfigured', code: null, nextStep: proof }
    const form = new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: config.clientId,
      scope: SCOPE,
      code,
      redirect_uri: attempted.redirectUri,
      code_verifier: attempted.verifier,
      ...proof,
    })
    let response: Response
    try {
      const request = { method: 'POST', headers: FORM_HEADERS, body: form.toString(), signal }
      response = await this.#open()(tokenEndpointOf(config), request)
    } catch {
      signal.throwIfAborted()
      return { kind: 'unavailable' }
    }
    const body = parseJson(await response.text())
    if (!isObject(body)) return { kind: 'unavailable' }
    if (response.status === 200) return this.#read(body['id_token'], attempted)
    const number = readCode(body)
    if (number !== null) return meaningOf(number)
    const isLater = response.status === TOO_MANY_REQUESTS || response.status >= SERVER_ERRORS
    return isLater
      ? { kind: 'unavailable' }
      : { kind: 'refused', reason: 'source-refused', code: null }
  }

  async #read(token: unknown, attempted: Attempted): Promise<SignInAnswer> {
    if (typeof token !== 'string') return { kind: 'foreign', why: 'no id token' }
    let claims: JWTPayload
    try {
      const { payload } = await jwtVerify(token, this.#keys, {
        algorithms: ['RS256'],
        issuer: `${authorityOf(this.#config)}/v2.0`,
        audience: this.#config.clientId,
        requiredClaims: ['exp', 'nbf', 'iat', 'nonce', 'tid', 'oid'],
        clockTolerance: SKEW_S,
        maxTokenAge: MAX_AGE_S,
        currentDate: new Date(this.#nowMs()),
      })
      claims = payload
    } catch (error) {
      return isAboutToken(error) ? { kind: 'foreign', why: error.code } : { kind: 'unavailable' }
    }
    return this.#judge(claims, attempted)
  }

  #judge(claims: JWTPayload, { nonce, startedAtMs }: Attempted): SignInAnswer {
    if (claims['nonce'] !== nonce) return { kind: 'foreign', why: 'nonce' }
    if (claims['tid'] !== this.#config.tenantId) return { kind: 'foreign', why: 'tenant' }
    if (claims.aud !== this.#config.clientId) return { kind: 'foreign', why: 'audience' }
    const { oid, auth_time: signedInAt, preferred_username: name } = claims
    if (typeof oid !== 'string') return { kind: 'foreign', why: 'account' }
    // There only where the registration asks for it; `prompt` alone could be cut from the address.
    const isOld = signedInAt !== undefined && !isSince(signedInAt, startedAtMs)
    if (isOld) return { kind: 'refused', reason: 'sign-in-old', code: null }
    return {
      kind: 'signed-in',
      externalId: oid,
      name: typeof name === 'string' ? name : oid,
    }
  }

  /** A client of its own for each exchange: none is throttled, or answered, with another. */
  #open(): HttpsFetch {
    return (
      this.#fetch ??
      makeHttpsFetch(this.#config.ca, { keepAlive: false, maxBodyBytes: MAX_ANSWER_BYTES })
    )
  }
}

function isSince(time: unknown, startedAtMs: number): boolean {
  return typeof time === 'number' && (time + SKEW_S) * 1000 >= startedAtMs
}

function meaningOf(code: number): SignInAnswer {
  if (SPENT_CODES.has(code)) return { kind: 'refused', reason: 'sign-in-spent', code }
  const known = MEANINGS.get(code)
  switch (known?.kind) {
    case 'refused':
      return { kind: 'refused', reason: known.denial, code }
    case 'misconfigured':
      return { kind: 'misconfigured', code, nextStep: known.nextStep }
    case 'transient':
      return { kind: 'unavailable' }
    default:
      return { kind: 'refused', reason: 'source-refused', code }
  }
}

/** What the token itself is to blame for, and not that its keys could not be had. */
function isAboutToken(error: unknown): error is errors.JOSEError {
  return (
    error instanceof errors.JOSEError &&
    ![errors.JOSEError.code, errors.JWKSTimeout.code, errors.JWKSInvalid.code].includes(error.code)
  )
}
