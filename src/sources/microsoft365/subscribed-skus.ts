import { SourceError } from '../source.ts'
import type { GraphCalls } from './calls.ts'
import { isObject, nonsense } from './graph.ts'

/** More subscriptions than any tenant has. */
const MAX_SKUS = 1_000
const MAX_PLANS = 500
/** Plans that come with a mailbox; others of Exchange add to one that is there. */
const MAILBOX = /^EXCHANGE_[BLS]_(?:STANDARD|ENTERPRISE|DESKLESS|ESSENTIALS)/

/** What a tenant has bought of one thing (Microsoft Graph, subscribedSku). */
export interface SubscribedSku {
  /** Lower case. */
  readonly sku: string
  readonly name: string
  readonly state: string
  /** Units that are paid for, that have ended and are in grace, and that somebody has. */
  readonly enabled: number
  readonly warning: number
  readonly consumed: number
  /** Ids of its parts that come with a mailbox. */
  readonly mailboxPlans: readonly string[]
}

/**
 * What a tenant has bought that people can be given.
 *
 * @throws {SourceError}
 */
export async function readSubscribedSkus(
  calls: Pick<GraphCalls, 'get'>,
  signal: AbortSignal,
): Promise<readonly SubscribedSku[]> {
  const reply = await calls.get('/subscribedSkus', signal)
  if (reply.kind === 'throttled')
    throw new SourceError('SOURCE_UNAVAILABLE', 'Graph asks to slow down: try again in a minute')
  if (reply.kind === 'error' && reply.status === 403)
    throw new SourceError(
      'SOURCE_REFUSED',
      'the application may not read what was bought: grant it LicenseAssignment.Read.All ' +
        '(application permission of Microsoft Graph) with admin consent',
    )
  if (reply.kind === 'error')
    throw new SourceError('SOURCE_UNAVAILABLE', `Graph refuses (${reply.status} ${reply.code})`)
  const { value } = reply.body as { readonly value?: unknown }
  if (!Array.isArray(value) || value.length > MAX_SKUS) throw nonsense('subscriptions without list')
  return value
    .filter(isObject)
    .filter((each) => each['appliesTo'] !== 'Company')
    .map(readSku)
    .toSorted((a, b) => a.name.localeCompare(b.name))
}

function readSku(each: Readonly<Record<string, unknown>>): SubscribedSku {
  const { skuId, skuPartNumber, capabilityStatus, consumedUnits, servicePlans } = each
  if (typeof skuId !== 'string') throw nonsense('a subscription without id')
  const units = isObject(each['prepaidUnits']) ? each['prepaidUnits'] : {}
  const plans = Array.isArray(servicePlans) ? servicePlans.slice(0, MAX_PLANS) : []
  return {
    sku: skuId.toLowerCase(),
    name: typeof skuPartNumber === 'string' ? skuPartNumber.slice(0, 128) : skuId,
    state: typeof capabilityStatus === 'string' ? capabilityStatus : 'Enabled',
    enabled: countOf(units['enabled']),
    warning: countOf(units['warning']),
    consumed: countOf(consumedUnits),
    mailboxPlans: plans.filter(isObject).flatMap(({ servicePlanId, servicePlanName }) => {
      const isMailbox = MAILBOX.test(String(servicePlanName))
      return isMailbox ? [String(servicePlanId).toLowerCase()] : []
    }),
  }
}

function countOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : 0
}
