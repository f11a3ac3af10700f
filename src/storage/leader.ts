import type pg from 'pg'
import type { Service } from '../lifecycle.ts'
import type { Database } from './connection.ts'

/** Of our own choosing; held on a connection of its own for as long as one leads. */
const LEADER_LOCK = 7_243_003
const RETRY_MS = 1_000
/** A leader looks after its connection this often; a broken one ends the leadership at once. */
const PROBE_MS = 5_000
const PROBE_TIMEOUT_MS = 4_000

export interface LeaderOptions {
  readonly database: Database
  readonly onChange?: (isLeader: boolean) => void
}

/**
 * Decides which daemon does what only one may do. A session lock says who leads; each time it
 * changes hands the fence grows, and whoever writes as the leader checks it in the same transaction,
 * so that a leader that was paused and has lost the lock writes nothing when it wakes.
 */
export class Leader implements Service {
  readonly name = 'leader election'
  readonly #options: LeaderOptions
  #client: pg.Client | null = null
  #fence: number | null = null
  #timer: NodeJS.Timeout | null = null
  #running: Promise<void> = Promise.resolve()
  #isStopping = false

  constructor(options: LeaderOptions) {
    this.#options = options
  }

  get isLeader(): boolean {
    return this.#fence !== null
  }

  /** To be checked where the leader writes; null while another daemon leads. */
  get fence(): number | null {
    return this.#fence
  }

  async start(): Promise<void> {
    await this.#attempt()
    this.#schedule()
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#running
    await this.#resign()
  }

  #schedule(): void {
    if (this.#isStopping) return
    const delayMs = this.isLeader ? PROBE_MS : RETRY_MS
    this.#timer = setTimeout(() => {
      this.#running = this.#attempt().finally(() => this.#schedule())
    }, delayMs)
    this.#timer.unref()
  }

  async #attempt(): Promise<void> {
    try {
      if (this.isLeader) await this.#probe()
      else await this.#campaign()
    } catch {
      // The database is away; the feed reports that. Without it nobody leads.
      await this.#resign()
    }
  }

  async #campaign(): Promise<void> {
    const client = await this.#connect()
    // The embedded database has one session and one daemon: its directory lock has decided already.
    if (this.#options.database.kind === 'postgresql') {
      const { rows } = await client.query<{ won: boolean }>(
        'select pg_try_advisory_lock($1) as won',
        [LEADER_LOCK],
      )
      if (rows[0]?.won !== true) return
    }
    const { rows } = await client.query<{ fence: string | number }>(
      "update leadership set fence = fence + 1 where name = 'sync' returning fence",
    )
    this.#become(Number(rows[0]?.fence))
  }

  async #probe(): Promise<void> {
    const answered = this.#client?.query('select 1') ?? Promise.reject(new Error('no connection'))
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error('no answer')), PROBE_TIMEOUT_MS)
    })
    try {
      await Promise.race([answered, late])
    } finally {
      clearTimeout(timer)
      answered.catch(() => undefined)
    }
  }

  async #connect(): Promise<pg.Client> {
    if (this.#client !== null) return this.#client
    const client = await this.#options.database.direct()
    client.once('end', () => {
      if (this.#client !== client) return
      this.#client = null
      this.#become(null)
    })
    this.#client = client
    return client
  }

  async #resign(): Promise<void> {
    const client = this.#client
    this.#client = null
    this.#become(null)
    await client?.end().catch(() => undefined)
  }

  #become(fence: number | null): void {
    const wasLeader = this.isLeader
    this.#fence = fence
    if (wasLeader !== this.isLeader) this.#options.onChange?.(this.isLeader)
  }
}
