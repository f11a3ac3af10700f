import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import type { PrincipalId } from '../directory/id.ts'
import type { Actor, Written } from '../directory/ports/people.ts'
import type {
  NewTotp,
  SecondFactorStore,
  Totp,
  TotpSecret,
} from '../directory/ports/second-factors.ts'
import type { Database } from './connection.ts'
import { changeFactor } from './factor-rows.ts'
import { rethrow } from './fault.ts'
import { type Keys, type Place, seal, unseal } from './sealing.ts'
import type { Tx } from './written.ts'

/** What the journal says it is. */
const APP = 'authenticator app'

export class PostgresSecondFactorStore implements SecondFactorStore {
  readonly #parts: { readonly database: Database; readonly keys: Keys }

  constructor(database: Database, keys: Keys) {
    this.#parts = { database, keys }
  }

  async findTotp(principalId: PrincipalId): Promise<Totp | null> {
    const { rows } = await sql<{ created_at: Date; used_at: Date | null; codes: number }>`
      select created_at, used_at, (select count(*)::integer from recovery_code r
        where r.principal_id = t.principal_id) as codes
      from totp t where principal_id = ${principalId}::uuid`
      .execute(this.#parts.database.kysely)
      .catch(rethrow)
    const [row] = rows
    if (row === undefined) return null
    return {
      createdAtMs: row.created_at.getTime(),
      lastUsedAtMs: row.used_at?.getTime() ?? null,
      recoveryCodesLeft: row.codes,
    }
  }

  async readTotpSecret(principalId: PrincipalId): Promise<TotpSecret | null> {
    const { rows } = await sql<{ id: string; secret: Buffer; last_step: number }>`
      select id, secret, last_step from totp where principal_id = ${principalId}::uuid`
      .execute(this.#parts.database.kysely)
      .catch(rethrow)
    const [row] = rows
    if (row === undefined) return null
    const { id, last_step: lastStep } = row
    return { id, secret: unseal(this.#parts.keys, placeOf(id), row.secret), lastStep }
  }

  addTotp(totp: NewTotp, actor: Actor): Promise<Written | null> {
    const { principalId } = totp
    return changeFactor(this.#parts, { ...totp, actor, what: 'totp-added' }, async (tx) => {
      const id = randomUUID()
      const sealed = seal(this.#parts.keys, placeOf(id), totp.secret)
      const { rows } = await sql`
        insert into totp (principal_id, id, secret, last_step)
        values (${principalId}::uuid, ${id}::uuid, ${sealed}, ${totp.step})
        on conflict (principal_id) do nothing returning 1`.execute(tx)
      if (rows.length === 0)
        throw new DirectoryError(
          'DIRECTORY_CONFLICT',
          'there is an authenticator app already: remove it first',
        )
      await insertCodes(tx, principalId, totp.recoveryCodes)
      return [APP]
    })
  }

  /** A use, as of an app password, is no change that the journal would keep. */
  async takeStep(
    principalId: PrincipalId,
    { id, step }: { readonly id: string; readonly step: number },
  ): Promise<boolean> {
    const { rows } = await sql`
      update totp set last_step = ${step}, used_at = clock_timestamp()
      where principal_id = ${principalId}::uuid and id = ${id}::uuid and last_step < ${step}
      returning 1`
      .execute(this.#parts.database.kysely)
      .catch(rethrow)
    return rows.length === 1
  }

  async takeRecoveryCode(
    use: Parameters<SecondFactorStore['takeRecoveryCode']>[0],
    actor: Actor,
  ): Promise<Written | null> {
    const { principalId, digest, notice } = use
    const change = { principalId, notice, actor, proof: null, what: 'recovery-code-used' }
    const written = await changeFactor(this.#parts, change, async (tx) => {
      const { rows } = await sql`
        delete from recovery_code
        where principal_id = ${principalId}::uuid and digest = ${digest} returning 1`.execute(tx)
      return rows.length === 1 ? [APP] : []
    })
    return written?.changed === 1 ? written : null
  }

  replaceRecoveryCodes(
    change: Parameters<SecondFactorStore['replaceRecoveryCodes']>[0],
    actor: Actor,
  ): Promise<Written | null> {
    const { principalId, recoveryCodes } = change
    return changeFactor(
      this.#parts,
      { ...change, actor, what: 'recovery-codes-made' },
      async (tx) => {
        const { rows } = await sql`
        select 1 from totp where principal_id = ${principalId}::uuid`.execute(tx)
        if (rows.length === 0) return []
        await sql`delete from recovery_code where principal_id = ${principalId}::uuid`.execute(tx)
        await insertCodes(tx, principalId, recoveryCodes)
        return [APP]
      },
    )
  }

  removeTotp(
    change: Parameters<SecondFactorStore['removeTotp']>[0],
    actor: Actor,
  ): Promise<Written | null> {
    return changeFactor(this.#parts, { ...change, actor, what: 'totp-removed' }, async (tx) => {
      const { rows } = await sql`
        delete from totp where principal_id = ${change.principalId}::uuid returning 1`.execute(tx)
      return rows.length === 1 ? [APP] : []
    })
  }
}

async function insertCodes(tx: Tx, principalId: string, digests: readonly string[]): Promise<void> {
  await sql`
    insert into recovery_code (principal_id, digest)
    select ${principalId}::uuid, d from unnest(${[...digests]}::text[]) as d`.execute(tx)
}

function placeOf(id: string): Place {
  return { table: 'totp', column: 'secret', row: id }
}
