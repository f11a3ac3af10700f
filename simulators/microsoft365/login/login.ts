import { randomUUID } from 'node:crypto'
import { type Answer, type Request, reply } from '../http/exchange.ts'
import type { Tenant } from '../tenant/tenant.ts'
import { AdminConsent } from './admin-consent.ts'
import type { Applications } from './applications.ts'
import { Authorize } from './authorize.ts'
import { Codes } from './codes.ts'
import { DeviceCodes } from './device-code.ts'
import { answerDiscovery } from './discovery.ts'
import { Forms } from './forms.ts'
import type { SigningKeys } from './jwt.ts'
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
  readonly key: SigningKeys
  /** Real time, as clients of tokens have it. */
  readonly nowMs: () => number
  /** The tenant's clock, by which accounts are locked. */
  readonly tenantNowMs: () => number
  readonly refusesReplays: () => boolean
  /** Between two polls of a device code, in milliseconds. */
  readonly devicePollMs: () => number
}

/** Entra's login service: discovery, tokens, and the pages on which a person signs in. */
export class LoginService {
  readonly #parts: LoginParts
  readonly #tokens: TokenEndpoint
  /** By method and what follows the tenant. */
  readonly #pages: Readonly<Record<string, (tenant: string, request: Request) => Answer>>

  constructor(parts: LoginParts) {
    this.#parts = parts
    const issuer = new TokenIssuer(parts)
    const codes = new Codes(parts.nowMs)
    const forms = new Forms(parts.nowMs)
    const signIn = new SignIn({ ...parts, forms })
    const services = { ...parts, forms, signIn }
    const authorize = new Authorize({ ...services, codes })
    const adminConsent = new AdminConsent(services)
    const devices = new DeviceCodes(services, parts.devicePollMs)
    const { tenant } = parts
    const lockout = new SmartLockout(parts.tenantNowMs)
    const grants = {
      authorization_code: codes.redeem(issuer),
      'urn:ietf:params:oauth:grant-type:device_code': devices.redeem(issuer),
      password: passwordGrant({ tenant, issuer, lockout }),
    }
    this.#tokens = new TokenEndpoint({ ...parts, issuer, grants })
    const form = (request: Request) => new URLSearchParams(request.body)
    const token = (tenantName: string, request: Request) => this.#token(tenantName, request)
    this.#pages = {
      'GET oauth2/v2.0/authorize': (name, request) =>
        authorize.answer(name, request.query, request),
      'POST oauth2/v2.0/authorize': (name, request) =>
        authorize.answer(name, form(request), request),
      'GET v2.0/adminconsent': (name, request) => adminConsent.answer(name, request),
      'POST oauth2/v2.0/devicecode': (name, request) => devices.begin(name, request),
      'GET device': () => devices.page(),
      'POST login': (_, request) => forms.submit(form(request)),
      'POST oauth2/v2.0/token': token,
      'POST oauth2/token': token,
    }
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
    const page = this.#pages[`${request.method} ${tenant === 'device' ? 'device' : rest}`]
    if (page !== undefined) return page(tenant, request)
    return request.method === 'GET' ? answerDiscovery(tenant, rest, this.#parts) : null
  }

  #token(tenant: string, request: Request): Answer {
    const answer = this.#tokens.answer(tenant, request)
    return { ...answer, headers: { 'cache-control': 'no-store, no-cache', pragma: 'no-cache' } }
  }
}

function nothingHere(): Answer {
  return reply(
    'The resource you are looking for has been removed, had its name changed, or is temporarily unavailable.',
    404,
  )
}
