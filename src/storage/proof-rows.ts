import { type RawBuilder, sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import type { Proof } from '../directory/ports/passwords.ts'
import type { Tx } from './written.ts'

/** Locks a principal until the end of the transaction; tells its lifecycle. */
export async function lockLiving(tx: Tx, id: string): Promise<string> {
  const { rows } = await sql<{ lifecycle: string }>`
    select lifecycle from principal where id = ${id}::uuid and lifecycle <> 'deleted'
    for update`.execute(tx)
  const lifecycle = rows[0]?.lifecycle
  if (lifecycle !== undefined) return lifecycle
  throw new DirectoryError('DIRECTORY_NOT_FOUND', 'there is nobody with such an id')
}

/** With the principal locked it stays so until the end of the transaction. */
export async function isProven(tx: Tx, principalId: string, proof: Proof): Promise<boolean> {
  if (proof.by === 'admin') return true
  const { rows } = await sql<{ is_proven: boolean }>`
    select not exists (select from hold where principal_id = ${principalId}::uuid) and ${
      proof.by === 'link'
        ? sql`exists (
            select from one_time_link
            where id = ${proof.linkId}::uuid and principal_id = ${principalId}::uuid
              and ended_at is null and expires_at > clock_timestamp())`
        : sql`${proof.credentialVersion}::bigint is not distinct from (
            select version from credential
            where principal_id = ${principalId}::uuid and type = 'primary-password')
            and ${passkeyHolds(principalId, proof.passkeyId)}`
    } and (${proof.hasSecondFactor === true}
      or not exists (select from totp where principal_id = ${principalId}::uuid)) as is_proven`.execute(
    tx,
  )
  return rows[0]?.is_proven ?? false
}

/** A session that a passkey has opened ends with the passkey. */
function passkeyHolds(principalId: string, passkeyId: string | undefined): RawBuilder<boolean> {
  return passkeyId === undefined
    ? sql`true`
    : sql`exists (select from passkey
        where id = ${passkeyId}::uuid and principal_id = ${principalId}::uuid)`
}
