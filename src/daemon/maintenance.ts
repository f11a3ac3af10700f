import type { Service } from '../lifecycle.ts'
import type { Log } from '../observe/log.ts'
import type { Database } from '../storage/connection.ts'
import { applyRetention } from '../storage/retention.ts'
import type { LocalBackups } from './local-backups.ts'

const FIRST_MS = 60_000
const EVERY_MS = 60 * 60_000

export interface MaintenanceParts {
  readonly database: Database
  readonly leader: { readonly isLeader: boolean }
  /** Null for a PostgreSQL, which is its operator's to back up. */
  readonly backups: LocalBackups | null
  /** Gives certificates that end soon successors. */
  readonly rotateDue: () => Promise<void>
  readonly log: Log
  readonly firstMs?: number
}

/** What one daemon does for all, hourly: drop what was kept long enough, and back up what is ours. */
export class Maintenance implements Service {
  readonly name = 'maintenance'
  readonly #parts: MaintenanceParts
  #timer: NodeJS.Timeout | null = null
  #running: Promise<void> = Promise.resolve()
  #isStopping = false

  constructor(parts: MaintenanceParts) {
    this.#parts = parts
  }

  async start(): Promise<void> {
    this.#schedule(this.#parts.firstMs ?? FIRST_MS)
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#running
  }

  #schedule(delayMs: number): void {
    if (this.#isStopping) return
    this.#timer = setTimeout(() => {
      this.#running = this.#run().finally(() => this.#schedule(EVERY_MS))
    }, delayMs)
    this.#timer.unref()
  }

  async #run(): Promise<void> {
    const { database, leader, backups, rotateDue, log } = this.#parts
    if (!leader.isLeader) return
    // First of all, so that what is dropped today is in yesterday's.
    await this.#attempt('backup', async () => {
      const file = (await backups?.makeDaily()) ?? null
      if (file !== null) log.info('maintenance.backed-up', { file })
    })
    await this.#attempt('retention', () => applyRetention(database))
    await this.#attempt('certificates', rotateDue)
  }

  /** Nothing is lost when one fails: the next hour tries again. */
  async #attempt(what: string, work: () => Promise<void>): Promise<void> {
    if (this.#isStopping) return
    try {
      await work()
    } catch (error) {
      this.#parts.log.warn('maintenance.failed', { what, error })
    }
  }
}
