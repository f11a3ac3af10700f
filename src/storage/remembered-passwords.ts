import { sql } from 'kysely'
import type { PrincipalId } from '../directory/id.ts'
import type { RememberedPasswordStore } from '../directory/ports/resources.ts'
import type { Database } from './connection.ts'
import { CHANGED_CREDENTIAL, noteCredentials } from './credential-store.ts'

const ACTOR = { name: 'system', reason: null }

/** Verifiers of passwords a source has found right; they go with the person's next change. */
export class PostgresRememberedPasswords implements RememberedPasswordStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async remember(password: Parameters<RememberedPasswordStore['remember']>[0]): Promise<void> {
    const { principalId, principalVersion, verifier, sourceName, rememberMs } = password
    await this.#database.write(async (tx) => {
      // A hold, or any other change of hers, comes before this or finds the version gone.
      const { rows } = await sql<{ id: string }>`
        select id from principal where id = ${principalId} and version = ${principalVersion}
        for share`.execute(tx)
      if (rows.length === 0) return
      const written = await sql<Parameters<typeof noteCredentials>[1][number]>`
        insert into credential
          (id, principal_id, type, label, verifier, principal_version, expires_at)
        values (gen_random_uuid(), ${principalId}, 'source-password', ${sourceName}, ${verifier},
          ${principalVersion}, clock_timestamp() + make_interval(secs => ${rememberMs / 1000}))
        on conflict (principal_id) where type = 'source-password' do update
          set label = excluded.label, verifier = excluded.verifier,
              principal_version = excluded.principal_version, expires_at = excluded.expires_at,
              version = nextval('entity_version'), created_at = clock_timestamp()
        returning ${sql.raw(CHANGED_CREDENTIAL.join(', '))}`.execute(tx)
      noteCredentials(tx, written.rows, ACTOR)
    })
  }

  async forget(principalId: PrincipalId): Promise<void> {
    await this.#database.write(async (tx) => {
      const rows = await tx
        .deleteFrom('credential')
        .where('principal_id', '=', principalId)
        .where('type', '=', 'source-password')
        .returning(CHANGED_CREDENTIAL)
        .execute()
      noteCredentials(tx, rows, { ...ACTOR, reason: 'the source says otherwise' })
    })
  }
}
