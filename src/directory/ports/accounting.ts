import type { NasId, PrincipalId } from '../id.ts'

/** What a NAS tells about somebody's session, or about itself. */
export interface SessionReport {
  readonly nasId: NasId
  /** Which box behind that NAS entry speaks: the name it gives itself, else its address. */
  readonly reporter: string
  readonly kind: 'start' | 'interim' | 'stop' | 'nas-started' | 'nas-stopping'
  /** The NAS's own name for the session; `''` when the report is about the NAS. */
  readonly sessionId: string
  /** As the NAS knows her; `''` when it gives none. */
  readonly username: string
  /** Null when the name leads to nobody. */
  readonly principalId: PrincipalId | null
  /** The end device, `''` when the NAS names none. */
  readonly device: string
  /** Access point and network as the NAS names them; null when it does not. */
  readonly station: string | null
  /** Address the device got; null while it has none. */
  readonly address: string | null
  readonly sessionSeconds: number | null
  readonly inputOctets: bigint | null
  readonly outputOctets: bigint | null
  /** The NAS's word for why it ended; null while it has not. */
  readonly endedBecause: string | null
  /** When it happened by our clock, the NAS's own delay taken off. */
  readonly atMs: number
}

export interface SessionStore {
  /**
   * Records one report. The same report twice does no harm, and one that comes late does not undo a
   * newer one.
   */
  record(report: SessionReport): Promise<void>
}
