import { randomUUID } from 'node:crypto'
import { type Answer, type Request, reply } from '../http/exchange.ts'
import { Application } from '../login/application.ts'
import { GRAPH_AUDIENCE } from '../login/scopes.ts'
import { changeProperties, isTexts, replaceKeys } from './application-properties.ts'
import type { GraphContext } from './context.ts'
import { badRequest, GraphError, notFound } from './graph-error.ts'
import type { RouteAnswer } from './objects.ts'
import { APP_ROLES, idOf, SCOPE_IDS } from './permission-ids.ts'
import { readOption } from './query.ts'

/** Who may register applications, and who may grant Graph's own permissions and directory roles. */
const REGISTERING = [
  'Global Administrator',
  'Application Administrator',
  'Cloud Application Administrator',
]
const GRANTING = ['Global Administrator', 'Privileged Role Administrator']
const APPLICATION_PROPERTIES = [
  'displayName',
  'signInAudience',
  'tags',
  'keyCredentials',
  'requiredResourceAccess',
  'web',
  'optionalClaims',
]
/** Template ids of directory roles, the same in every tenant. */
const DIRECTORY_ROLES: Readonly<Record<string, string>> = {
  'fe930be7-5e62-47db-91af-98c3a49a38b1': 'User Administrator',
  '7be44c8a-adaf-4e2a-84d6-ab2649e08a13': 'Privileged Authentication Administrator',
  '62e90394-69f5-4237-9190-012177145e10': 'Global Administrator',
}
const GRAPH_PRINCIPAL_ID = idOf('service principal of Microsoft Graph')
export const listApplications: RouteAnswer = (request, context) => {
  const tag = /^tags\/any\((\w+):\s*\1 eq '([^']*)'\)$/.exec(filterOf(request))?.[2]
  const appId = /^appId eq '([^']*)'$/.exec(filterOf(request))?.[1]
  const found = context.applications
    .all()
    .filter(({ isForeign, state }) => !isForeign && state !== 'removed')
    .filter(({ tags, clientId }) =>
      tag === undefined ? appId === undefined || clientId === appId : tags.includes(tag),
    )
  return list(context, 'applications', found.map(showApplication))
}

export const createApplication: RouteAnswer = (request, context) => {
  refuseUnless(context, REGISTERING)
  const body = readBody(request, APPLICATION_PROPERTIES)
  const { displayName, tags = [], keyCredentials = [] } = body
  if (typeof displayName !== 'string' || !isTexts(tags))
    throw badRequest("Property 'displayName' is required; 'tags' is a list of texts.")
  const lagMs = context.newApplicationLagMs
  const application = new Application({
    clientId: randomUUID(),
    servicePrincipalId: randomUUID(),
    displayName,
    permissions: [],
    delegatedScopes: [],
    tags,
    isInstalled: false,
    knownFromMs: lagMs === 0 ? 0 : context.realMs() + lagMs,
  })
  replaceKeys(application, keyCredentials)
  changeProperties(application, body)
  context.applications.add(application)
  return reply(showApplication(application), 201)
}

export const updateApplication: RouteAnswer = (request, context, key) => {
  refuseUnless(context, REGISTERING)
  const application = findRegistration(context, key)
  const body = readBody(request, APPLICATION_PROPERTIES)
  if (body['keyCredentials'] !== undefined) replaceKeys(application, body['keyCredentials'])
  changeProperties(application, body)
  return reply(null, 204)
}

export const listServicePrincipals: RouteAnswer = (request, context) => {
  const appId = /^appId eq '([^']*)'$/.exec(filterOf(request))?.[1]
  if (appId === GRAPH_AUDIENCE) return list(context, 'servicePrincipals', [graphPrincipal()])
  const found = context.applications
    .all()
    .filter(
      ({ clientId, isInstalled, state }) =>
        isInstalled && state !== 'removed' && clientId === appId,
    )
  return list(context, 'servicePrincipals', found.map(showPrincipal))
}

export const createServicePrincipal: RouteAnswer = (request, context) => {
  refuseUnless(context, REGISTERING)
  const { appId } = readBody(request, ['appId', 'tags'])
  const application = context.applications.find(String(appId))
  if (application === null)
    throw badRequest(
      `The appId '${String(appId)}' of the service principal does not reference a valid application object.`,
    )
  if (application.isInstalled)
    throw new GraphError(
      409,
      'Request_MultipleObjectsWithSameKeyValue',
      `The service principal cannot be created, updated, or restored because the service principal name ${String(appId)} is already in use.`,
    )
  application.consent({ scopes: [], permissions: [] })
  return reply(showPrincipal(application), 201)
}

export const listAppRoleAssignments: RouteAnswer = (_request, context, key) => {
  const application = findPrincipal(context, key)
  const ids = [...application.permissions].map((name) => showAssignment(application, idOf(name)))
  return list(context, 'appRoleAssignments', ids)
}

export const assignAppRole: RouteAnswer = (request, context, key) => {
  refuseUnless(context, GRANTING)
  const application = findPrincipal(context, key)
  const { principalId, resourceId, appRoleId } = readBody(request, [
    'principalId',
    'resourceId',
    'appRoleId',
  ])
  const permission = APP_ROLES.get(String(appRoleId))
  if (principalId !== key || resourceId !== GRAPH_PRINCIPAL_ID || permission === undefined)
    throw badRequest('Not a valid reference update.')
  if (application.permissions.has(permission))
    throw badRequest('Permission being assigned already exists on the object')
  application.permissions.add(permission)
  return reply(showAssignment(application, String(appRoleId)), 201)
}

export const listDirectoryRoleAssignments: RouteAnswer = (request, context) => {
  const principalId = /principalId eq '([^']*)'/.exec(filterOf(request))?.[1]
  const application = context.applications
    .all()
    .find(({ servicePrincipalId }) => servicePrincipalId === principalId)
  const held = Object.entries(DIRECTORY_ROLES).filter(([, name]) =>
    application?.directoryRoles.has(name),
  )
  return list(
    context,
    'roleManagement/directory/roleAssignments',
    held.map(([roleDefinitionId]) => ({
      id: idOf(`${principalId} ${roleDefinitionId}`),
      principalId,
      roleDefinitionId,
      directoryScopeId: '/',
    })),
  )
}

export const assignDirectoryRole: RouteAnswer = (request, context) => {
  refuseUnless(context, GRANTING)
  const body = readBody(request, context.contract.properties('unifiedRoleAssignment'))
  const { principalId, roleDefinitionId, directoryScopeId } = body
  const application = findPrincipal(context, String(principalId))
  const role = DIRECTORY_ROLES[String(roleDefinitionId)]
  if (role === undefined || directoryScopeId !== '/') throw badRequest('The role is not known.')
  if (application.directoryRoles.has(role))
    throw badRequest(
      'A conflicting object with one or more of the specified property values is present.',
    )
  application.directoryRoles.add(role)
  return reply({ id: randomUUID(), principalId, roleDefinitionId, directoryScopeId }, 201)
}

export function findRegistration(context: GraphContext, key: string): Application {
  const found = context.applications.all().find(({ objectId }) => objectId === key)
  if (found === undefined) throw notFound(key)
  return found
}

export function findPrincipal(context: GraphContext, id: string): Application {
  const found = context.applications
    .all()
    .find(({ servicePrincipalId, isInstalled }) => isInstalled && servicePrincipalId === id)
  if (found === undefined) throw notFound(id)
  return found
}

/** A delegated token does no more than the person herself may. */
function refuseUnless(context: GraphContext, roles: readonly string[]): void {
  if (roles.some((role) => context.callerRoles.has(role))) return
  throw new GraphError(
    403,
    'Authorization_RequestDenied',
    'Insufficient privileges to complete the operation.',
  )
}

export function readBody(request: Request, known: readonly string[]): Record<string, unknown> {
  let body: unknown
  try {
    body = JSON.parse(request.body)
  } catch {
    throw badRequest('Unable to read JSON request payload.')
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw badRequest('Unable to read JSON request payload.')
  const stranger = Object.keys(body).find((name) => !known.includes(name))
  if (stranger !== undefined) throw badRequest(`Invalid property '${stranger}'.`)
  return body as Record<string, unknown>
}

function filterOf(request: Request): string {
  return readOption(request.query, '$filter') ?? ''
}

function showApplication(application: Application) {
  const { objectId, clientId, displayName, tags, certificates, secrets } = application
  return {
    id: objectId,
    appId: clientId,
    displayName,
    signInAudience: 'AzureADMyOrg',
    tags,
    keyCredentials: [...certificates].map(([thumbprint, { expiresAtMs }]) => ({
      keyId: idOf(thumbprint),
      type: 'AsymmetricX509Cert',
      usage: 'Verify',
      endDateTime: new Date(expiresAtMs).toISOString(),
      key: null,
    })),
    passwordCredentials: secrets.map((_, index) => ({
      keyId: idOf(`${clientId} secret ${index}`),
      secretText: null,
    })),
  }
}

function showPrincipal(application: Application): object {
  const { servicePrincipalId, clientId, displayName, tags, principalSecrets } = application
  return {
    id: servicePrincipalId,
    appId: clientId,
    displayName,
    tags,
    appRoles: [],
    keyCredentials: [],
    passwordCredentials: principalSecrets.map((_, index) => ({
      keyId: idOf(`${servicePrincipalId} secret ${index}`),
      secretText: null,
    })),
  }
}

function graphPrincipal(): object {
  const appRoles = [...APP_ROLES].map(([id, value]) => ({
    id,
    value,
    displayName: value,
    allowedMemberTypes: ['Application'],
    isEnabled: true,
  }))
  const displayName = 'Microsoft Graph'
  const oauth2PermissionScopes = [...SCOPE_IDS].map(([id, value]) => ({ id, value, type: 'User' }))
  return {
    ...{ id: GRAPH_PRINCIPAL_ID, appId: GRAPH_AUDIENCE, displayName, tags: [] },
    ...{ appRoles, oauth2PermissionScopes, keyCredentials: [], passwordCredentials: [] },
  }
}

function showAssignment(application: Application, appRoleId: string): object {
  return {
    id: idOf(`${application.servicePrincipalId} ${appRoleId}`),
    appRoleId,
    principalId: application.servicePrincipalId,
    principalType: 'ServicePrincipal',
    resourceId: GRAPH_PRINCIPAL_ID,
  }
}

export function list(context: GraphContext, name: string, value: readonly object[]): Answer {
  return reply({ '@odata.context': `${context.graphUrl}/v1.0/$metadata#${name}`, value })
}
