import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { CredentialId, PrincipalId } from '../directory/id.ts'
import type {
  Claimed,
  KnownPasswords,
  NewPassword,
  PasswordStore,
  Proof,
} from '../directory/ports/passwords.ts'
import type { Actor, Written } from '../directory/ports/people.ts'
import type { Database } from './connection.ts'
import { insertCredential, noteCredentials } from './credential-store.ts'
import { journal } from './journal.ts'
import { voidLinks } from './link-rows.ts'
import { insertMail } from './mail-rows.ts'
import { isProven, lockLiving } from './proof-rows.ts'
import type { Keys } from './sealing.ts'
import type { Tx } from './written.ts'

/** Longer than it may take to set a password elsewhere. */
const CLAIM_SECONDS = 90

export class PostgresPasswordStore implements PasswordStore {
  readonly #database: Database
  readonly #keys: Keys

  constructor(database: Database, keys: Keys) {
    this.#database = database
    this.#keys = keys
  }

  async read(principalId: PrincipalId, limit: number): Promise<KnownPasswords> {
    const { kysely } = this.#database
    const current = await kysely
      .selectFrom('credential')
      .select(['id', 'version', 'verifier'])
      .where('principal_id', '=', principalId)
      .where('type', '=', 'primary-password')
      .executeTakeFirst()
    const earlier = await kysely
      .selectFrom('password_history')
      .select('verifier')
      .where('principal_id', '=', principalId)
      .orderBy('id', 'desc')
      .limit(limit)
      .execute()
    return {
      current: current === undefined ? null : { ...current, id: current.id as CredentialId },
      earlier: earlier.map(({ verifier }) => verifier),
    }
  }

  holds(principalId: PrincipalId, proof: Proof): Promise<boolean> {
    return this.#database.transaction((tx) => isProven(tx, principalId, proof))
  }

  claim(principalId: PrincipalId, proof: Proof): Promise<Claimed> {
    const claim = randomUUID()
    return this.#database.transaction(async (tx) => {
      await lockLiving(tx, principalId)
      if (!(await isProven(tx, principalId, proof))) return { kind: 'stale' }
      const { rows } = await sql`
        insert into password_claim as c (principal_id, claim, claimed_until)
        values (${principalId}::uuid, ${claim}::uuid,
          clock_timestamp() + make_interval(secs => ${CLAIM_SECONDS}))
        on conflict (principal_id) do update
          set claim = excluded.claim, claimed_until = excluded.claimed_until
          where c.claimed_until <= clock_timestamp()
        returning 1`.execute(tx)
      return rows.length === 1 ? { kind: 'claimed', claim } : { kind: 'busy' }
    })
  }

  async release(principalId: PrincipalId, claim: string): Promise<void> {
    await this.#database.transaction((tx) => endClaim(tx, principalId, claim))
  }

  async set(password: NewPassword, actor: Actor): Promise<Written | null> {
    const { value, inboxSeq } = await this.#database.write(async (tx) => {
      const { principalId, proof, claim } = password
      const lifecycle = await lockLiving(tx, principalId)
      if (!(await isProven(tx, principalId, proof))) return false
      if (!(await endClaim(tx, principalId, claim))) return false
      if (proof.by === 'link') await useUp(tx, proof.linkId)
      await voidLinks(tx, [principalId], 'password-set')
      await remember(tx, password)
      const written = await insertCredential(tx, {
        principalId,
        type: 'primary-password',
        label: 'password',
        verifier: password.verifier,
        serviceId: null,
        expiresAtMs: password.expiresAtMs,
        isTemporary: password.isTemporary,
      })
      if (proof.by === 'link' && lifecycle === 'staged') await activate(tx, principalId, actor)
      if (password.notice !== null) await insertMail(tx, this.#keys, password.notice)
      noteCredentials(tx, [written], actor)
      return true
    })
    return value ? { changed: 1, inboxSeq } : null
  }
}

/** False where another has it by now. */
async function endClaim(tx: Tx, principalId: string, claim: string): Promise<boolean> {
  const { numAffectedRows } = await sql`
    delete from password_claim
    where principal_id = ${principalId}::uuid and claim = ${claim}::uuid`.execute(tx)
  return numAffectedRows === 1n
}

async function useUp(tx: Tx, linkId: string): Promise<void> {
  const { numAffectedRows } = await sql`
    update one_time_link set ended_at = clock_timestamp(), ended_by = 'used'
    where id = ${linkId}::uuid and ended_at is null`.execute(tx)
  if (numAffectedRows !== 1n) throw new Error('a link was used while its principal was locked')
}

/** What is replaced is remembered, and what is older than the policy asks for is not. */
async function remember(tx: Tx, { principalId, keptHistory }: NewPassword): Promise<void> {
  await sql`
    insert into password_history (principal_id, verifier)
    select principal_id, verifier from credential
    where principal_id = ${principalId}::uuid and type = 'primary-password'`.execute(tx)
  await sql`
    delete from password_history
    where principal_id = ${principalId}::uuid and id not in (
      select id from password_history where principal_id = ${principalId}::uuid
      order by id desc limit ${keptHistory})`.execute(tx)
}

async function activate(tx: Tx, id: string, actor: Actor): Promise<void> {
  const { rows } = await sql<{ version: number }>`
    update principal set lifecycle = 'active', version = nextval('entity_version')
    where id = ${id}::uuid and lifecycle = 'staged' returning version`.execute(tx)
  for (const { version } of rows) journal(tx, { kind: 'person', entity: id, version, actor })
}
