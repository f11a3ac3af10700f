import { randomUUID } from 'node:crypto'
import { type Answer, type Request, reply } from '../http/exchange.ts'
import type { Tenant } from '../tenant/tenant.ts'
import { AdminConsent } from './admin-consent.ts'
import type { Applications } from './applications.ts'
import { Authorize } from './authorize.ts'
import { Codes } from './codes.ts'
import { answerDiscovery } from './discovery.ts'
import { Forms } from './forms.ts'
import type { SigningKey } from './jwt.ts'
import { SmartLockout } from './lockout.ts'
import { LoginError, loginErrorBody } from './login-error.ts'
import { passwordGrant } from './password-grant.ts'
import type { Realm } from './realm.ts'
import { SignIn } from './sign-in.ts'
import { TokenEndpoint } from './token-endpoint.ts'
import { TokenIssuer } from './tokens.ts'

export interface LoginParts {
  readonly realm: Realm
  readonly tenant: Tenant
  readonly applications: Applications
  readonly key: SigningKey
  /** Real time, as clients of tokens have it. */
  readonly nowMs: () => number
  /** The tenant's clock, by which accounts are locked. */
  readonly tenantNowMs: () => number
  readonly refusesReplays: () => boolean
}

/** Entra's login service: discovery, tokens, and the pages on which a person signs in. */
export class LoginService {
  readonly #parts: LoginParts
  readonly #tokens: TokenEndpoint
  readonly #forms: Forms
  readonly #authorize: Authorize
  readonly #adminConsent: AdminConsent

  constructor(parts: LoginParts) {
    this.#parts = parts
    const issuer = new TokenIssuer(parts)
    const codes = new Codes(parts.nowMs)
    this.#forms = new Forms(parts.nowMs)
    const signIn = new SignIn({ ...parts, forms: this.#forms })
    const pages = { ...parts, forms: this.#forms, signIn }
    this.#authorize = new Authorize({ ...pages, codes })
    this.#adminConsent = new AdminConsent(pages)
    const { tenant } = parts
    const lockout = new SmartLockout(parts.tenantNowMs)
    const grants = {
      authorization_code: codes.redeem(issuer),
      password: passwordGrant({ tenant, issuer, lockout }),
    }
    this.#tokens = new TokenEndpoint({ ...parts, issuer, grants })
  }

  answer(request: Request): Answer {
    const segments = request.path.split('/').filter((segment) => segment !== '')
    const [tenant = ''] = segments
    const rest = segments.slice(1).join('/').toLowerCase()
    try {
      return this.#route(tenant, rest, request) ?? nothingHere()
    } catch (error) {
      if (!(error instanceof LoginError)) throw error
      const ids = {
        atMs: this.#parts.nowMs(),
        traceId: randomUUID(),
        correlationId: request.headers['client-request-id'] ?? randomUUID(),
      }
      return reply(loginErrorBody(error, ids), error.status)
    }
  }

  #route(tenant: string, rest: string, request: Request): Answer | null {
    const isPost = request.method === 'POST'
    if (rest === 'oauth2/v2.0/authorize' && ['GET', 'POST'].includes(request.method)) {
      const query = isPost ? new URLSearchParams(request.body) : request.query
      return this.#authorize.answer(tenant, query, request)
    }
    if (request.method === 'GET' && rest === 'v2.0/adminconsent')
      return this.#adminConsent.answer(tenant, request)
    if (request.method === 'GET') return answerDiscovery(tenant, rest, this.#parts)
    if (isPost && rest === 'login') return this.#forms.submit(new URLSearchParams(request.body))
    if (isPost && (rest === 'oauth2/v2.0/token' || rest === 'oauth2/token')) {
      const answer = this.#tokens.answer(tenant, request)
      return { ...answer, headers: { 'cache-control': 'no-store, no-cache', pragma: 'no-cache' } }
    }
    return null
  }
}

function nothingHere(): Answer {
  return reply(
    'The resource you are looking for has been removed, had its name changed, or is temporarily unavailable.',
    404,
  )
}
