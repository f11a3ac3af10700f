import type { NasId, PrincipalId } from '../id.ts'

export interface SessionFilter {
  readonly principalId: PrincipalId | null
  readonly nasId: NasId | null
  /** Those that are over as well. */
  readonly isAll: boolean
  readonly limit: number
}

/** How a request to end a session stands. */
export interface ShownDisconnect {
  /** `disconnect` or `change`. */
  readonly request: string
  readonly cause: string
  readonly actor: string | null
  readonly status: string
  /** What the NAS said, in words; null before its first answer. */
  readonly outcome: string | null
  readonly attempts: number
  readonly requestedAt: string
  readonly settledAt: string | null
}

export interface ShownSession {
  readonly id: string
  /** Null where the name the NAS knows leads to nobody. */
  readonly person: string | null
  /** As the NAS knows her. */
  readonly username: string
  /** Null for one that is known no more. */
  readonly nas: string | null
  readonly network: string | null
  readonly device: string
  readonly ssid: string | null
  readonly address: string | null
  readonly ipv6: string | null
  readonly signal: string | null
  readonly connectInfo: string | null
  readonly startedAt: string | null
  readonly updatedAt: string
  readonly stoppedAt: string | null
  readonly endedBecause: string | null
  readonly seconds: number | null
  /** Octets, as text, since they go past what a double holds. */
  readonly input: string | null
  readonly output: string | null
  readonly disconnect: ShownDisconnect | null
}

export interface UsageFilter {
  readonly principalId: PrincipalId | null
  readonly sinceMs: number
  readonly untilMs: number
  readonly limit: number
}

/** What one device of one person has used in the sessions last heard of within a time. */
export interface ShownUsage {
  readonly person: string | null
  readonly device: string
  readonly sessions: number
  readonly seconds: string
  readonly input: string
  readonly output: string
  readonly lastAt: string
}

export interface SessionReading {
  list(filter: SessionFilter): Promise<readonly ShownSession[]>
  usage(filter: UsageFilter): Promise<readonly ShownUsage[]>
}
