import type { DirectoryRecord } from './record.ts'
import { current, type Tenant, TenantError } from './tenant.ts'

interface ServicePlan {
  readonly id: string
  readonly name: string
  /** Plans of the same service, of which nobody has two. */
  readonly excludes?: readonly string[]
  /** One of these has to be there as well. */
  readonly needs?: readonly string[]
}

export interface Sku {
  readonly skuId: string
  readonly skuPartNumber: string
  readonly plans: readonly ServicePlan[]
}

export const SKU_E3 = '05e9a617-0261-4cee-bb44-138d3ef5d965'
export const SKU_F3 = '66b55226-6b4f-492c-910c-a3b7a3c9d993'
export const SKU_FLOW = 'f30db892-07e9-47e9-837c-80727f46fd3d'
export const SKU_ARCHIVE = 'ee02fd1b-340e-4a4b-b355-4a514e4c8943'

const EXCHANGE = 'efb87545-963c-4e0d-99df-69c6916d9eb0'
const EXCHANGE_KIOSK = '4a82b400-a79f-41a4-b4e2-e94f5787b113'

/** What the tenant has bought, with the ids that Microsoft publishes for products and their parts. */
export const SKUS: readonly Sku[] = [
  {
    skuId: SKU_E3,
    skuPartNumber: 'SPE_E3',
    plans: [
      { id: EXCHANGE, name: 'EXCHANGE_S_ENTERPRISE', excludes: [EXCHANGE_KIOSK] },
      { id: '57ff2da0-773e-42df-b2af-ffb7a2317929', name: 'TEAMS1' },
      { id: '5dbe027f-2339-4123-9542-606e4d348a72', name: 'SHAREPOINTENTERPRISE' },
    ],
  },
  {
    skuId: SKU_F3,
    skuPartNumber: 'SPE_F1',
    plans: [
      { id: EXCHANGE_KIOSK, name: 'EXCHANGE_S_DESKLESS', excludes: [EXCHANGE] },
      { id: '902b47e5-dcb2-4fdc-858b-c63a90a2bdb9', name: 'SHAREPOINTDESKLESS' },
    ],
  },
  {
    skuId: SKU_FLOW,
    skuPartNumber: 'FLOW_FREE',
    plans: [{ id: '50e68c76-46c6-4674-81f9-75456511b170', name: 'FLOW_P2_VIRAL' }],
  },
  {
    skuId: SKU_ARCHIVE,
    skuPartNumber: 'EXCHANGEARCHIVE_ADDON',
    plans: [
      {
        id: '176a09a6-7ec5-4039-ac02-b2791c6ba793',
        name: 'EXCHANGE_S_ARCHIVE_ADDON',
        needs: [EXCHANGE, EXCHANGE_KIOSK],
      },
    ],
  },
]

/** What somebody has directly, or what a group gives (Microsoft Graph, assignedLicense). */
export interface AssignedLicense {
  readonly skuId: string
  readonly disabledPlans: readonly string[]
}

/** Microsoft Graph, licenseAssignmentState. */
interface AssignmentState extends AssignedLicense {
  readonly assignedByGroup: string | null
  readonly state: 'Active' | 'Error'
  readonly error: 'None' | 'CountViolation' | 'MutuallyExclusiveViolation' | 'DependencyViolation'
  readonly lastUpdatedDateTime: string
}

/** Of somebody who has licences from the beginning: all of them her own. */
export function ownStates(licences: readonly AssignedLicense[]): readonly AssignmentState[] {
  const lastUpdatedDateTime = '2024-05-06T08:00:00Z'
  return licences.map((one) => ({
    ...{ ...one, assignedByGroup: null, state: 'Active', error: 'None' },
    lastUpdatedDateTime,
  }))
}

export function findSku(skuId: string): Sku | null {
  return SKUS.find((sku) => sku.skuId === skuId.toLowerCase()) ?? null
}

export function statesOf(user: DirectoryRecord): readonly AssignmentState[] {
  return (current(user).properties['licenseAssignmentStates'] ?? []) as readonly AssignmentState[]
}

/** Units in use: of each person one, however often she has it. */
export function consumed(tenant: Tenant, skuId: string): number {
  return tenant.all('user').filter((user) => {
    const { state, properties } = current(user)
    const licences = (properties['assignedLicenses'] ?? []) as readonly AssignedLicense[]
    return state === 'live' && licences.some((one) => one.skuId === skuId)
  }).length
}

/** Why a product cannot be given beside others; null when it can. */
export function violationOf(
  skuId: string,
  others: readonly AssignedLicense[],
): { readonly error: AssignmentState['error']; readonly message: string } | null {
  const present = others
    .filter((one) => one.skuId !== skuId)
    .flatMap(({ skuId: other, disabledPlans }) =>
      (findSku(other)?.plans ?? []).filter(({ id }) => !disabledPlans.includes(id)),
    )
  for (const plan of findSku(skuId)?.plans ?? []) {
    const rival = present.find(({ id }) => plan.excludes?.includes(id))
    if (rival !== undefined) {
      const message = `License assignment failed because service plans ${plan.id}, ${rival.id} are mutually exclusive.`
      return { error: 'MutuallyExclusiveViolation', message }
    }
    const { needs } = plan
    if (needs !== undefined && !present.some(({ id }) => needs.includes(id))) {
      const message = `License assignment failed because service plan ${plan.id} depends on the service plan(s) ${needs.join(', ')}.`
      return { error: 'DependencyViolation', message }
    }
  }
  return null
}

/** What she has by now, whichever way: that is what `assignedLicenses` tells. */
export function setStates(
  tenant: Tenant,
  user: DirectoryRecord,
  states: readonly AssignmentState[],
): void {
  const active = states.filter(({ state }) => state === 'Active')
  const licences = [...new Set(active.map(({ skuId }) => skuId))].map((skuId) => {
    const same = active.filter((one) => one.skuId === skuId)
    const [first] = same
    const disabledPlans = (first?.disabledPlans ?? []).filter((plan) =>
      same.every((one) => one.disabledPlans.includes(plan)),
    )
    return { skuId, disabledPlans }
  })
  tenant.update(user.id, { assignedLicenses: licences, licenseAssignmentStates: states })
}

/**
 * Has a group give licences, and processes its direct members, as Microsoft does in the background:
 * whoever was added since gets them, whoever has left loses them. Whom one cannot be given has it as an error.
 *
 * @throws {TenantError} for what is no group, or no product of the tenant
 */
export function processGroup(tenant: Tenant, groupId: string, skuIds: readonly string[]): void {
  const group = tenant.findGroup(groupId)
  if (group === null) throw new TenantError(`no group ${groupId}`)
  for (const skuId of skuIds)
    if (findSku(skuId) === null) throw new TenantError(`no product ${skuId}`)
  const assignedLicenses = skuIds.map((skuId) => ({ skuId, disabledPlans: [] }))
  tenant.update(group.id, { assignedLicenses })
  for (const user of tenant.all('user')) {
    if (current(user).state !== 'live') continue
    const before = statesOf(user)
    const others = before.filter(({ assignedByGroup }) => assignedByGroup !== group.id)
    const isMember = group.members?.has(user.id) === true
    if (!isMember && others.length === before.length) continue
    const given = isMember ? assignedLicenses : []
    const inherited = given.map((licence) => inherit(tenant, licence, others, group.id))
    setStates(tenant, user, [...others, ...inherited])
  }
}

function inherit(
  tenant: Tenant,
  licence: AssignedLicense,
  others: readonly AssignmentState[],
  assignedByGroup: string,
): AssignmentState {
  const { skuId } = licence
  const active = others.filter(({ state }) => state === 'Active')
  const hasIt = active.some((one) => one.skuId === skuId)
  const isShort = !hasIt && consumed(tenant, skuId) >= tenant.unitsOf(skuId)
  const error = isShort ? 'CountViolation' : (violationOf(skuId, active)?.error ?? 'None')
  const lastUpdatedDateTime = new Date(tenant.nowMs).toISOString()
  const state = error === 'None' ? 'Active' : 'Error'
  return { ...licence, assignedByGroup, state, error, lastUpdatedDateTime }
}
