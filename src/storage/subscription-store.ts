import { sql } from 'kysely'
import type {
  Demand,
  NewSubscription,
  Subscription,
  SubscriptionState,
  SubscriptionStore,
} from '../sources/microsoft365/live/subscription-store.ts'
import type { Stream } from '../sources/source.ts'
import type { Database } from './connection.ts'

interface SubscriptionRow {
  readonly id: string
  readonly source_id: string
  readonly stream: Stream
  readonly url: string
  readonly state: SubscriptionState
  readonly subscription_id: string | null
  readonly expires_at: Date | null
  readonly is_stale: boolean
  readonly is_due: boolean
  readonly attempts: number
  readonly demand: Demand | null
  readonly error: string | null
  readonly next_step: string | null
  readonly heard_at: Date | null
}

/** Subscriptions in PostgreSQL. They are of work, and not journalled; switching them on is. */
export class PostgresSubscriptionStore implements SubscriptionStore {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  async list(): Promise<readonly Subscription[]> {
    const { rows } = await sql<SubscriptionRow>`
      select id, source_id, stream, url, state, subscription_id, expires_at, attempts, demand,
        error, next_step, heard_at,
        working_until <= clock_timestamp() as is_stale,
        coalesce(due_at <= clock_timestamp(), false) as is_due
      from source_subscription order by source_id, stream`.execute(this.#db.kysely)
    return rows.map(toSubscription)
  }

  begin({ id, sourceId, stream, url }: NewSubscription, workMs: number): Promise<boolean> {
    return this.#changed(sql`
      insert into source_subscription (id, source_id, stream, url, working_until)
      values (${id}::uuid, ${sourceId}::uuid, ${stream}, ${url}, ${inFuture(workMs)})
      on conflict (source_id, stream) do nothing`)
  }

  async isBeingCreated(sourceId: string, id: string): Promise<boolean> {
    const { rows } = await sql`
      select 1 from source_subscription
      where id = ${id}::uuid and source_id = ${sourceId}::uuid and state = 'creating'
        and working_until > clock_timestamp()`.execute(this.#db.kysely)
    return rows.length > 0
  }

  keep(id: string, is: Parameters<SubscriptionStore['keep']>[1]): Promise<boolean> {
    return this.#changed(sql`
      update source_subscription set state = 'active', subscription_id = ${is.subscriptionId},
        expires_at = ${new Date(is.expiresAtMs)}, due_at = ${inFuture(is.renewInMs)},
        attempts = 0, demand = null, error = null, next_step = null
      where id = ${id}::uuid`)
  }

  async fail(id: string, why: Parameters<SubscriptionStore['fail']>[1]): Promise<void> {
    await this.#changed(sql`
      update source_subscription
      set state = case when state = 'active' then state else 'failed' end,
        error = ${why.error}, next_step = ${why.nextStep}, attempts = ${why.attempts},
        due_at = ${inFuture(why.retryInMs)}
      where id = ${id}::uuid`)
  }

  async drop(id: string): Promise<void> {
    await this.#changed(sql`delete from source_subscription where id = ${id}::uuid`)
  }

  async retry(sourceId: string): Promise<void> {
    await this.#changed(sql`
      update source_subscription set due_at = clock_timestamp(), attempts = 0
      where source_id = ${sourceId}::uuid and state = 'failed'`)
  }

  async demand(id: string, demand: Demand): Promise<void> {
    await this.#changed(sql`
      update source_subscription set demand = ${demand} where id = ${id}::uuid`)
  }

  async heard(id: string): Promise<void> {
    await this.#changed(sql`
      update source_subscription set heard_at = clock_timestamp() where id = ${id}::uuid`)
  }

  missed(id: string, everyMs: number): Promise<boolean> {
    return this.#changed(sql`
      with told as (
        update source_subscription set missed_at = clock_timestamp()
        where id = ${id}::uuid and coalesce(missed_at, '-infinity')
          < clock_timestamp() - make_interval(secs => ${everyMs / 1000})
        returning source_id)
      update sync_token t set needs_full = true from told where t.source_id = told.source_id`)
  }

  async #changed(statement: ReturnType<typeof sql>): Promise<boolean> {
    const { numAffectedRows = 0n } = await statement.execute(this.#db.kysely)
    return numAffectedRows > 0n
  }
}

function inFuture(ms: number) {
  return sql`clock_timestamp() + make_interval(secs => ${ms / 1000})`
}

function toSubscription(row: SubscriptionRow): Subscription {
  return {
    id: row.id,
    sourceId: row.source_id,
    stream: row.stream,
    url: row.url,
    state: row.state,
    subscriptionId: row.subscription_id,
    expiresAtMs: row.expires_at?.getTime() ?? null,
    isStale: row.is_stale,
    isDue: row.is_due,
    attempts: row.attempts,
    demand: row.demand,
    error: row.error,
    nextStep: row.next_step,
    heardAtMs: row.heard_at?.getTime() ?? null,
  }
}
