import { sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import type { CredentialId, PrincipalId } from '../directory/id.ts'
import type { AppPasswordProof } from '../directory/ports/app-passwords.ts'
import type {
  NetworkPassword,
  NetworkPasswordStore,
  NetworkSecret,
  NetworkSecretReader,
  NewNetworkPassword,
} from '../directory/ports/network-passwords.ts'
import type { Actor, Written } from '../directory/ports/people.ts'
import type { Database } from './connection.ts'
import { CHANGED_CREDENTIAL, insertCredential, noteCredentials } from './credential-store.ts'
import { rethrow } from './fault.ts'
import { insertMail } from './mail-rows.ts'
import { sealNetworkSecret, unsealNetworkSecret } from './network-secret.ts'
import { isProven, lockLiving } from './proof-rows.ts'
import type { Keys, Place } from './sealing.ts'
import type { Tx } from './written.ts'

const TYPE = 'network-password'

export class PostgresNetworkPasswordStore implements NetworkPasswordStore, NetworkSecretReader {
  readonly #database: Database
  readonly #keys: Keys

  constructor(database: Database, keys: Keys) {
    this.#database = database
    this.#keys = keys
  }

  async find(principalId: PrincipalId): Promise<NetworkPassword | null> {
    const { rows } = await sql<{ created_at: Date; used_at: Date | null; address: string | null }>`
      select c.created_at, u.used_at, u.address
      from credential c left join credential_use u on u.credential_id = c.id
      where c.principal_id = ${principalId}::uuid and c.type = ${TYPE}`.execute(
      this.#database.kysely,
    )
    const [row] = rows
    if (row === undefined) return null
    const { created_at: createdAt, used_at: usedAt, address } = row
    const lastUse = usedAt === null ? null : { atMs: usedAt.getTime(), address: address ?? '' }
    return { createdAtMs: createdAt.getTime(), lastUse }
  }

  async put(password: NewNetworkPassword, actor: Actor): Promise<Written | null> {
    const { principalId } = password
    const { value, inboxSeq } = await this.#database.write(async (tx) => {
      await lockLiving(tx, principalId)
      if (!(await isProven(tx, principalId, password.proof))) return false
      await requireAllowed(tx)
      const before = await remove(tx, principalId)
      const written = await insertCredential(tx, {
        principalId,
        type: TYPE,
        label: 'network password',
        verifier: password.verifier,
        uses: ['radius'],
        serviceId: null,
        expiresAtMs: null,
      })
      const sealed = sealNetworkSecret(this.#keys, placeOf(written.id), password)
      await tx.updateTable('credential').set({ sealed }).where('id', '=', written.id).execute()
      if (password.notice !== null) await insertMail(tx, this.#keys, password.notice)
      noteCredentials(tx, [...before, written], actor)
      return true
    })
    return value ? { changed: 1, inboxSeq } : null
  }

  async revoke(
    principalId: PrincipalId,
    proof: AppPasswordProof,
    actor: Actor,
  ): Promise<Written | null> {
    const { value, inboxSeq } = await this.#database.write(async (tx) => {
      await lockLiving(tx, principalId)
      if (!(await isProven(tx, principalId, proof))) return null
      const removed = await remove(tx, principalId)
      noteCredentials(tx, removed, actor)
      return removed.length
    })
    return value === null ? null : { changed: value, inboxSeq }
  }

  async readNetworkSecret(id: CredentialId): Promise<NetworkSecret | null> {
    const { rows } = await sql<{ sealed: Buffer | null }>`
      select c.sealed from credential c, settings s
      where c.id = ${id}::uuid and c.type = ${TYPE} and s.allow_network_passwords`
      .execute(this.#database.kysely)
      .catch(rethrow)
    const [row] = rows
    return row?.sealed == null ? null : unsealNetworkSecret(this.#keys, placeOf(id), row.sealed)
  }
}

function placeOf(id: string): Place {
  return { table: 'credential', column: 'sealed', row: id }
}

function remove(tx: Tx, principalId: PrincipalId) {
  return tx
    .deleteFrom('credential')
    .where('principal_id', '=', principalId)
    .where('type', '=', TYPE)
    .returning(CHANGED_CREDENTIAL)
    .execute()
}

/** Whoever forbids them waits for this to end, and then finds it. */
async function requireAllowed(tx: Tx): Promise<void> {
  const { rows } = await sql`
    select from settings where allow_network_passwords for share`.execute(tx)
  if (rows.length > 0) return
  throw new DirectoryError(
    'DIRECTORY_REFUSED',
    'network passwords are not allowed here: an owner allows them with `gatehouse network-password allow`',
  )
}
