import { sql } from 'kysely'
import type { Credential } from '../directory/credential.ts'
import { DirectoryError } from '../directory/errors.ts'
import { type CredentialId, makeId, type PrincipalId } from '../directory/id.ts'
import type { Actor, Written } from '../directory/ports/people.ts'
import type { CredentialStore, NewCredential } from '../directory/ports/resources.ts'
import type { Database } from './connection.ts'
import { toCredential } from './entities/credentials.ts'
import { journal } from './journal.ts'
import { voidLinks } from './link-rows.ts'
import { type Tx, writeInChunks, writeOnce, writeOne } from './written.ts'

const PRIMARY_LABEL = 'password'

/** A credential that was put, changed or taken away, without what it is checked against. */
interface ChangedCredential {
  readonly id: string
  readonly version: number
  readonly principal_id: string
  readonly type: string
  readonly label: string
}

/** What a statement returns of the credentials it changes, for {@link noteCredentials}. */
export const CHANGED_CREDENTIAL = ['id', 'version', 'principal_id', 'type', 'label'] as const
const RETURNED = sql.raw(CHANGED_CREDENTIAL.join(', '))

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
      if (credential.type === 'primary-password')
        await voidLinks(tx, [credential.principalId], 'password-set')
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
      const { rows } = await sql<ChangedCredential>`
        insert into credential (id, principal_id, type, label, verifier)
        select gen_random_uuid(), id, 'primary-password', ${PRIMARY_LABEL}, ${verifier}
        from unnest(${chunk}::uuid[]) as given (id)
        on conflict (principal_id) where type = 'primary-password' do update
          set verifier = excluded.verifier, version = nextval('entity_version'),
              created_at = clock_timestamp(), expires_at = null, is_temporary = false
          where credential.verifier <> excluded.verifier
        returning ${RETURNED}`.execute(tx)
      await voidLinks(
        tx,
        rows.map((row) => row.principal_id),
        'password-set',
      )
      noteCredentials(tx, rows, actor)
      return rows.length
    })
  }

  rehash(
    id: CredentialId,
    change: { readonly before: string; readonly after: string },
  ): Promise<Written> {
    return writeOnce(this.#database, async (tx) => {
      const { rows } = await sql<ChangedCredential>`
        update credential set verifier = ${change.after}, version = nextval('entity_version')
        where id = ${id} and verifier = ${change.before}
        returning ${RETURNED}`.execute(tx)
      noteCredentials(tx, rows, { name: 'system', reason: 'stronger parameters' })
      return rows.length
    })
  }

  revoke(id: CredentialId, actor: Actor): Promise<Written> {
    return writeOnce(this.#database, async (tx) => {
      const rows = await tx
        .deleteFrom('credential')
        .where('id', '=', id)
        .returning(CHANGED_CREDENTIAL)
        .execute()
      noteCredentials(tx, rows, actor)
      return rows.length
    })
  }
}

/** Replaces a primary password. */
export async function insertCredential(
  tx: Tx,
  credential: NewCredential,
): Promise<ChangedCredential> {
  const values = {
    id: makeId<CredentialId>(),
    principal_id: credential.principalId,
    type: credential.type,
    label: credential.label,
    verifier: credential.verifier,
    uses: [...(credential.uses ?? [])],
    service_id: credential.serviceId,
    expires_at: credential.expiresAtMs === null ? null : new Date(credential.expiresAtMs),
    is_temporary: credential.isTemporary ?? false,
  }
  const insertion = tx.insertInto('credential').values(values)
  const replacing =
    credential.type === 'primary-password'
      ? insertion.onConflict((conflict) =>
          conflict.column('principal_id').where('type', '=', 'primary-password').doUpdateSet({
            label: values.label,
            verifier: values.verifier,
            expires_at: values.expires_at,
            is_temporary: values.is_temporary,
            version: sql`nextval('entity_version')`,
            created_at: sql`clock_timestamp()`,
          }),
        )
      : insertion
  return replacing.returning(CHANGED_CREDENTIAL).executeTakeFirstOrThrow()
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

/** The journal says that there was a change, of what and whose; never the verifier. */
export function noteCredentials(tx: Tx, changed: readonly ChangedCredential[], actor: Actor): void {
  for (const { id, version, principal_id: principal, type, label } of changed) {
    const detail = { principal, type, label }
    journal(tx, { kind: 'credential', entity: id, version, actor, detail })
  }
}
