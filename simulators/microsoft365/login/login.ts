import { randomBytes, randomUUID } from 'node:crypto'
import { type Answer, type Request, reply } from '../http/exchange.ts'
import type { Application } from './application.ts'
import { proveClient } from './client-credentials.ts'
import type { SigningKey } from './jwt.ts'
import { LoginError, loginErrorBody } from './login-error.ts'

/** Graph's application id, which is the audience of its tokens. */
export const GRAPH_AUDIENCE = '00000003-0000-0000-c000-000000000000'
/** Resources a token may be asked for besides Graph; good for a token of the wrong audience. */
const OTHER_RESOURCES: Readonly<Record<string, string>> = {
  'https://management.azure.com': 'https://management.azure.com',
}
const GRAPH_RESOURCES = ['https://graph.microsoft.com', GRAPH_AUDIENCE]
const SHARED_TENANTS = ['common', 'organizations']
const TOKEN_LIFE_S = 3_600

export interface LoginParts {
  readonly loginUrl: () => string
  readonly graphUrl: () => string
  readonly tenantId: string
  /** Names that stand for the tenant in a URL besides its id. */
  readonly domains: readonly string[]
  readonly application: Application
  readonly key: SigningKey
  readonly nowMs: () => number
  /** Whether an assertion may be presented once only. Entra lets a client reuse its own. */
  readonly refusesReplays: () => boolean
}

/** Entra's login service, as far as an application without a user needs it. */
export class LoginService {
  readonly #parts: LoginParts
  readonly #seenAssertions = new Set<string>()

  constructor(parts: LoginParts) {
    this.#parts = parts
  }

  answer(request: Request): Answer {
    const segments = request.path.split('/').filter((segment) => segment !== '')
    const [tenant = ''] = segments
    const rest = segments.slice(1).join('/').toLowerCase()
    try {
      return this.#route(tenant, rest, request)
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

  #route(tenant: string, rest: string, request: Request): Answer {
    if (request.method === 'GET') {
      if (rest === 'discovery/instance') return this.#instances()
      if (rest === '.well-known/openid-configuration') return this.#configuration(tenant, '')
      if (rest === 'v2.0/.well-known/openid-configuration')
        return this.#configuration(tenant, '/v2.0')
      if (rest === 'discovery/v2.0/keys' || rest === 'discovery/keys')
        return reply({ keys: [this.#parts.key.jwk(this.#issuer())] })
    }
    if (request.method === 'POST' && (rest === 'oauth2/v2.0/token' || rest === 'oauth2/token')) {
      const answer = this.#token(tenant, new URLSearchParams(request.body), request)
      return { ...answer, headers: { 'cache-control': 'no-store, no-cache', pragma: 'no-cache' } }
    }
    return reply(
      'The resource you are looking for has been removed, had its name changed, or is temporarily unavailable.',
      404,
    )
  }

  #issuer(): string {
    return `${this.#parts.loginUrl()}/${this.#parts.tenantId}/v2.0`
  }

  #instances(): Answer {
    const host = new URL(this.#parts.loginUrl()).host
    return reply({
      tenant_discovery_endpoint: `${this.#issuer()}/.well-known/openid-configuration`,
      'api-version': '1.1',
      metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
    })
  }

  #configuration(tenant: string, version: '' | '/v2.0'): Answer {
    // For no tenant in particular, the issuer is a pattern, as with Microsoft.
    const isShared = SHARED_TENANTS.includes(tenant.toLowerCase())
    if (!isShared) this.#checkTenant(tenant)
    const base = `${this.#parts.loginUrl()}/${isShared ? tenant : this.#parts.tenantId}`
    const issuer = isShared ? `${this.#parts.loginUrl()}/{tenantid}/v2.0` : this.#issuer()
    return reply({
      token_endpoint: `${base}/oauth2${version}/token`,
      token_endpoint_auth_methods_supported: [
        'client_secret_post',
        'private_key_jwt',
        'client_secret_basic',
      ],
      jwks_uri: `${base}/discovery/v2.0/keys`,
      response_modes_supported: ['query', 'fragment', 'form_post'],
      subject_types_supported: ['pairwise'],
      id_token_signing_alg_values_supported: ['RS256'],
      response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
      scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
      issuer,
      authorization_endpoint: `${base}/oauth2${version}/authorize`,
      end_session_endpoint: `${base}/oauth2${version}/logout`,
      device_authorization_endpoint: `${base}/oauth2${version}/devicecode`,
      claims_supported: ['sub', 'iss', 'aud', 'exp', 'iat', 'nonce', 'tid', 'ver'],
      tenant_region_scope: 'NA',
      cloud_instance_name: new URL(this.#parts.loginUrl()).host,
      msgraph_host: new URL(this.#parts.graphUrl()).host,
    })
  }

  #token(tenant: string, form: URLSearchParams, request: Request): Answer {
    const { application, tenantId } = this.#parts
    this.#checkTenant(tenant)
    const grant = required(form, 'grant_type')
    const clientId = readClientId(form, request)
    if (grant !== 'client_credentials')
      throw new LoginError(
        400,
        'unsupported_grant_type',
        70003,
        `The app requested an unsupported grant type '${grant}'.`,
      )
    if (clientId !== application.clientId || application.state === 'removed')
      throw new LoginError(
        400,
        'unauthorized_client',
        700016,
        `Application with identifier '${clientId}' was not found in the directory 'Contoso'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.`,
      )
    const base = `${this.#parts.loginUrl()}/${tenantId}`
    const sent = `${this.#parts.loginUrl()}/${tenant}`
    const proof = proveClient({
      form,
      application,
      nowMs: this.#parts.nowMs(),
      audiences: [base, sent].flatMap((url) => [
        `${url}/oauth2/v2.0/token`,
        `${url}/v2.0`,
        `${url}/oauth2/token`,
      ]),
      seenAssertions: this.#parts.refusesReplays() ? this.#seenAssertions : null,
    })
    if (application.state === 'disabled')
      throw new LoginError(
        400,
        'unauthorized_client',
        7000112,
        `Application '${clientId}'(${application.displayName}) is disabled.`,
      )
    const audience = this.#audience(required(form, 'scope'))
    const token = this.#parts.key.sign(this.#claims(audience, proof))
    return reply({
      token_type: 'Bearer',
      expires_in: TOKEN_LIFE_S - 1,
      ext_expires_in: TOKEN_LIFE_S - 1,
      access_token: token,
    })
  }

  #audience(scope: string): string {
    const resource = /^(\S+)\/\.default$/.exec(scope)?.[1]
    if (resource === undefined)
      throw new LoginError(
        400,
        'invalid_scope',
        1002012,
        `The provided value for scope ${scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).`,
      )
    if ([...GRAPH_RESOURCES, this.#parts.graphUrl()].includes(resource)) return GRAPH_AUDIENCE
    const other = OTHER_RESOURCES[resource]
    if (other !== undefined) return other
    throw new LoginError(
      400,
      'invalid_resource',
      500011,
      `The resource principal named ${resource} was not found in the tenant named Contoso. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.`,
    )
  }

  #claims(audience: string, proof: string): object {
    const { application, tenantId } = this.#parts
    const issuedAt = Math.floor(this.#parts.nowMs() / 1000)
    const roles = audience === GRAPH_AUDIENCE ? [...application.permissions] : []
    return {
      aud: audience,
      iss: this.#issuer(),
      iat: issuedAt,
      nbf: issuedAt,
      exp: issuedAt + TOKEN_LIFE_S,
      aio: randomBytes(32).toString('base64'),
      azp: application.clientId,
      azpacr: proof,
      oid: application.servicePrincipalId,
      rh: randomBytes(24).toString('base64url'),
      // Absent rather than empty when nothing has been granted.
      ...(roles.length > 0 ? { roles } : {}),
      sub: application.servicePrincipalId,
      tid: tenantId,
      uti: randomBytes(16).toString('base64url'),
      ver: '2.0',
      xms_ftd: randomBytes(24).toString('base64url'),
    }
  }

  #checkTenant(tenant: string): void {
    const name = decodeURIComponent(tenant).toLowerCase()
    if (name !== this.#parts.tenantId && !this.#parts.domains.includes(name))
      throw new LoginError(
        400,
        'invalid_tenant',
        90002,
        `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.`,
      )
  }
}

function required(form: URLSearchParams, name: string): string {
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
