import { reply } from '../http/exchange.ts'
import { consumed, findSku, SKUS, setStates, statesOf, violationOf } from '../tenant/licences.ts'
import type { DirectoryRecord } from '../tenant/record.ts'
import { current } from '../tenant/tenant.ts'
import { shortList } from './company.ts'
import type { GraphContext } from './context.ts'
import { badRequest } from './graph-error.ts'
import type { RouteAnswer } from './objects.ts'
import { renderEntity } from './select.ts'
import { findTarget, parseProperties } from './writes.ts'

/** GET /subscribedSkus: what was bought, and how much of it somebody has. */
export const listSkus: RouteAnswer = (request, context, key) => {
  const { tenant } = context
  const { id: accountId, displayName } = tenant.organization
  const skus = SKUS.map(({ skuId, skuPartNumber, plans }) => ({
    id: `${accountId}_${skuId}`,
    accountId,
    accountName: displayName,
    appliesTo: 'User',
    capabilityStatus: 'Enabled',
    consumedUnits: consumed(tenant, skuId),
    prepaidUnits: { enabled: tenant.unitsOf(skuId), lockedOut: 0, suspended: 0, warning: 0 },
    servicePlans: plans.map(({ id, name }) => ({
      servicePlanId: id,
      servicePlanName: name,
      provisioningStatus: 'Success',
      appliesTo: 'User',
    })),
    skuId,
    skuPartNumber,
    subscriptionIds: [],
  }))
  return shortList('subscribedSku', 'subscribedSkus')(skus)(request, context, key)
}

/** POST /users/{id}/assignLicense: all of it is done, or nothing. */
export const assignLicense: RouteAnswer = (request, context, key) => {
  const user = findTarget(context, key)
  const { add, remove } = parseBody(request.body)
  const states = withoutRemoved(user, remove)
  const { usageLocation } = current(user).properties
  for (const { skuId, disabledPlans } of add) {
    const sku = findSku(skuId)
    if (sku === null)
      throw badRequest(`License ${skuId} does not correspond to a valid company License.`)
    if (typeof usageLocation !== 'string' || usageLocation === '')
      throw badRequest('License assignment cannot be done for user with invalid usage location.')
    refuseUnavailable(user, sku.skuId, context)
    const own = states.findIndex((one) => one.skuId === sku.skuId && one.assignedByGroup === null)
    if (own >= 0) states.splice(own, 1)
    states.push({
      ...{ skuId: sku.skuId, disabledPlans, assignedByGroup: null, state: 'Active', error: 'None' },
      lastUpdatedDateTime: new Date(context.nowMs()).toISOString(),
    })
  }
  const active = states.filter(({ state }) => state === 'Active')
  for (const { skuId } of active) {
    const violation = violationOf(skuId, active)
    if (violation !== null) throw badRequest(violation.message)
  }
  setStates(context.tenant, user, states)
  const object = { kind: user.kind, id: user.id, properties: current(user).properties }
  const metadata = `${context.graphUrl}/v1.0/$metadata#users/$entity`
  return reply({ '@odata.context': metadata, ...renderEntity(context.contract, object, null) })
}

function withoutRemoved(user: DirectoryRecord, remove: readonly string[]) {
  const states = [...statesOf(user)]
  for (const skuId of remove) {
    const same = states.filter((one) => one.skuId === skuId)
    const own = states.findIndex((one) => one.skuId === skuId && one.assignedByGroup === null)
    if (same.length === 0) throw badRequest('User does not have a corresponding license.')
    if (own < 0)
      throw badRequest(
        'User license is inherited from a group membership and it cannot be removed directly from the user.',
      )
    states.splice(own, 1)
  }
  return states
}

function refuseUnavailable(user: DirectoryRecord, skuId: string, { tenant }: GraphContext): void {
  const hasIt = statesOf(user).some((one) => one.skuId === skuId && one.state === 'Active')
  if (hasIt || consumed(tenant, skuId) < tenant.unitsOf(skuId)) return
  throw badRequest(`Subscription with SKU ${skuId} does not have any available licenses.`)
}

interface Added {
  readonly skuId: string
  readonly disabledPlans: readonly string[]
}

/** Both lists have to be there, empty or not. */
function parseBody(body: string): { add: readonly Added[]; remove: readonly string[] } {
  const { addLicenses, removeLicenses } = parseProperties(body)
  if (!Array.isArray(addLicenses) || !Array.isArray(removeLicenses))
    throw badRequest('One of the provided arguments is not acceptable.')
  const add = addLicenses.map((one): Added => {
    const { skuId, disabledPlans = [] } = (one ?? {}) as Partial<Added>
    if (typeof skuId !== 'string' || !Array.isArray(disabledPlans))
      throw badRequest('One of the provided arguments is not acceptable.')
    return { skuId: skuId.toLowerCase(), disabledPlans }
  })
  return { add, remove: removeLicenses.map((skuId) => String(skuId).toLowerCase()) }
}
