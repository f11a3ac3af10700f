import { sql } from 'kysely'
import type { PrincipalId } from '../directory/id.ts'
import {
  type FailureCount,
  type FailureKey,
  type FailureStore,
  formatFailureKey,
} from '../directory/ports/resources.ts'
import type { Database } from './connection.ts'
import { rethrow } from './fault.ts'

/** A count is forgotten so long after its last failure; as `credentials/failure-policy.ts` has it. */
const WINDOW_HOURS = 24

/** Counts failed attempts over all daemons. It keeps no journal: counts are neither truth nor audit. */
export class PostgresFailureStore implements FailureStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async recordFailure(key: FailureKey): Promise<FailureCount> {
    const { rows } = await sql<{ failures: number; last_at: Date }>`
      insert into auth_failure (principal_id, resource_kind, device, failures, last_at)
      values (${key.principalId}, ${key.resourceKind}, ${key.device}, 1, clock_timestamp())
      on conflict (principal_id, resource_kind, device) do update
        set failures = case
              when auth_failure.last_at < clock_timestamp() - make_interval(hours => ${sql.lit(WINDOW_HOURS)})
              then 1 else auth_failure.failures + 1 end,
            last_at = excluded.last_at
      returning failures, last_at`
      .execute(this.#database.kysely)
      .catch(rethrow)
    return toCount(rows[0])
  }

  async clear(key: FailureKey): Promise<void> {
    await this.#database.kysely
      .deleteFrom('auth_failure')
      .where('principal_id', '=', key.principalId)
      .where('resource_kind', '=', key.resourceKind)
      .where('device', '=', key.device)
      .execute()
      .catch(rethrow)
  }

  async current(): Promise<ReadonlyMap<string, FailureCount>> {
    const { rows } = await sql<{
      principal_id: string
      resource_kind: string
      device: string
      failures: number
      last_at: Date
    }>`
      select * from auth_failure
      where last_at >= clock_timestamp() - make_interval(hours => ${sql.lit(WINDOW_HOURS)})
      order by last_at`
      .execute(this.#database.kysely)
      .catch(rethrow)
    return new Map(
      rows.map((row) => {
        const principalId = row.principal_id as PrincipalId
        const { resource_kind: resourceKind, device } = row
        return [formatFailureKey({ principalId, resourceKind, device }), toCount(row)]
      }),
    )
  }
}

function toCount(row: { failures: number; last_at: Date } | undefined): FailureCount {
  if (!row) throw new Error('the count was not returned')
  return { failures: row.failures, lastAtMs: row.last_at.getTime() }
}
