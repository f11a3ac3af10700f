import type { FastifyRequest } from 'fastify'
import type { Actor } from '../directory/ports/people.ts'
import { ApiError } from './error.ts'
import type { AdminParts } from './parts.ts'

export type Role = 'owner' | 'operator' | 'viewer'

/** Who is calling: somebody at the daemon's own socket, an administrator, or an API token. */
export interface Caller {
  readonly name: string
  readonly role: Role
}

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller | null
  }
}

const RANK: Record<Role, number> = { viewer: 0, operator: 1, owner: 2 }

/**
 * Finds out who calls. The Unix socket is open to the account that runs the daemon alone (its mode
 * is 0600), which can read the master key anyway; that is the administrators' break-glass way.
 *
 * @throws {ApiError} 401 without credentials or with wrong ones
 */
export async function identify(
  parts: Pick<AdminParts, 'tokens' | 'verifyAdministrator'>,
  request: FastifyRequest,
  isLocalSocket: boolean,
): Promise<Caller> {
  if (isLocalSocket) return { name: 'cli', role: 'owner' }
  const header = request.headers.authorization ?? ''
  const [scheme = '', value = ''] = header.split(/ +/, 2)
  if (scheme.toLowerCase() === 'bearer') return identifyToken(parts, value)
  if (scheme.toLowerCase() === 'basic') return await identifyPassword(parts, value, request.ip)
  throw new ApiError(
    401,
    'credentials-needed',
    "send an API token as `Authorization: Bearer …`, or an administrator's name and password",
  )
}

export function actorOf(request: FastifyRequest, reason: string | null = null): Actor {
  return { name: request.caller?.name ?? 'unknown', reason }
}

/** @throws {ApiError} 403 when the caller may not do it */
export function requireRole(request: FastifyRequest, role: Role): void {
  if (request.caller !== null && RANK[request.caller.role] >= RANK[role]) return
  throw new ApiError(403, 'not-allowed', `this needs the role ${role}`)
}

function identifyToken(parts: Pick<AdminParts, 'tokens'>, token: string): Caller {
  const found = parts.tokens.verifyToken(token)
  if (found === null) throw refused()
  if ('role' in found) return { name: `admin:${found.username}`, role: found.role }
  if (found.value.purpose !== 'api')
    throw new ApiError(403, 'wrong-token', 'this token is for SCIM, not for the admin API')
  return { name: `service:${found.value.name}`, role: 'owner' }
}

async function identifyPassword(
  parts: Pick<AdminParts, 'verifyAdministrator'>,
  encoded: string,
  address: string,
): Promise<Caller> {
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 1) throw refused()
  const username = text.slice(0, colon)
  const password = Buffer.from(text.slice(colon + 1))
  const administrator = await parts.verifyAdministrator(username, password, address)
  if (administrator === null) throw refused()
  return { name: `admin:${administrator.username}`, role: administrator.role }
}

function refused(): ApiError {
  return new ApiError(401, 'credentials-refused', 'these credentials are not accepted')
}
