import type { Request } from '../http/exchange.ts'
import type { Application } from '../login/application.ts'
import type { Applications } from '../login/applications.ts'
import { parseJwt, type SigningKeys } from '../login/jwt.ts'
import { GRAPH_AUDIENCE } from '../login/scopes.ts'
import { GraphError } from './graph-error.ts'

/** `roles` are the permissions of its token: application roles, or a person's scopes. */
export interface Caller {
  readonly application: Application
  /** Id of the person on whose behalf it calls; null when it calls by itself. */
  readonly user: string | null
  readonly roles: ReadonlySet<string>
}

/**
 * Reads the bearer token of a Graph call.
 *
 * @throws {GraphError} 401 when it is missing, foreign, expired, for another audience or of an
 *   application that is no longer welcome
 */
export function readCaller(
  request: Request,
  parts: { key: SigningKeys; applications: Applications; tenantId: string; nowMs: number },
): Caller {
  const token = /^Bearer (\S+)$/i.exec(request.headers['authorization'] ?? '')?.[1]
  if (token === undefined) throw unauthenticated('Access token is empty.')
  const jwt = parseJwt(token)
  if (jwt === null) throw unauthenticated('CompactToken parsing failed with error code: 80049217')
  if (!parts.key.verify(jwt))
    throw unauthenticated('Access token validation failure. Invalid signature.')
  if (jwt.claims['aud'] !== GRAPH_AUDIENCE)
    throw unauthenticated('Access token validation failure. Invalid audience.')
  if (jwt.claims['tid'] !== parts.tenantId)
    throw unauthenticated('Access token validation failure. Invalid issuer.')
  const application = parts.applications.find(String(jwt.claims['azp']))
  if (application === null) throw unknownIdentity()
  const issuedAtMs = Number(jwt.claims['iat']) * 1000
  const isExpired = Number(jwt.claims['exp']) * 1000 <= parts.nowMs
  if (isExpired || issuedAtMs < application.tokensValidFromMs)
    throw unauthenticated('Lifetime validation failed, the token is expired.')
  if (application.state !== 'enabled') throw unknownIdentity()
  const { roles, scp, oid } = jwt.claims
  // A token for a person names scopes, one for an application roles.
  if (typeof scp === 'string')
    return { application, user: String(oid), roles: new Set(scp.split(' ')) }
  const granted = Array.isArray(roles) ? roles.map(String) : []
  return { application, user: null, roles: new Set(granted) }
}

function unauthenticated(message: string): GraphError {
  return new GraphError(401, 'InvalidAuthenticationToken', message, {
    'www-authenticate': 'Bearer realm="", error="invalid_token"',
  })
}

function unknownIdentity(): GraphError {
  return new GraphError(
    401,
    'Authorization_IdentityNotFound',
    'The identity of the calling application could not be established.',
  )
}

/**
 * The granted permission that allows a call.
 *
 * @throws {GraphError} 403 when none does
 */
export function decidePermission(allowed: readonly string[], caller: Caller): string {
  // A full read permission is named before the basic one, which would show less.
  const granted = allowed.filter((name) => caller.roles.has(name))
  const permission = granted.find((name) => !name.includes('Basic')) ?? granted[0]
  if (permission !== undefined) return permission
  throw new GraphError(
    403,
    'Authorization_RequestDenied',
    'Insufficient privileges to complete the operation.',
  )
}
