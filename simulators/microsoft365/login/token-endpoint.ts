import { type Answer, type Request, reply } from '../http/exchange.ts'
import type { Application } from './application.ts'
import type { Applications } from './applications.ts'
import { type Proof, proveClient } from './client-credentials.ts'
import { LoginError } from './login-error.ts'
import type { Realm } from './realm.ts'
import type { TokenIssuer } from './tokens.ts'

/** A request for a token, its client known and proven. */
export interface TokenRequest {
  readonly form: URLSearchParams
  readonly application: Application
  readonly proof: Proof
  readonly nowMs: number
}

/**
 * One `grant_type`: gives what goes out as JSON.
 *
 * @throws {LoginError} when there is no token
 */
export type Grant = (request: TokenRequest) => object

export interface TokenEndpointParts {
  readonly realm: Realm
  readonly applications: Applications
  readonly issuer: TokenIssuer
  readonly nowMs: () => number
  /** Whether an assertion may be presented once only. Entra lets a client reuse its own. */
  readonly refusesReplays: () => boolean
  /** By `grant_type`: those for a person, beside `client_credentials`. */
  readonly grants: Readonly<Record<string, Grant>>
}

const FOR_ITSELF = 'client_credentials'

/** POST /{tenant}/oauth2/v2.0/token */
export class TokenEndpoint {
  readonly #parts: TokenEndpointParts
  readonly #grants: ReadonlyMap<string, Grant>
  readonly #seenAssertions = new Set<string>()

  constructor(parts: TokenEndpointParts) {
    this.#parts = parts
    const forItself: Grant = ({ form, application, proof }) =>
      parts.issuer.forApplication(application, required(form, 'scope'), proof)
    this.#grants = new Map([...Object.entries(parts.grants), [FOR_ITSELF, forItself]])
  }

  /** @throws {LoginError} with Entra's number for what is wrong */
  answer(tenant: string, request: Request): Answer {
    const { realm, applications, nowMs } = this.#parts
    const form = new URLSearchParams(request.body)
    const isForItself = form.get('grant_type') === FOR_ITSELF
    // Which tenant is meant, a person's sign-in tells, and nothing else does.
    if (isForItself || !realm.isShared(tenant)) realm.checkTenant(tenant)
    const grantType = required(form, 'grant_type')
    const clientId = readClientId(form, request)
    const grant = this.#grants.get(grantType)
    if (grant === undefined)
      throw new LoginError(
        400,
        'unsupported_grant_type',
        70003,
        `The app requested an unsupported grant type '${grantType}'.`,
      )
    const application = applications.findHere(clientId, nowMs())
    if (application === null) throw unknownApplication(clientId)
    const isUnproven = !isForItself && application.isPublic
    const proof = isUnproven ? refuseProof(form) : this.#prove(form, application, tenant)
    if (application.state === 'disabled') throw disabledApplication(application)
    return reply(grant({ form, application, proof, nowMs: nowMs() }))
  }

  #prove(form: URLSearchParams, application: Application, tenant: string): Proof {
    const { realm, nowMs, refusesReplays } = this.#parts
    const isBare = form.get('client_secret') === null && form.get('client_assertion') === null
    if (isBare && form.get('grant_type') !== FOR_ITSELF)
      throw new LoginError(
        401,
        'invalid_client',
        7000218,
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
      )
    const bases = [`${realm.loginUrl}/${realm.tenantId}`, `${realm.loginUrl}/${tenant}`]
    return proveClient({
      form,
      application,
      nowMs: nowMs(),
      audiences: bases.flatMap((url) => [
        `${url}/oauth2/v2.0/token`,
        `${url}/v2.0`,
        `${url}/oauth2/token`,
      ]),
      seenAssertions: refusesReplays() ? this.#seenAssertions : null,
    })
  }
}

/** What a program on somebody's desk presents is no secret. */
function refuseProof(form: URLSearchParams): Proof {
  if (form.get('client_secret') === null && form.get('client_assertion') === null) return '0'
  throw new LoginError(
    401,
    'invalid_client',
    700025,
    "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
  )
}

export function unknownApplication(clientId: string): LoginError {
  return new LoginError(
    400,
    'unauthorized_client',
    700016,
    `Application with identifier '${clientId}' was not found in the directory 'Contoso'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.`,
  )
}

export function disabledApplication({ clientId, displayName }: Application): LoginError {
  return new LoginError(
    400,
    'unauthorized_client',
    7000112,
    `Application '${clientId}'(${displayName}) is disabled.`,
  )
}

/** @throws {LoginError} 900144 when it is not there */
export function required(form: URLSearchParams, name: string): string {
  const value = form.get(name)
  if (value === null || value === '')
    throw new LoginError(
      400,
      'invalid_request',
      900144,
      `The request body must contain the following parameter: '${name}'.`,
    )
  return value
}

/** From the form or from HTTP Basic, whose secret is moved into the form. */
function readClientId(form: URLSearchParams, request: Request): string {
  const basic = /^Basic (\S+)$/i.exec(request.headers['authorization'] ?? '')?.[1]
  if (basic !== undefined && form.get('client_id') === null) {
    const [id = '', secret = ''] = Buffer.from(basic, 'base64').toString().split(':')
    form.set('client_id', decodeURIComponent(id))
    form.set('client_secret', decodeURIComponent(secret))
  }
  return required(form, 'client_id').toLowerCase()
}
