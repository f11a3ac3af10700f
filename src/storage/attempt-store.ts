import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { Actor } from '../directory/ports/people.ts'
import type {
  Attempt,
  AttemptOutcome,
  AttemptStatus,
  AttemptStore,
  ConnectWay,
  NewAttempt,
} from '../sources/attempt-store.ts'
import type { Database } from './connection.ts'
import { journal } from './journal.ts'
import { type Keys, type Place, seal, unseal } from './sealing.ts'
import type { Tx } from './written.ts'

interface AttemptRow {
  readonly id: string
  readonly way: ConnectWay
  readonly status: AttemptStatus
  readonly actor: string
  readonly request: unknown
  readonly note: string | null
  readonly source_id: string | null
  readonly expires_at: Date
}

/** An attempt as the database's clock sees it. */
const COLUMNS = sql`id, way, actor, request, note, source_id, expires_at,
  case when (status = 'waiting' and expires_at <= clock_timestamp())
         or (status = 'working' and working_until <= clock_timestamp())
       then 'expired' else status end as status`

/** Attempts to connect a source, their secrets sealed as long as they are needed. */
export class PostgresAttemptStore implements AttemptStore {
  readonly #db: Database
  readonly #keys: Keys

  constructor(parts: { readonly db: Database; readonly keys: Keys }) {
    this.#db = parts.db
    this.#keys = parts.keys
  }

  async begin(attempt: NewAttempt, actor: Actor): Promise<Attempt> {
    const id = randomUUID()
    const { way, stateHash, request, secret, lifeMs } = attempt
    const sealed = secret === null ? null : seal(this.#keys, secretPlace(id), secret)
    const { value } = await this.#db.write(async (tx) => {
      await forgetSecrets(tx)
      const { rows } = await sql<AttemptRow>`
        insert into connect_attempt (id, way, status, actor, state_hash, request, secret, expires_at)
        values (${id}::uuid, ${way}, 'waiting', ${actor.name}, ${stateHash},
          ${JSON.stringify(request)}::jsonb, ${sealed},
          clock_timestamp() + make_interval(secs => ${lifeMs / 1000}))
        returning ${COLUMNS}`.execute(tx)
      journal(tx, { kind: 'source.connect-begun', entity: id, actor, detail: { way } })
      return rows[0]
    })
    if (value === undefined) throw new Error('an insert gave no row')
    return toAttempt(value)
  }

  async find(id: string): Promise<Attempt | null> {
    const { rows } = await sql<AttemptRow>`
      select ${COLUMNS} from connect_attempt where id = ${id}::uuid`.execute(this.#db.kysely)
    return rows[0] ? toAttempt(rows[0]) : null
  }

  async claim(
    stateHash: Buffer,
    workMs: number,
  ): Promise<{ readonly attempt: Attempt; readonly secret: Buffer } | null> {
    const { rows } = await sql<AttemptRow & { secret: Buffer }>`
      update connect_attempt set status = 'working',
        working_until = clock_timestamp() + make_interval(secs => ${workMs / 1000})
      where state_hash = ${stateHash} and status = 'waiting' and expires_at > clock_timestamp()
      returning ${COLUMNS}, secret`.execute(this.#db.kysely)
    const row = rows[0]
    if (row === undefined) return null
    return { attempt: toAttempt(row), secret: unseal(this.#keys, secretPlace(row.id), row.secret) }
  }

  async report(id: string, note: string, workMs: number): Promise<boolean> {
    const { numAffectedRows = 0n } = await sql`
      update connect_attempt set status = 'working', note = ${note},
        working_until = clock_timestamp() + make_interval(secs => ${workMs / 1000})
      where id = ${id}::uuid and (status = 'waiting' and expires_at > clock_timestamp()
        or status = 'working' and working_until > clock_timestamp())`.execute(this.#db.kysely)
    return numAffectedRows > 0n
  }

  async takeTurn(id: string, tenant: string): Promise<boolean> {
    const { value } = await this.#db.write(async (tx) => {
      // Whoever waited for it sees what the one before has written.
      await sql`select pg_advisory_xact_lock(hashtext(${`connect ${tenant}`}))`.execute(tx)
      const { numAffectedRows = 0n } = await sql`
        update connect_attempt set tenant = ${tenant}
        where id = ${id}::uuid and status = 'working' and working_until > clock_timestamp()
          and not exists (
            select from connect_attempt other where other.tenant = ${tenant}
              and other.id <> ${id}::uuid and other.status = 'working'
              and other.working_until > clock_timestamp())`.execute(tx)
      return numAffectedRows > 0n
    })
    return value
  }

  async end(id: string, outcome: AttemptOutcome): Promise<void> {
    const [sourceId, refusal] =
      'sourceId' in outcome ? [outcome.sourceId, null] : [null, outcome.refusal]
    const note = 'sourceId' in outcome ? (outcome.note ?? null) : refusal
    await this.#db.write(async (tx) => {
      const { rows } = await sql<{ actor: string }>`
        update connect_attempt set status = ${sourceId === null ? 'refused' : 'connected'},
          note = ${note}, source_id = ${sourceId}::uuid, secret = null, working_until = null
        where id = ${id}::uuid and status in ('waiting', 'working') returning actor`.execute(tx)
      for (const { actor } of rows)
        journal(tx, {
          kind: 'source.connect-ended',
          entity: id,
          actor: { name: actor, reason: refusal },
          detail: { sourceId },
        })
    })
  }
}

/** Of attempts that have run out: nobody will open them again. */
async function forgetSecrets(tx: Tx): Promise<void> {
  await sql`
    update connect_attempt set secret = null where secret is not null
      and (status = 'waiting' and expires_at <= clock_timestamp()
        or status = 'working' and working_until <= clock_timestamp())`.execute(tx)
}

function toAttempt(row: AttemptRow): Attempt {
  return {
    id: row.id,
    way: row.way,
    status: row.status,
    actor: row.actor,
    request: row.request,
    note: row.note,
    sourceId: row.source_id,
    expiresAtMs: row.expires_at.getTime(),
  }
}

function secretPlace(id: string): Place {
  return { table: 'connect_attempt', column: 'secret', row: id }
}
