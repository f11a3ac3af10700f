import { createHash, randomBytes } from 'node:crypto'
import { current } from '../tenant/tenant.ts'
import { LoginError } from './login-error.ts'
import { signInError } from './sign-in-errors.ts'
import { type Grant, required } from './token-endpoint.ts'
import type { TokenIssuer, UserGrant } from './tokens.ts'

const LIFE_MS = 10 * 60_000
const MAX_CODES = 1_000

/** RFC 7636 §4.3: what the client will prove to know. */
export interface Challenge {
  readonly value: string
  readonly method: 'S256' | 'plain'
}

interface IssuedCode {
  readonly grant: UserGrant
  readonly redirectUri: string
  readonly challenge: Challenge | null
  readonly expiresAtMs: number
  isRedeemed: boolean
}

/** Authorization codes: good once, for ten minutes, for the client and address they were made for. */
export class Codes {
  readonly #codes = new Map<string, IssuedCode>()
  readonly #nowMs: () => number

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  issue(grant: UserGrant, to: { redirectUri: string; challenge: Challenge | null }): string {
    const code = `1.${randomBytes(64).toString('base64url')}`
    this.#codes.set(code, {
      ...to,
      grant,
      expiresAtMs: this.#nowMs() + LIFE_MS,
      isRedeemed: false,
    })
    const [oldest] = this.#codes.keys()
    if (this.#codes.size > MAX_CODES && oldest !== undefined) this.#codes.delete(oldest)
    return code
  }

  /** `grant_type=authorization_code` */
  redeem(issuer: TokenIssuer): Grant {
    return ({ form, application, proof, nowMs }) => {
      const code = this.#codes.get(required(form, 'code'))
      const redirectUri = required(form, 'redirect_uri')
      if (code === undefined || code.grant.application !== application)
        throw invalidGrant(70000, 'Provided grant is invalid or malformed.')
      if (code.isRedeemed)
        throw invalidGrant(
          54005,
          'OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.',
        )
      if (code.expiresAtMs <= nowMs)
        throw invalidGrant(
          70008,
          'The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.',
        )
      if (code.redirectUri !== redirectUri)
        throw new LoginError(
          400,
          'invalid_client',
          500112,
          `The reply address '${redirectUri}' does not match the reply address '${code.redirectUri}' provided when requesting Authorization code.`,
        )
      refuseWrongVerifier(code.challenge, form.get('code_verifier'))
      code.isRedeemed = true
      if (current(code.grant.user).properties['accountEnabled'] === false)
        throw signInError('invalid_grant', 50057)
      return issuer.forUser(code.grant, proof)
    }
  }
}

function refuseWrongVerifier(challenge: Challenge | null, verifier: string | null): void {
  if (challenge === null && verifier === null) return
  const derived =
    challenge?.method === 'S256'
      ? createHash('sha256')
          .update(verifier ?? '')
          .digest('base64url')
      : verifier
  if (challenge !== null && verifier !== null && derived === challenge.value) return
  throw invalidGrant(
    501481,
    'The Code_Verifier does not match the code_challenge supplied in the authorization request.',
  )
}

function invalidGrant(number: number, message: string): LoginError {
  return new LoginError(400, 'invalid_grant', number, message)
}
