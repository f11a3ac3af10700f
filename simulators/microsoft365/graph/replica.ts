import { hashFraction } from '../random.ts'
import type { View } from '../tenant/record.ts'
import type { Tenant } from '../tenant/tenant.ts'

export interface ReplicaPosition {
  readonly until: number
  readonly readAtMs: number
  readonly replica: number
  readonly lagMs: number
}

/**
 * What one replica shows at one moment: each change reaches it after a delay of its own, so that a
 * later change may be seen before an earlier one.
 */
export function replicaView(tenant: Tenant, position: ReplicaPosition): View {
  const { until, readAtMs, replica, lagMs } = position
  if (lagMs === 0) return { sees: (seq) => seq <= until }
  const sees = (seq: number): boolean => {
    if (seq === 0) return true
    if (seq > until) return false
    const delayMs = hashFraction(replica + 1, seq, 7) * lagMs
    return tenant.changedAtMs(seq) + delayMs <= readAtMs
  }
  return { sees }
}

/**
 * From where the next round must begin so that nothing is lost: just before the oldest change that
 * this view misses. What came after it is then told again.
 */
export function nextSince(tenant: Tenant, position: ReplicaPosition): number {
  const { until, readAtMs, lagMs } = position
  if (lagMs === 0) return until
  const view = replicaView(tenant, position)
  let since = until
  for (let seq = until; seq > 0 && tenant.changedAtMs(seq) + lagMs > readAtMs; seq--) {
    if (!view.sees(seq)) since = seq - 1
  }
  return since
}
