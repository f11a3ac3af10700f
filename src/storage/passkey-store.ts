import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import type { PrincipalId } from '../directory/id.ts'
import {
  MAX_PASSKEYS,
  type NewPasskey,
  type Passkey,
  type PasskeyKey,
  type PasskeyStore,
  type SpentChallenge,
} from '../directory/ports/passkeys.ts'
import type { Actor, Written } from '../directory/ports/people.ts'
import type { Database } from './connection.ts'
import { changeFactor } from './factor-rows.ts'
import { rethrow } from './fault.ts'
import type { Keys } from './sealing.ts'
import type { Tx } from './written.ts'

interface Row {
  readonly id: string
  readonly name: string
  readonly credential_id: string
  readonly transports: readonly string[]
  readonly is_synced: boolean
  readonly created_at: Date
  readonly used_at: Date | null
}

export class PostgresPasskeyStore implements PasskeyStore {
  readonly #parts: { readonly database: Database; readonly keys: Keys }

  constructor(database: Database, keys: Keys) {
    this.#parts = { database, keys }
  }

  async listFor(principalId: PrincipalId): Promise<readonly Passkey[]> {
    const { rows } = await sql<Row>`
      select id, name, credential_id, transports, is_synced, created_at, used_at from passkey
      where principal_id = ${principalId}::uuid order by created_at, id`
      .execute(this.#parts.database.kysely)
      .catch(rethrow)
    return rows.map((row) => ({
      id: row.id,
      name: row.name,
      credentialId: row.credential_id,
      transports: row.transports,
      isSynced: row.is_synced,
      createdAtMs: row.created_at.getTime(),
      lastUsedAtMs: row.used_at?.getTime() ?? null,
    }))
  }

  async find(credentialId: string): Promise<PasskeyKey | null> {
    const { rows } = await sql<{ id: string; principal_id: PrincipalId; public_key: Buffer }>`
      select id, principal_id, public_key from passkey where credential_id = ${credentialId}`
      .execute(this.#parts.database.kysely)
      .catch(rethrow)
    const [row] = rows
    if (row === undefined) return null
    const { id, principal_id: principalId } = row
    return { id, principalId, publicKey: new Uint8Array(row.public_key) }
  }

  add(passkey: NewPasskey, actor: Actor): Promise<Written | null> {
    return changeFactor(this.#parts, { ...passkey, actor, what: 'passkey-added' }, async (tx) => {
      if (!(await spend(tx, passkey.challenge))) return null
      await requireRoom(tx, passkey)
      const { rows } = await sql`
        insert into passkey (id, principal_id, name, credential_id, public_key, counter,
          transports, is_synced)
        values (${randomUUID()}::uuid, ${passkey.principalId}::uuid, ${passkey.name},
          ${passkey.credentialId}, ${Buffer.from(passkey.publicKey)}, ${passkey.counter},
          ${[...passkey.transports]}::text[], ${passkey.isSynced})
        on conflict (credential_id) do nothing returning 1`.execute(tx)
      if (rows.length === 1) return [passkey.name]
      throw new DirectoryError('DIRECTORY_CONFLICT', 'that passkey is registered already')
    })
  }

  use({
    id,
    counter,
    isSynced,
    challenge,
  }: Parameters<PasskeyStore['use']>[0]): Promise<'used' | 'spent' | 'regressed'> {
    return this.#parts.database.transaction(async (tx) => {
      if (!(await spend(tx, challenge))) return 'spent'
      const { rows } = await sql`
        update passkey
        set counter = ${counter}, is_synced = ${isSynced}, used_at = clock_timestamp()
        where id = ${id}::uuid and (counter < ${counter} or (counter = 0 and ${counter} = 0))
        returning 1`.execute(tx)
      return rows.length === 1 ? 'used' : 'regressed'
    })
  }

  remove(which: Parameters<PasskeyStore['remove']>[0], actor: Actor): Promise<Written | null> {
    const { principalId, id } = which
    return changeFactor(this.#parts, { ...which, actor, what: 'passkey-removed' }, async (tx) => {
      const { rows } = await sql<{ name: string }>`
        delete from passkey
        where principal_id = ${principalId}::uuid and (${id} = 'all' or id::text = ${id})
        returning name`.execute(tx)
      return rows.map(({ name }) => name)
    })
  }
}

/** False where it was answered before. */
async function spend(tx: Tx, { digest, expiresAtMs }: SpentChallenge): Promise<boolean> {
  const { rows } = await sql`
    insert into spent_challenge (digest, expires_at) values (${digest}, ${new Date(expiresAtMs)})
    on conflict do nothing returning 1`.execute(tx)
  return rows.length === 1
}

/** With the principal locked nobody else takes the last place, or the name. */
async function requireRoom(tx: Tx, { principalId, name }: NewPasskey): Promise<void> {
  const { rows } = await sql<{ is_same: boolean }>`
    select lower(name) = lower(${name}) as is_same from passkey
    where principal_id = ${principalId}::uuid`.execute(tx)
  if (rows.some((row) => row.is_same))
    throw new DirectoryError(
      'DIRECTORY_CONFLICT',
      `there is a passkey named "${name}": take another name`,
    )
  if (rows.length >= MAX_PASSKEYS)
    throw new DirectoryError(
      'DIRECTORY_REFUSED',
      `nobody has more than ${MAX_PASSKEYS} passkeys: remove one that is of no more use`,
    )
}
