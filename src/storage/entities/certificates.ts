import { sql } from 'kysely'
import type {
  CertificateMatching,
  ClientAuthority,
  ClientCertificate,
  RevocationReason,
} from '../../directory/client-certificate.ts'
import type { ClientAuthorityId, ClientCertificateId, PrincipalId } from '../../directory/id.ts'
import { type Keys, type Place, seal, unseal } from '../sealing.ts'
import { lastJournalRow } from './principal-columns.ts'
import { type EntityReader, type LastChange, lastChange } from './reader.ts'
import { makeTableReader, type OwnRow } from './table-reader.ts'

interface AuthorityRow extends OwnRow {
  readonly name: string
  readonly certificate: string
  readonly fingerprint: string
  readonly private_key: Buffer | null
  readonly matching: CertificateMatching
  readonly crl: Buffer | null
  readonly crl_url: string | null
  readonly crl_taken_at: Date | null
  readonly crl_error: string | null
}

interface CertificateRow extends OwnRow {
  readonly principal_id: string
  readonly label: string
  readonly authority_id: string
  readonly serial: string
  readonly fingerprint: string
  readonly not_before: Date
  readonly not_after: Date
  readonly revoked_at: Date | null
  readonly reason: RevocationReason | null
}

function keyPlace(id: string): Place {
  return { table: 'client_authority', column: 'private_key', row: id }
}

export function sealAuthorityKey(keys: Keys, id: string, privateKey: string): Buffer {
  return seal(keys, keyPlace(id), Buffer.from(privateKey))
}

export function makeClientAuthoritiesReader(keys: Keys): EntityReader {
  return {
    kind: 'client-authority',
    async versions(db) {
      const rows = await db.selectFrom('client_authority').select(['id', 'version']).execute()
      return new Map(rows.map(({ id, version }) => [id, version]))
    },
    async read(db, ids) {
      const { rows } = await sql<AuthorityRow & LastChange>`
        select a.*, j.usn, j.stamped_at
        from client_authority a ${lastJournalRow('a.id')}
        where a.id = any (${ids}::uuid[])`.execute(db)
      return rows.map((row) => ({
        id: row.id,
        value: toAuthority(row, keys),
        ...lastChange(row, row.created_at),
      }))
    },
  }
}

function toAuthority(row: AuthorityRow, keys: Keys): ClientAuthority {
  const sealed = row.private_key
  return {
    kind: 'client-authority',
    id: row.id as ClientAuthorityId,
    version: row.version,
    name: row.name,
    certificate: row.certificate,
    fingerprint: row.fingerprint,
    privateKey: sealed === null ? null : unseal(keys, keyPlace(row.id), sealed).toString('utf8'),
    matching: row.matching,
    crl: row.crl,
    crlUrl: row.crl_url,
    crlTakenAtMs: row.crl_taken_at?.getTime() ?? null,
    crlError: row.crl_error,
  }
}

export const clientCertificatesReader = makeTableReader(
  'client-certificate',
  'client_certificate',
  toCertificate,
)

function toCertificate(row: CertificateRow): ClientCertificate {
  return {
    kind: 'client-certificate',
    id: row.id as ClientCertificateId,
    version: row.version,
    principalId: row.principal_id as PrincipalId,
    label: row.label,
    authorityId: row.authority_id as ClientAuthorityId,
    serial: row.serial,
    fingerprint: row.fingerprint,
    notBeforeMs: row.not_before.getTime(),
    notAfterMs: row.not_after.getTime(),
    createdAtMs: row.created_at.getTime(),
    revokedAtMs: row.revoked_at?.getTime() ?? null,
    reason: row.reason,
  }
}
