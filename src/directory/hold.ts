/**
 * Why a principal is held back just now. A source sets and lifts only its own hold, so
 * `source:<id>` names which one; the others are ours.
 */
export type HoldReason = 'admin' | 'schedule' | 'expiry' | 'security' | `source:${string}`

export interface Hold {
  readonly reason: HoldReason
  readonly sinceMs: number
  /** What an admin wrote beside it; null when nobody did. */
  readonly note: string | null
}

export type Lifecycle = 'staged' | 'active' | 'deleted'

/** The one rule for who may sign in anywhere: active, and without holds. */
export function canSignIn(principal: {
  readonly lifecycle: Lifecycle
  readonly holds: readonly Hold[]
}): boolean {
  return principal.lifecycle === 'active' && principal.holds.length === 0
}
