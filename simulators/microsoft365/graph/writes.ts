import { reply } from '../http/exchange.ts'
import type { DirectoryRecord, Properties } from '../tenant/record.ts'
import { current, TenantError } from '../tenant/tenant.ts'
import type { GraphContext } from './context.ts'
import { badRequest, GraphError, notFound } from './graph-error.ts'
import type { RouteAnswer } from './objects.ts'
import { faultOf, WRITABLE } from './user-properties.ts'

const UPN_LOCAL_PART = /^[A-Za-z0-9'.\-_!#^~]{1,64}$/
/** Directory roles that let an application change a person who has a role herself. */
const OVER_PRIVILEGED: readonly string[] = [
  'Privileged Authentication Administrator',
  'Global Administrator',
]
/** Without one of them an application resets nobody's password, whatever it was granted. */
const RESETTING: readonly string[] = ['User Administrator', ...OVER_PRIVILEGED]
/** A taste of the list of passwords that are known too well. */
const BANNED = /p[a@]ssw[o0]rd|welcome|qwerty|contoso/i
export const ON_PREMISES =
  'Unable to update the specified properties for on-premises mastered Directory Sync objects or ' +
  'objects currently undergoing migration.'

/**
 * PATCH /users/{id}. Writes reach the directory itself at once; replicas that are read show them
 * after the lag.
 */
export const updateUser: RouteAnswer = (request, context, key) => {
  const user = findTarget(context, key)
  const properties = parseProperties(request.body)
  for (const [name, value] of Object.entries(properties)) {
    if (!context.contract.hasProperty('user', name)) {
      throw badRequest(`Invalid property '${name}'.`)
    }
    const fault = faultOf(name, value)
    if (fault !== null) throw badRequest(fault)
  }
  refuseForbidden(user, Object.keys(properties), context)
  if (properties['userPrincipalName'] !== undefined) {
    checkPrincipalName(String(properties['userPrincipalName']), context)
  }
  const { passwordProfile, ...others } = properties
  const change = readPassword(passwordProfile)
  try {
    context.tenant.update(user.id, others)
  } catch (error) {
    if (!(error instanceof TenantError)) throw error
    throw badRequest(
      'Another object with the same value for property userPrincipalName already exists.',
    )
  }
  if (change !== null) setPassword(user.id, change, context)
  return reply(null, 204)
}

interface PasswordChange {
  readonly password: string
  readonly mustChangePassword: boolean
}

/** Strong: 8 to 256 characters, and three of the four kinds of them. Some are known too well. */
function readPassword(profile: unknown): PasswordChange | null {
  if (profile === undefined) return null
  const { password, forceChangePasswordNextSignIn: mustChange = true } = profile as {
    readonly password?: string
    readonly forceChangePasswordNextSignIn?: boolean
  }
  if (password === undefined) return null
  const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^A-Za-z0-9]/].filter((kind) => kind.test(password))
  const isStrong = password.length >= 8 && password.length <= 256 && kinds.length >= 3
  if (!isStrong || BANNED.test(password)) {
    throw badRequest(
      'The specified password does not comply with password complexity requirements. Please ' +
        'provide a different password.',
    )
  }
  return { password, mustChangePassword: mustChange }
}

function setPassword(id: string, change: PasswordChange, context: GraphContext): void {
  context.tenant.setSignIn(id, { ...change, passwordExpired: false })
  const at = new Date(Math.floor(context.nowMs() / 1_000) * 1_000)
  const lastPasswordChangeDateTime = at.toISOString().replace('.000Z', 'Z')
  context.tenant.update(id, { lastPasswordChangeDateTime })
}

/** POST /users/{id}/revokeSignInSessions: whoever is signed in has to sign in anew. */
export const revokeSessions: RouteAnswer = (_request, context, key) => {
  const user = findTarget(context, key)
  const at = new Date(Math.floor(context.nowMs() / 1_000) * 1_000)
  const signInSessionsValidFromDateTime = at.toISOString().replace('.000Z', 'Z')
  context.tenant.update(user.id, { signInSessionsValidFromDateTime })
  const metadata = `${context.graphUrl}/v1.0/$metadata#Edm.Boolean`
  return reply({ '@odata.context': metadata, value: true })
}

export function findTarget(context: GraphContext, key: string): DirectoryRecord {
  const user = context.tenant.findUser(key)
  if (user === null || current(user).state !== 'live') throw notFound(key)
  return user
}

export function parseProperties(body: string): Properties {
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    throw badRequest('Unable to read JSON request payload.')
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw badRequest('Unable to read JSON request payload.')
  }
  return parsed as Properties
}

function refuseForbidden(
  user: DirectoryRecord,
  names: readonly string[],
  context: GraphContext,
): void {
  const { properties } = current(user)
  const isPrivileged = context.tenant.rolesOf(user.id).length > 0
  const isOverPrivileged = OVER_PRIVILEGED.some((role) => context.directoryRoles.has(role))
  const mayReset = RESETTING.some((role) => context.directoryRoles.has(role))
  for (const name of names) {
    const rule = WRITABLE[name]
    const isGranted = rule?.permissions.some((one) => context.permissions.has(one)) ?? false
    const lacksRole = name === 'passwordProfile' && !mayReset
    const isGuarded = rule?.isSensitive === true && isPrivileged && !isOverPrivileged
    if (!isGranted || isGuarded || lacksRole || properties['isManagementRestricted'] === true) {
      throw new GraphError(
        403,
        'Authorization_RequestDenied',
        'Insufficient privileges to complete the operation.',
      )
    }
  }
  if (properties['onPremisesSyncEnabled'] === true) throw badRequest(ON_PREMISES)
}

function checkPrincipalName(upn: string, { tenant }: GraphContext): void {
  const at = upn.lastIndexOf('@')
  const domain = upn.slice(at + 1).toLowerCase()
  if (at < 0 || !UPN_LOCAL_PART.test(upn.slice(0, at))) {
    throw badRequest("Invalid value specified for property 'userPrincipalName' of resource 'User'.")
  }
  if (!tenant.organization.domains.some(({ name }) => name.toLowerCase() === domain)) {
    throw badRequest(
      'The domain portion of the userPrincipalName property is invalid. You must use one of the ' +
        'verified domain names in your organization.',
    )
  }
}
