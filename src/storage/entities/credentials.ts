import { sql } from 'kysely'
import type { AppPasswordUse, Credential } from '../../directory/credential.ts'
import type { CredentialId, PrincipalId } from '../../directory/id.ts'
import { lastJournalRow } from './principal-columns.ts'
import { type EntityReader, type LastChange, lastChange, readVersions } from './reader.ts'

export interface CredentialRow {
  readonly id: string
  readonly version: number
  readonly principal_id: string
  readonly type: Credential['type']
  readonly label: string
  readonly verifier: string
  readonly uses: readonly string[]
  readonly service_id: string | null
  readonly principal_version: number | null
  readonly expires_at: Date | null
  readonly is_temporary: boolean
  readonly created_at: Date
}

export const credentialsReader: EntityReader = {
  kind: 'credential',
  versions(db) {
    return readVersions(db, sql`select id, version from credential`)
  },
  async read(db, ids) {
    const { rows } = await sql<CredentialRow & LastChange>`
      select c.*, j.usn, j.stamped_at
      from unnest(${ids}::uuid[]) as asked (id)
      join credential c on c.id = asked.id ${lastJournalRow('c.id')}`.execute(db)
    return rows.map((row) => ({
      id: row.id,
      value: toCredential(row),
      ...lastChange(row, row.created_at),
    }))
  },
}

export function toCredential(row: CredentialRow): Credential {
  return {
    kind: 'credential',
    id: row.id as CredentialId,
    principalId: row.principal_id as PrincipalId,
    version: row.version,
    type: row.type,
    label: row.label,
    verifier: row.verifier,
    principalVersion: row.principal_version,
    uses: row.uses as readonly AppPasswordUse[],
    serviceId: row.service_id as PrincipalId | null,
    expiresAtMs: row.expires_at?.getTime() ?? null,
    isTemporary: row.is_temporary,
    createdAtMs: row.created_at.getTime(),
  }
}
