import type { FailureCount } from '../directory/ports/resources.ts'

/** How failed attempts slow an account down, and when they lock it. Times in milliseconds. */
export interface FailurePolicy {
  /** So many cost nothing: people mistype. */
  readonly freeFailures: number
  /** Wait after the next one; it doubles with each more. */
  readonly firstDelayMs: number
  readonly maxDelayMs: number
  /** From this many on the account is locked, for this kind of resource and device only. */
  readonly lockAfter: number
  readonly lockMs: number
  /** A count is forgotten so long after its last failure. */
  readonly forgetAfterMs: number
}

/**
 * Five free tries, then 1, 2, 4 … 64 s, then half an hour: some 60 guesses a day for somebody
 * patient, out of reach of any password that is not among the first in a list.
 */
export const defaultFailurePolicy: FailurePolicy = {
  freeFailures: 5,
  firstDelayMs: 1_000,
  maxDelayMs: 5 * 60_000,
  lockAfter: 12,
  lockMs: 30 * 60_000,
  forgetAfterMs: 24 * 60 * 60_000,
}

export type Blocked = 'backing-off' | 'locked-out'

/** Whether somebody with this many failures has to wait just now; null when she may try. */
export function decideBlocked(
  policy: FailurePolicy,
  count: FailureCount,
  nowMs: number,
): Blocked | null {
  const sinceMs = nowMs - count.lastAtMs
  if (isForgotten(policy, count, nowMs) || count.failures < policy.freeFailures) return null
  if (count.failures >= policy.lockAfter) return sinceMs < policy.lockMs ? 'locked-out' : null
  const doublings = count.failures - policy.freeFailures
  const delayMs = Math.min(policy.firstDelayMs * 2 ** doublings, policy.maxDelayMs)
  return sinceMs < delayMs ? 'backing-off' : null
}

export function isForgotten(policy: FailurePolicy, count: FailureCount, nowMs: number): boolean {
  return nowMs - count.lastAtMs >= policy.forgetAfterMs
}
