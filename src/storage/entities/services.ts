import { sql } from 'kysely'
import type { Lifecycle } from '../../directory/hold.ts'
import type { GroupId, PrincipalId } from '../../directory/id.ts'
import type { Administrator, Service, View } from '../../directory/service.ts'
import { HOLDS_OF_PRINCIPAL, type HoldJson, lastJournalRow, toHolds } from './principal-columns.ts'
import { type EntityReader, type LastChange, lastChange } from './reader.ts'

interface PrincipalRow extends LastChange {
  readonly id: string
  readonly no: number
  readonly version: number
  readonly lifecycle: Lifecycle
  readonly created_at: Date
  readonly holds: readonly HoldJson[]
}

interface ServiceRow extends PrincipalRow {
  readonly purpose: Service['purpose']
  readonly name: string
  readonly view_group_ids: readonly string[] | null
  readonly allowed_group_ids: readonly string[] | null
}

interface AdministratorRow extends PrincipalRow {
  readonly username: string
  readonly role: Administrator['role']
}

export const servicesReader: EntityReader = {
  kind: 'service',
  async versions(db) {
    const { rows } = await sql<{ id: string; version: number }>`
      select s.id, pr.version from service s join principal pr on pr.id = s.id`.execute(db)
    return new Map(rows.map(({ id, version }) => [id, version]))
  },
  async read(db, ids) {
    const { rows } = await sql<ServiceRow>`
      select pr.no, pr.version, pr.lifecycle, pr.created_at, s.*,
             ${HOLDS_OF_PRINCIPAL} as holds, j.usn, j.stamped_at
      from principal pr join service s on s.id = pr.id ${lastJournalRow('pr.id')}
      where pr.id = any (${ids}::uuid[])`.execute(db)
    return rows.map((row) => ({
      id: row.id,
      value: toService(row),
      ...lastChange(row, row.created_at),
    }))
  },
}

export const administratorsReader: EntityReader = {
  kind: 'administrator',
  async versions(db) {
    const { rows } = await sql<{ id: string; version: number }>`
      select a.id, pr.version from administrator a join principal pr on pr.id = a.id`.execute(db)
    return new Map(rows.map(({ id, version }) => [id, version]))
  },
  async read(db, ids) {
    const { rows } = await sql<AdministratorRow>`
      select pr.no, pr.version, pr.lifecycle, pr.created_at, a.*,
             ${HOLDS_OF_PRINCIPAL} as holds, j.usn, j.stamped_at
      from principal pr join administrator a on a.id = pr.id ${lastJournalRow('pr.id')}
      where pr.id = any (${ids}::uuid[])`.execute(db)
    return rows.map((row) => ({
      id: row.id,
      value: toAdministrator(row),
      ...lastChange(row, row.created_at),
    }))
  },
}

function toService(row: ServiceRow): Service {
  return {
    kind: 'service',
    id: row.id as PrincipalId,
    no: row.no,
    version: row.version,
    purpose: row.purpose,
    name: row.name,
    view: toView(row.view_group_ids),
    allowedGroupIds: row.allowed_group_ids as readonly GroupId[] | null,
    lifecycle: row.lifecycle,
    holds: toHolds(row.holds),
    createdAtMs: row.created_at.getTime(),
  }
}

function toView(groupIds: readonly string[] | null): View {
  return groupIds === null ? { sees: 'all' } : { sees: 'groups', groupIds: groupIds as GroupId[] }
}

function toAdministrator(row: AdministratorRow): Administrator {
  return {
    kind: 'administrator',
    id: row.id as PrincipalId,
    no: row.no,
    version: row.version,
    username: row.username,
    role: row.role,
    lifecycle: row.lifecycle,
    holds: toHolds(row.holds),
    createdAtMs: row.created_at.getTime(),
  }
}
