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
 * Decides which daemon does what one is enough for: a session lock says who leads. It spares work and
 * guards no data: a leader that was paused, and has lost the lock without knowing it, may go on for
 * some seconds beside the next. What both then write is kept right by the rows they lock, see
 * docs/decisions/0007-leaders-without-fences.md.
 */
export class Leader implements Service {
  readonly name = 'leader election'
  readonly #options: LeaderOptions
  #client: pg.Client | null = null
  #isLeader = false
  #timer: NodeJS.Timeout | null = null
  #running: Promise<void> = Promise.resolve()
  #isStopping = false

  constructor(options: LeaderOptions) {
    this.#options = options
  }

  get isLeader(): boolean {
    return this.#isLeader
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
    this.#become(true)
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
      this.#become(false)
    })
    this.#client = client
    return client
  }

  async #resign(): Promise<void> {
    const client = this.#client
    this.#client = null
    this.#become(false)
    await client?.end().catch(() => undefined)
  }

  #become(isLeader: boolean): void {
    if (this.#isLeader === isLeader) return
    this.#isLeader = isLeader
    this.#options.onChange?.(isLeader)
  }
}
