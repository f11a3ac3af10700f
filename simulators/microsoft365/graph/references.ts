import { reply } from '../http/exchange.ts'
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

/** Of objects of a restricted unit, and of those that Active Directory masters, nothing is written. */
function refuseGuarded(properties: Readonly<Record<string, unknown>>): void {
  if (properties['isManagementRestricted'] === true) {
    const message = 'Insufficient privileges to complete the operation.'
    throw new GraphError(403, 'Authorization_RequestDenied', message)
  }
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
