import type { NetworkId, PrincipalId } from './id.ts'

/**
 * A thing that cannot prove itself, such as a printer, and is let in by its MAC address. An address is
 * no secret, and whoever sees one can take it on: a device is let in only where its network allows it.
 */
export interface Device {
  readonly kind: 'device'
  /** Sessions and answers name devices as they name people, so their ids are alike. */
  readonly id: PrincipalId
  readonly version: number
  /** `aa:bb:cc:dd:ee:ff`; another address is another device. */
  readonly mac: string
  readonly name: string
  /** Who answers for it, and must be let in herself; null when nobody does. */
  readonly ownerId: PrincipalId | null
  /** Where it may come in, as long as the network allows the method `mac`. */
  readonly networkIds: readonly NetworkId[]
  /** In the place of the network's; null leaves that one. */
  readonly vlan: number | string | null
  readonly enabled: boolean
  /** From when on it is let in no more; null for never. */
  readonly expiresAtMs: number | null
  readonly createdAtMs: number
}
