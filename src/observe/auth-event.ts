/** One answer given to somebody who wanted in. Every denial is a row; like successes are counted. */
export interface AuthEvent {
  readonly atMs: number
  readonly outcome: 'success' | 'denied' | 'unavailable'
  /** A {@link Denial} or an unavailability's reason; null for a success. */
  readonly reason: string | null
  readonly resourceKind: 'ldap' | 'network' | 'scim' | 'admin' | 'account'
  /** Name of the LDAP client, network or connection; null where there is none. */
  readonly resourceName: string | null
  readonly method: string
  /** Null when the name led to nobody. */
  readonly principalId: string | null
  /** As it was claimed, cut to 256 characters. */
  readonly name: string
  readonly address: string
  readonly device: string | null
  /** More for the reader: NAS, SSID, TLS version … never a secret. */
  readonly detail: Readonly<Record<string, string | number | boolean>> | null
}

/** Where answers are recorded. Never blocks and never throws; what cannot be kept is counted. */
export interface AuthEventSink {
  record(event: AuthEvent): void
}
