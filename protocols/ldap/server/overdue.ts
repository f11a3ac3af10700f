import type { Inbound } from './inbound.ts'
import type { LdapServerLimits } from './options.ts'
import type { Transport } from './transport.ts'

/** How long a last notice may wait for the client to read it. */
const CLOSE_TIMEOUT_MS = 5_000

export type Overdue = 'closing' | 'slow-reader' | 'slow-request' | 'idle'

/** Which of its time limits a connection has broken; null when none. */
export function overdue(
  connection: {
    readonly transport: Transport
    readonly inbound: Inbound
    /** Nothing is under way for it. */
    readonly isIdle: boolean
  },
  limits: LdapServerLimits,
  nowMs: number,
): Overdue | null {
  const { endedSinceMs, unreadSinceMs, lastActivityMs } = connection.transport
  if (passed(endedSinceMs, nowMs, CLOSE_TIMEOUT_MS)) return 'closing'
  if (passed(unreadSinceMs, nowMs, limits.writeTimeoutMs)) return 'slow-reader'
  if (passed(connection.inbound.sinceMs, nowMs, limits.requestTimeoutMs)) return 'slow-request'
  if (!connection.isIdle) return null
  return passed(lastActivityMs, nowMs, limits.idleTimeoutMs) ? 'idle' : null
}

function passed(sinceMs: number | null, nowMs: number, limitMs: number): boolean {
  return sinceMs !== null && nowMs - sinceMs > limitMs
}
