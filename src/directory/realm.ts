import type { RealmId } from './id.ts'
import type { RadsecIdentity } from './network.ts'

/** A RADIUS server that answers for a realm. */
export interface HomeServerAddress {
  /** An address; over TLS a DNS name as well. */
  readonly host: string
  /** Authentication over UDP, everything over TLS. */
  readonly port: number
  /** Over UDP only; null forwards no accounting to it. */
  readonly acctPort: number | null
  /** What its certificate has to show; null is UDP. */
  readonly radsec: RadsecIdentity | null
  readonly secret: Buffer
}

/** People of others, who are authenticated at home (RFC 7542; eduroam, RFC 7593). */
export interface Realm {
  readonly kind: 'realm'
  readonly id: RealmId
  readonly version: number
  /** `example.org` alone, `*.example.org` for all below it, `*` for all that is not ours. */
  readonly name: string
  /** Asked in this order; the first that lives answers. None: the realm is ours. */
  readonly servers: readonly HomeServerAddress[]
  /** Names of reply attributes that its servers may set beside those of the log-in itself. */
  readonly allow: readonly string[]
  /** Where its people are put; null leaves it to the NAS. */
  readonly vlan: number | string | null
  /** The realm we give as Operator-Name (RFC 5580); null gives none. */
  readonly operatorName: string | null
}
