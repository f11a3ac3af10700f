import { createHash, randomBytes } from 'node:crypto'
import type { DirectoryRecord } from '../tenant/record.ts'
import { current } from '../tenant/tenant.ts'
import type { Application } from './application.ts'
import type { Proof } from './client-credentials.ts'
import type { SigningKeys } from './jwt.ts'
import { LoginError } from './login-error.ts'
import type { Realm } from './realm.ts'
import { GRAPH_AUDIENCE, GRAPH_RESOURCES } from './scopes.ts'

/** Resources a token may be asked for besides Graph; good for a token of the wrong audience. */
const OTHER_RESOURCES: Readonly<Record<string, string>> = {
  'https://management.azure.com': 'https://management.azure.com',
}
const TOKEN_LIFE_S = 3_600

/** How somebody signed in: `pwd`, and `mfa` after a second step. */
export interface Authentication {
  readonly methods: readonly string[]
  readonly atMs: number
}

/** What the tokens of a person say. */
export interface UserGrant {
  readonly application: Application
  readonly user: DirectoryRecord
  /** As granted, without the resource in front. */
  readonly scopes: readonly string[]
  readonly authentication: Authentication
  readonly nonce: string | null
}

/** Signs what the token endpoint hands out. */
export class TokenIssuer {
  readonly #realm: Realm
  readonly #key: SigningKeys
  readonly #nowMs: () => number

  constructor(parts: { readonly realm: Realm; readonly key: SigningKeys; nowMs: () => number }) {
    this.#realm = parts.realm
    this.#key = parts.key
    this.#nowMs = parts.nowMs
  }

  /** The answer to `client_credentials`: a token for the application itself. */
  forApplication(application: Application, scope: string, proof: Proof): object {
    const audience = this.#audience(scope)
    const roles = audience === GRAPH_AUDIENCE ? [...application.permissions] : []
    const { servicePrincipalId } = application
    const token = this.#key.sign({
      ...this.#common(audience, application, proof),
      oid: servicePrincipalId,
      // Absent rather than empty when nothing has been granted.
      ...(roles.length > 0 ? { roles } : {}),
      sub: servicePrincipalId,
    })
    return { ...lifetime(), access_token: token }
  }

  /** The answer to a grant for a person: an access token for Graph, and who she is with `openid`. */
  forUser(grant: UserGrant, proof: Proof): object {
    const { application, user, scopes } = grant
    const token = this.#key.sign({
      ...this.#common(GRAPH_AUDIENCE, application, proof),
      ...this.#person(grant),
      name: current(user).properties['displayName'],
      oid: user.id,
      scp: scopes.filter((scope) => scope !== 'offline_access').join(' '),
    })
    return {
      ...lifetime(),
      scope: scopes.filter((scope) => scope !== 'offline_access').join(' '),
      access_token: token,
      ...(scopes.includes('openid') ? { id_token: this.#idToken(grant) } : {}),
    }
  }

  #idToken(grant: UserGrant): string {
    const { application, user, scopes, nonce } = grant
    const { displayName, userPrincipalName, mail } = current(user).properties
    const hasProfile = scopes.includes('profile')
    const { aio, iss, iat, nbf, exp, rh, tid, uti, ver } = this.#common('', application, '0')
    return this.#key.sign({
      aud: application.clientId,
      iss,
      iat,
      nbf,
      exp,
      aio,
      ...(scopes.includes('email') && typeof mail === 'string' ? { email: mail } : {}),
      ...(hasProfile
        ? { name: displayName, oid: user.id, preferred_username: userPrincipalName }
        : {}),
      ...(nonce === null ? {} : { nonce }),
      rh,
      ...this.#person(grant),
      tid,
      uti,
      ver,
    })
  }

  /** `sub` is another one for each application; how she signed in is told where asked for. */
  #person({ application, user, authentication }: UserGrant): Record<string, unknown> {
    const sub = createHash('sha256')
      .update(`${application.clientId} ${user.id}`)
      .digest('base64url')
    const optional = {
      amr: authentication.methods,
      auth_time: Math.floor(authentication.atMs / 1000),
    }
    const asked = Object.entries(optional).filter(([name]) => application.optionalClaims.has(name))
    return { sub, ...Object.fromEntries(asked) }
  }

  #common(audience: string, application: Application, proof: Proof) {
    const issuedAt = Math.floor(this.#nowMs() / 1000)
    return {
      aud: audience,
      iss: this.#realm.issuer,
      iat: issuedAt,
      nbf: issuedAt,
      exp: issuedAt + TOKEN_LIFE_S,
      aio: randomBytes(32).toString('base64'),
      azp: application.clientId,
      azpacr: proof,
      rh: randomBytes(24).toString('base64url'),
      tid: this.#realm.tenantId,
      uti: randomBytes(16).toString('base64url'),
      ver: '2.0',
      xms_ftd: randomBytes(24).toString('base64url'),
    }
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
    if ([...GRAPH_RESOURCES, this.#realm.graphUrl].includes(resource)) return GRAPH_AUDIENCE
    const other = OTHER_RESOURCES[resource]
    if (other !== undefined) return other
    throw new LoginError(
      400,
      'invalid_resource',
      500011,
      `The resource principal named ${resource} was not found in the tenant named Contoso. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.`,
    )
  }
}

function lifetime(): object {
  return {
    token_type: 'Bearer',
    expires_in: TOKEN_LIFE_S - 1,
    ext_expires_in: TOKEN_LIFE_S - 1,
  }
}
