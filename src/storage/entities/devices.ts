import { sql } from 'kysely'
import type { Device } from '../../directory/device.ts'
import type { NetworkId, PrincipalId } from '../../directory/id.ts'
import { lastJournalRow } from './principal-columns.ts'
import { type EntityReader, type LastChange, lastChange, readVersions } from './reader.ts'

interface DeviceRow extends LastChange {
  readonly id: string
  readonly version: number
  readonly mac: string
  readonly name: string
  readonly owner_id: string | null
  readonly network_ids: readonly string[]
  readonly vlan: number | string | null
  readonly enabled: boolean
  readonly expires_at: Date | null
  readonly created_at: Date
}

export const devicesReader: EntityReader = {
  kind: 'device',
  versions: (db) => readVersions(db, sql`select id, version from device`),
  async read(db, ids) {
    const { rows } = await sql<DeviceRow>`
      select d.id, d.version, d.mac, d.name, d.owner_id, d.network_ids, d.vlan, d.enabled,
        d.expires_at, d.created_at, j.usn, j.stamped_at
      from device d ${lastJournalRow('d.id')}
      where d.id = any (${ids}::uuid[])`.execute(db)
    return rows.map((row) => ({
      id: row.id,
      value: toDevice(row),
      ...lastChange(row, row.created_at),
    }))
  },
}

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
