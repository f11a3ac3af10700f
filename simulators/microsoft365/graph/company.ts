import { reply } from '../http/exchange.ts'
import { SKU_E3, SKU_F3 } from '../tenant/generate-people.ts'
import { current } from '../tenant/tenant.ts'
import type { RouteAnswer } from './objects.ts'
import { readOption } from './query.ts'
import { parseSelect } from './select.ts'

const FOUNDED = '2019-01-07T08:00:00Z'
const SERVICES = ['Email', 'OfficeCommunicationsOnline']

/** The first page of a list that never needs a second one, with `$select` applied. */
export function shortList(
  entity: string,
  metadata: string,
): (objects: Record<string, unknown>[]) => RouteAnswer {
  return (objects) => (request, context) => {
    const text = readOption(request.query, '$select')
    const select = parseSelect(context.contract, entity, { text, isCollection: true })
    const value = objects.map((object) =>
      select === null
        ? object
        : Object.fromEntries(select.map((name) => [name, object[name] ?? null])),
    )
    return reply({ '@odata.context': `${context.graphUrl}/v1.0/$metadata#${metadata}`, value })
  }
}

export const readOrganization: RouteAnswer = (request, context, key) => {
  const { id, displayName, domains } = context.tenant.organization
  const organization = {
    id,
    deletedDateTime: null,
    businessPhones: ['+1 206 555 0100'],
    city: 'Seattle',
    country: 'United States',
    countryLetterCode: 'US',
    createdDateTime: FOUNDED,
    displayName,
    onPremisesLastSyncDateTime: '2025-01-15T04:00:00Z',
    onPremisesSyncEnabled: true,
    preferredLanguage: 'en',
    tenantType: 'AAD',
    verifiedDomains: domains.map((domain) => ({
      capabilities: SERVICES.join(', '),
      isDefault: domain.isDefault,
      isInitial: domain.isInitial,
      name: domain.name,
      type: 'Managed',
    })),
  }
  return shortList('organization', 'organization')([organization])(request, context, key)
}

export const listDomains: RouteAnswer = (request, context, key) => {
  const domains = context.tenant.organization.domains.map((domain) => ({
    id: domain.name,
    authenticationType: 'Managed',
    availabilityStatus: null,
    isAdminManaged: true,
    isDefault: domain.isDefault,
    isInitial: domain.isInitial,
    isRoot: true,
    isVerified: true,
    passwordNotificationWindowInDays: null,
    passwordValidityPeriodInDays: null,
    supportedServices: SERVICES,
  }))
  return shortList('domain', 'domains')(domains)(request, context, key)
}

export const listSkus: RouteAnswer = (request, context, key) => {
  const consumed = new Map<unknown, number>()
  for (const user of context.tenant.all('user')) {
    const licences = current(user).properties['assignedLicenses']
    if (!Array.isArray(licences)) continue
    for (const { skuId } of licences as readonly { skuId: string }[])
      consumed.set(skuId, (consumed.get(skuId) ?? 0) + 1)
  }
  const skus = [
    { skuId: SKU_E3, skuPartNumber: 'SPE_E3' },
    { skuId: SKU_F3, skuPartNumber: 'SPE_F1' },
  ].map((sku) => ({
    id: `${context.tenant.organization.id}_${sku.skuId}`,
    accountId: context.tenant.organization.id,
    accountName: 'Contoso',
    appliesTo: 'User',
    capabilityStatus: 'Enabled',
    consumedUnits: consumed.get(sku.skuId) ?? 0,
    prepaidUnits: {
      enabled: context.tenant.all('user').length,
      lockedOut: 0,
      suspended: 0,
      warning: 0,
    },
    servicePlans: [],
    skuId: sku.skuId,
    skuPartNumber: sku.skuPartNumber,
  }))
  return shortList('subscribedSku', 'subscribedSkus')(skus)(request, context, key)
}
