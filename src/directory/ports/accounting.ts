import type { CredentialId, NasId, NetworkId, PrincipalId } from '../id.ts'

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
  /** Null when neither what she was admitted with nor the name leads to anybody. */
  readonly principalId: PrincipalId | null
  /** What she was admitted to, where the report shows it. */
  readonly admission: Admission
  /** The end device, `''` when the NAS names none. */
  readonly device: string
  /** Access point and network as the NAS names them; null when it does not. */
  readonly station: string | null
  /** Address the device got; null while it has none. */
  readonly address: string | null
  readonly link: SessionLink
  readonly identity: SessionIdentity
  readonly sessionSeconds: number | null
  readonly inputOctets: bigint | null
  readonly outputOctets: bigint | null
  /** The NAS's word for why it ended; null while it has not. */
  readonly endedBecause: string | null
  /** When it happened by our clock, the NAS's own delay taken off. */
  readonly atMs: number
}

export interface Admission {
  readonly networkId: NetworkId | null
  /** Of one that can be revoked by itself, such as a certificate. */
  readonly credentialId: CredentialId | null
  /** A digest of what she was given, compared with that of what she would be given now. */
  readonly granted: string | null
}

/** How the device is connected, as far as the NAS tells. */
export interface SessionLink {
  readonly ssid: string | null
  readonly ipv6: string | null
  readonly signal: string | null
  readonly connectInfo: string | null
}

/** NAS and session by the names the NAS itself gave them, letter by letter. */
export interface SessionIdentity {
  /** Where the NAS speaks from. */
  readonly from: string
  readonly nasIpAddress: string | null
  readonly nasIpv6Address: string | null
  readonly nasIdentifier: string | null
  readonly nasPort: number | null
  readonly nasPortId: string | null
  readonly multiSessionId: string | null
  readonly callingStationId: string | null
}

export interface SessionStore {
  /**
   * Records one report. The same report twice does no harm, and one that comes late does not undo a
   * newer one.
   */
  record(report: SessionReport): Promise<void>
}
