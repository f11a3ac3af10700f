import { Kysely, PostgresDialect, type Transaction } from 'kysely'
import pg from 'pg'
import type { Tables } from './database.ts'
import { EmbeddedHost } from './embedded/host.ts'
import { PortSocket } from './embedded/port-socket.ts'
import { asFault, isRetryable, rethrow } from './fault.ts'
import { endLinks, type JournalBuffer, openJournal, stamp, writeJournal } from './journal.ts'
import { CLIENT_CONFIG, SESSION_PARAMETERS, withSessionParameters } from './session.ts'
import { WakeUp } from './wake-up.ts'

/** Connections to PostgreSQL; the feed and the leader have one each beside them. */
const POOL_SIZE = 10
/** The embedded database has one session; more connections would only wait. */
const EMBEDDED_POOL_SIZE = 4
const EMBEDDED_CONNECT_TIMEOUT_MS = 60_000
const MAX_ATTEMPTS = 5
const RETRY_BASE_MS = 5

/** Longest a transaction may take and most entities it may change; tests assert it by the hook. */
export const TRANSACTION_LIMIT_MS = 250
export const TRANSACTION_LIMIT_ENTITIES = 500

export type DatabaseOptions = { readonly onTransaction?: (report: TransactionReport) => void } & (
  | { readonly url: string; readonly poolSize?: number }
  | { readonly dataDir: string; readonly statementLimitMs?: number }
)

export interface TransactionReport {
  readonly durationMs: number
  /** Distinct entities its journal rows name. */
  readonly entities: number
}

export interface Committed<T> {
  readonly value: T
  /** Inbox number of the last journal row, for `Feed.reached`; null when nothing was journalled. */
  readonly inboxSeq: bigint | null
}

/** A PostgreSQL by URL, or the embedded one: the same driver, the same SQL. */
export interface Database {
  readonly kind: 'postgresql' | 'embedded'
  readonly pool: pg.Pool
  readonly kysely: Kysely<Tables>
  /** A connected client beside the pool, for LISTEN and session locks; the caller ends it. */
  direct(options?: { readonly queryTimeoutMs?: number }): Promise<pg.Client>
  /** READ COMMITTED; run again on deadlock or serialisation failure, so `run` must be repeatable. */
  transaction<T>(run: (tx: Transaction<Tables>) => Promise<T>): Promise<T>
  /** A transaction that may call `journal`; its rows are its last statement, and daemons are woken. */
  write<T>(run: (tx: Transaction<Tables>) => Promise<T>): Promise<Committed<T>>
  /** VACUUM (ANALYZE) and CHECKPOINT after a bulk load; PostgreSQL does that by itself. */
  maintain(): Promise<void>
  stop(): Promise<void>
}

/**
 * Opens the database; the embedded one is locked, and created when there is none.
 *
 * @throws {StorageError} `STORAGE_LOCKED`, `STORAGE_UNREADABLE`
 * @throws {DirectoryError} `DIRECTORY_UNAVAILABLE`
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const engine = 'url' in options ? openPostgres(options) : await openEmbedded(options)
  const database = new PooledDatabase(engine, options.onTransaction)
  try {
    await database.check()
  } catch (error) {
    await database.stop()
    throw error
  }
  return database
}

interface Engine {
  readonly kind: Database['kind']
  readonly poolConfig: pg.PoolConfig
  readonly clientConfig: pg.ClientConfig
  prepare(client: pg.ClientBase): Promise<void>
  maintain(): Promise<void>
  stop(): Promise<void>
}

function openPostgres(options: { readonly url: string; readonly poolSize?: number }): Engine {
  const clientConfig = { ...CLIENT_CONFIG, connectionString: withSessionParameters(options.url) }
  return {
    kind: 'postgresql',
    clientConfig,
    poolConfig: { ...clientConfig, max: options.poolSize ?? POOL_SIZE },
    prepare: async () => {},
    maintain: async () => {},
    stop: async () => {},
  }
}

async function openEmbedded(options: {
  readonly dataDir: string
  readonly statementLimitMs?: number
}): Promise<Engine> {
  const limit = options.statementLimitMs
  const host = new EmbeddedHost({
    dataDirectory: options.dataDir,
    ...(limit === undefined ? {} : { statementLimitMs: limit }),
  })
  await host.start()
  const settings = SESSION_PARAMETERS.map((parameter) => `set ${parameter.replace('=', ' to ')}`)
  const clientConfig: pg.ClientConfig = {
    ...CLIENT_CONFIG,
    stream: () => new PortSocket(host),
    // It may have to be started again first, and recover.
    connectionTimeoutMillis: EMBEDDED_CONNECT_TIMEOUT_MS,
    user: 'postgres',
    database: 'postgres',
  }
  return {
    kind: 'embedded',
    clientConfig,
    poolConfig: { ...clientConfig, max: EMBEDDED_POOL_SIZE },
    prepare: async (client) => {
      await client.query(settings.join(';'))
    },
    maintain: () => host.maintain(),
    stop: () => host.stop(),
  }
}

class PooledDatabase implements Database {
  readonly kind: Database['kind']
  readonly pool: pg.Pool
  readonly kysely: Kysely<Tables>
  readonly #engine: Engine
  readonly #wakeUp: WakeUp
  readonly #onTransaction: (report: TransactionReport) => void

  constructor(engine: Engine, onTransaction: DatabaseOptions['onTransaction']) {
    this.kind = engine.kind
    this.#engine = engine
    this.#onTransaction = onTransaction ?? (() => {})
    this.pool = new pg.Pool({ ...engine.poolConfig, onConnect: (client) => engine.prepare(client) })
    // An idle connection that breaks leaves the pool by itself; the next query opens another.
    this.pool.on('error', () => {})
    this.kysely = new Kysely<Tables>({
      dialect: new PostgresDialect({
        // So that a plain read, too, says that the database is away, and not that something broke.
        pool: { connect: () => this.pool.connect().catch(rethrow), end: () => this.pool.end() },
      }),
    })
    this.#wakeUp = new WakeUp(this.pool)
  }

  async check(): Promise<void> {
    await this.pool.query('select 1').catch(rethrow)
  }

  async direct(options: { readonly queryTimeoutMs?: number } = {}): Promise<pg.Client> {
    const { queryTimeoutMs } = options
    const client = new pg.Client({
      ...this.#engine.clientConfig,
      ...(queryTimeoutMs === undefined ? {} : { query_timeout: queryTimeoutMs }),
    })
    client.on('error', () => {})
    try {
      await client.connect()
      await this.#engine.prepare(client)
    } catch (error) {
      await client.end().catch(() => {})
      throw asFault(error)
    }
    return client
  }

  async transaction<T>(run: (tx: Transaction<Tables>) => Promise<T>): Promise<T> {
    return (await this.#run(run, () => {})).value
  }

  async write<T>(run: (tx: Transaction<Tables>) => Promise<T>): Promise<Committed<T>> {
    return this.#run(run, (buffer) => this.#wakeUp.send(buffer.denied))
  }

  maintain(): Promise<void> {
    return this.#engine.maintain()
  }

  async stop(): Promise<void> {
    await this.#wakeUp.stop()
    await this.kysely.destroy()
    await this.#engine.stop()
  }

  async #run<T>(
    run: (tx: Transaction<Tables>) => Promise<T>,
    committed: (buffer: JournalBuffer) => void,
  ): Promise<Committed<T>> {
    for (let attempt = 1; ; attempt++) {
      try {
        const { result, buffer } = await this.#attempt(run)
        if (result.inboxSeq !== null) committed(buffer)
        return result
      } catch (error) {
        if (!isRetryable(error) || attempt === MAX_ATTEMPTS) throw asFault(error)
        await new Promise((resolve) => setTimeout(resolve, RETRY_BASE_MS * attempt * Math.random()))
      }
    }
  }

  async #attempt<T>(run: (tx: Transaction<Tables>) => Promise<T>) {
    const startedAtMs = performance.now()
    const { result, buffer } = await this.kysely.transaction().execute(async (tx) => {
      const opened = openJournal(tx)
      const value = await run(tx)
      await endLinks(tx, opened)
      const inboxSeq = await writeJournal(tx, opened)
      // One session: nobody else can stamp, and the order of commits is that of the statements.
      if (inboxSeq !== null && this.kind === 'embedded') await stamp(tx)
      return { result: { value, inboxSeq }, buffer: opened }
    })
    this.#onTransaction({
      durationMs: performance.now() - startedAtMs,
      entities: new Set(buffer.entries.map((entry) => entry.entity)).size,
    })
    return { result, buffer }
  }
}
