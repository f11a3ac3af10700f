import type { AppPasswordUse, Credential } from '../../directory/credential.ts'
import type { CredentialId, PrincipalId } from '../../directory/id.ts'
import { makeTableReader, type OwnRow } from './table-reader.ts'

export interface CredentialRow extends OwnRow {
  readonly principal_id: string
  readonly type: Credential['type']
  readonly label: string
  readonly verifier: string
  readonly uses: readonly string[]
  readonly service_id: string | null
  readonly principal_version: number | null
  readonly expires_at: Date | null
  readonly is_temporary: boolean
}

export const credentialsReader = makeTableReader('credential', 'credential', toCredential)

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
