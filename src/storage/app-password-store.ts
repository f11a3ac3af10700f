import { sql } from 'kysely'
import type { AppPasswordUse } from '../directory/credential.ts'
import { DirectoryError } from '../directory/errors.ts'
import type { CredentialId, PrincipalId } from '../directory/id.ts'
import {
  type AppPassword,
  type AppPasswordStore,
  MAX_APP_PASSWORDS,
  type NewAppPassword,
} from '../directory/ports/app-passwords.ts'
import type { Actor, Written } from '../directory/ports/people.ts'
import type { Database } from './connection.ts'
import { CHANGED_CREDENTIAL, insertCredential, noteCredentials } from './credential-store.ts'
import { insertMail } from './mail-rows.ts'
import { isProven, lockLiving } from './proof-rows.ts'
import type { Keys } from './sealing.ts'
import type { Tx } from './written.ts'

interface Row {
  readonly id: string
  readonly label: string
  readonly uses: readonly AppPasswordUse[]
  readonly service_id: string | null
  readonly created_at: Date
  readonly expires_at: Date | null
  readonly used_at: Date | null
  readonly address: string | null
}

export class PostgresAppPasswordStore implements AppPasswordStore {
  readonly #database: Database
  readonly #keys: Keys

  constructor(database: Database, keys: Keys) {
    this.#database = database
    this.#keys = keys
  }

  async listFor(principalId: PrincipalId): Promise<readonly AppPassword[]> {
    const { rows } = await sql<Row>`
      select c.id, c.label, c.uses, c.service_id, c.created_at, c.expires_at, u.used_at, u.address
      from credential c left join credential_use u on u.credential_id = c.id
      where c.principal_id = ${principalId}::uuid and c.type = 'app-password'
      order by c.created_at, c.id`.execute(this.#database.kysely)
    return rows.map(toAppPassword)
  }

  async add(password: NewAppPassword, actor: Actor) {
    const { principalId, proof } = password
    const { value, inboxSeq } = await this.#database.write(async (tx) => {
      await lockLiving(tx, principalId)
      if (!(await isProven(tx, principalId, proof))) return null
      await requireRoom(tx, password)
      const written = await insertCredential(tx, {
        principalId,
        type: 'app-password',
        label: password.name,
        verifier: password.verifier,
        uses: password.uses,
        serviceId: password.serviceId,
        expiresAtMs: password.expiresAtMs,
      })
      if (password.notice !== null) await insertMail(tx, this.#keys, password.notice)
      noteCredentials(tx, [written], actor)
      return written.id as CredentialId
    })
    return value === null ? null : { id: value, changed: 1, inboxSeq }
  }

  async revoke(
    { principalId, id, proof }: Parameters<AppPasswordStore['revoke']>[0],
    actor: Actor,
  ): Promise<Written | null> {
    const { value, inboxSeq } = await this.#database.write(async (tx) => {
      await lockLiving(tx, principalId)
      if (!(await isProven(tx, principalId, proof))) return null
      const hers = tx
        .deleteFrom('credential')
        .where('principal_id', '=', principalId)
        .where('type', '=', 'app-password')
      const rows = await (id === 'all' ? hers : hers.where('id', '=', id))
        .returning(CHANGED_CREDENTIAL)
        .execute()
      noteCredentials(tx, rows, actor)
      return rows.length
    })
    return value === null ? null : { changed: value, inboxSeq }
  }
}

/** With the principal locked nobody else takes the last place, or the name. */
async function requireRoom(tx: Tx, { principalId, name }: NewAppPassword): Promise<void> {
  const { rows } = await sql<{ label: string; is_same: boolean }>`
    select label, lower(label) = lower(${name}) as is_same from credential
    where principal_id = ${principalId}::uuid and type = 'app-password'`.execute(tx)
  if (rows.some((row) => row.is_same))
    throw new DirectoryError(
      'DIRECTORY_CONFLICT',
      `there is an app password named "${name}": revoke it first, or take another name`,
    )
  if (rows.length >= MAX_APP_PASSWORDS)
    throw new DirectoryError(
      'DIRECTORY_REFUSED',
      `nobody has more than ${MAX_APP_PASSWORDS} app passwords: revoke one that is of no more use`,
    )
}

function toAppPassword(row: Row): AppPassword {
  return {
    id: row.id as CredentialId,
    name: row.label,
    uses: row.uses,
    serviceId: row.service_id as PrincipalId | null,
    createdAtMs: row.created_at.getTime(),
    expiresAtMs: row.expires_at?.getTime() ?? null,
    lastUse:
      row.used_at === null ? null : { atMs: row.used_at.getTime(), address: row.address ?? '' },
  }
}
