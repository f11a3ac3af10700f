import { sql } from 'kysely'
import type { Credential } from '../directory/credential.ts'
import { DirectoryError } from '../directory/errors.ts'
import { type CredentialId, makeId, type PrincipalId } from '../directory/id.ts'
import type { Actor, Written } from '../directory/ports/people.ts'
import type { CredentialStore, NewCredential } from '../directory/ports/resources.ts'
import type { Database } from './connection.ts'
import { toCredential } from './entities/credentials.ts'
import { journal } from './journal.ts'
import { type Tx, writeInChunks, writeOnce, writeOne } from './written.ts'

const PRIMARY_LABEL = 'password'

interface CredentialVersion {
  readonly id: string
  readonly version: number
}

export class PostgresCredentialStore implements CredentialStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async listFor(principalId: PrincipalId): Promise<readonly Credential[]> {
    const rows = await this.#database.kysely
      .selectFrom('credential')
      .selectAll()
      .where('principal_id', '=', principalId)
      .orderBy('created_at')
      .orderBy('id')
      .execute()
    return rows.map(toCredential)
  }

  put(credential: NewCredential, actor: Actor): Promise<Written & { readonly id: CredentialId }> {
    return writeOne(this.#database, async (tx) => {
      await requireLiving(tx, [credential.principalId])
      const written = await insertCredential(tx, credential)
      noteCredentials(tx, [written], actor)
      return written.id as CredentialId
    })
  }

  putForMany(
    principalIds: readonly PrincipalId[],
    verifier: string,
    actor: Actor,
  ): Promise<Written> {
    return writeInChunks(this.#database, [...new Set(principalIds)], async (tx, chunk) => {
      await requireLiving(tx, chunk)
      const { rows } = await sql<CredentialVersion>`
        insert into credential (id, principal_id, type, label, verifier)
        select gen_random_uuid(), id, 'primary-password', ${PRIMARY_LABEL}, ${verifier}
        from unnest(${chunk}::uuid[]) as given (id)
        on conflict (principal_id) where type = 'primary-password' do update
          set verifier = excluded.verifier, version = nextval('entity_version'),
              created_at = clock_timestamp(), expires_at = null
          where credential.verifier <> excluded.verifier
        returning id, version`.execute(tx)
      noteCredentials(tx, rows, actor)
      return rows.length
    })
  }

  rehash(
    id: CredentialId,
    change: { readonly before: string; readonly after: string },
  ): Promise<Written> {
    return writeOnce(this.#database, async (tx) => {
      const { rows } = await sql<CredentialVersion>`
        update credential set verifier = ${change.after}, version = nextval('entity_version')
        where id = ${id} and verifier = ${change.before}
        returning id, version`.execute(tx)
      noteCredentials(tx, rows, { name: 'system', reason: 'stronger parameters' })
      return rows.length
    })
  }

  revoke(id: CredentialId, actor: Actor): Promise<Written> {
    return writeOnce(this.#database, async (tx) => {
      const rows = await tx
        .deleteFrom('credential')
        .where('id', '=', id)
        .returning(['id', 'version'])
        .execute()
      noteCredentials(tx, rows, actor)
      return rows.length
    })
  }
}

async function insertCredential(tx: Tx, credential: NewCredential): Promise<CredentialVersion> {
  const values = {
    id: makeId<CredentialId>(),
    principal_id: credential.principalId,
    type: credential.type,
    label: credential.label,
    verifier: credential.verifier,
    service_id: credential.serviceId,
    expires_at: credential.expiresAtMs === null ? null : new Date(credential.expiresAtMs),
  }
  const insertion = tx.insertInto('credential').values(values)
  const replacing =
    credential.type === 'primary-password'
      ? insertion.onConflict((conflict) =>
          conflict.column('principal_id').where('type', '=', 'primary-password').doUpdateSet({
            label: values.label,
            verifier: values.verifier,
            expires_at: values.expires_at,
            version: sql`nextval('entity_version')`,
            created_at: sql`clock_timestamp()`,
          }),
        )
      : insertion
  return replacing.returning(['id', 'version']).executeTakeFirstOrThrow()
}

async function requireLiving(tx: Tx, principalIds: readonly string[]): Promise<void> {
  const rows = await tx
    .selectFrom('principal')
    .select('id')
    .where('id', 'in', principalIds)
    .where('lifecycle', '<>', 'deleted')
    .execute()
  if (rows.length === principalIds.length) return
  throw new DirectoryError('DIRECTORY_NOT_FOUND', 'there is nobody with such an id')
}

/** The journal says that there was a change and whose; never the verifier. */
export function noteCredentials(tx: Tx, changed: readonly CredentialVersion[], actor: Actor): void {
  for (const { id, version } of changed) {
    journal(tx, { kind: 'credential', entity: id, version, actor })
  }
}
