import type { Device } from '../../directory/device.ts'
import type { NetworkId, PrincipalId } from '../../directory/id.ts'
import { makeTableReader, type OwnRow } from './table-reader.ts'

interface DeviceRow extends OwnRow {
  readonly mac: string
  readonly name: string
  readonly owner_id: string | null
  readonly network_ids: readonly string[]
  readonly vlan: number | string | null
  readonly enabled: boolean
  readonly expires_at: Date | null
}

export const devicesReader = makeTableReader('device', 'device', toDevice)

function toDevice(row: DeviceRow): Device {
  return {
    kind: 'device',
    id: row.id as PrincipalId,
    version: row.version,
    mac: row.mac,
    name: row.name,
    ownerId: row.owner_id as PrincipalId | null,
    networkIds: row.network_ids as readonly NetworkId[],
    vlan: row.vlan,
    enabled: row.enabled,
    expiresAtMs: row.expires_at?.getTime() ?? null,
    createdAtMs: row.created_at.getTime(),
  }
}
