import { reply } from '../http/exchange.ts'
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
