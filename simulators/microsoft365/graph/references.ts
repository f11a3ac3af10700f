import { reply } from '../http/exchange.ts'
import type { DirectoryRecord } from '../tenant/record.ts'
import { current } from '../tenant/tenant.ts'
import type { GraphContext } from './context.ts'
import { badRequest, GraphError, notFound } from './graph-error.ts'
import type { RouteAnswer } from './objects.ts'
import { findTarget, ON_PREMISES, parseProperties } from './writes.ts'

/** PUT /users/{id}/manager/$ref: the body names the manager by her address. */
export const putManager: RouteAnswer = (request, context, key) => {
  const user = findTarget(context, key)
  refuseGuarded(current(user).properties)
  const manager = findReferred(request.body, context)
  if (manager.kind !== 'user' && manager.kind !== 'orgContact')
    throw badRequest("Invalid object type for the reference 'manager'.")
  context.tenant.setManager(user.id, manager.id)
  return reply(null, 204)
}

/** DELETE /users/{id}/manager/$ref; 404 when there is none. */
export const deleteManager: RouteAnswer = (_request, context, key) => {
  const user = findTarget(context, key)
  const { properties, managerId } = current(user)
  refuseGuarded(properties)
  if (managerId === null) throw notFound('manager')
  context.tenant.setManager(user.id, null)
  return reply(null, 204)
}

/** POST /groups/{id}/members/$ref: the body names who is to belong to it. */
export const postMember: RouteAnswer = (request, context, key) => {
  const group = findWritableGroup(context, key)
  const member = findReferred(request.body, context)
  if (group.members?.has(member.id) === true)
    throw badRequest(
      "One or more added object references already exist for the following modified properties: 'members'.",
    )
  context.tenant.addMembers(group.id, [member.id])
  return reply(null, 204)
}

/** DELETE /groups/{id}/members/{id}/$ref; 404 for whoever does not belong to it. */
export const deleteMember: RouteAnswer = (request, context, key) => {
  const group = findWritableGroup(context, key)
  const memberId = (request.path.split('/')[4] ?? '').toLowerCase()
  if (group.members?.has(memberId) !== true) throw notFound(memberId)
  context.tenant.removeMembers(group.id, [memberId])
  return reply(null, 204)
}

/** Graph writes members of Microsoft 365 groups and of plain security groups, without a rule. */
function findWritableGroup({ tenant, permissions }: GraphContext, key: string): DirectoryRecord {
  const group = tenant.find(key)
  if (group?.kind !== 'group' || current(group).state !== 'live') throw notFound(key)
  const { properties } = current(group)
  const types = (properties['groupTypes'] ?? []) as readonly string[]
  const isExchanges = properties['mailEnabled'] === true && !types.includes('Unified')
  const lacksRight =
    properties['isAssignableToRole'] === true &&
    !permissions.has('RoleManagement.ReadWrite.Directory')
  if (types.includes('DynamicMembership') || isExchanges || lacksRight) throw denied()
  refuseGuarded(properties)
  return group
}

function denied(): GraphError {
  const message = 'Insufficient privileges to complete the operation.'
  return new GraphError(403, 'Authorization_RequestDenied', message)
}

/** Of objects of a restricted unit, and of those that Active Directory masters, nothing is written. */
function refuseGuarded(properties: Readonly<Record<string, unknown>>): void {
  if (properties['isManagementRestricted'] === true) throw denied()
  if (properties['onPremisesSyncEnabled'] === true) throw badRequest(ON_PREMISES)
}

/** The object that `@odata.id` names: `…/v1.0/users/{id}` or `…/directoryObjects/{id}`. */
function findReferred(body: string, { tenant, graphUrl }: GraphContext) {
  const { '@odata.id': reference } = parseProperties(body)
  const [path, id] =
    /^\/(?:users|groups|directoryObjects)\/([^/?]+)$/.exec(
      String(reference).replace(`${graphUrl}/v1.0`, ''),
    ) ?? []
  const record = path === undefined ? null : tenant.find(decodeURIComponent(id ?? ''))
  if (path === undefined) throw badRequest('Invalid entity reference.')
  if (record === null || current(record).state !== 'live') throw notFound(id ?? '')
  return record
}
