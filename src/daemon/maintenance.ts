import type { Service } from '../lifecycle.ts'
import type { Log } from '../observe/log.ts'
import type { Database } from '../storage/connection.ts'
import { applyRetention } from '../storage/retention.ts'
import { Turns } from '../turns.ts'
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
  readonly #turns: Turns

  constructor(parts: MaintenanceParts) {
    this.#parts = parts
    this.#turns = new Turns({
      work: () => this.#run(),
      onFault: (error) => parts.log.warn('maintenance.failed', { error }),
      firstMs: parts.firstMs ?? FIRST_MS,
      everyMs: EVERY_MS,
    })
  }

  async start(): Promise<void> {
    this.#turns.start()
  }

  stop(): Promise<void> {
    return this.#turns.stop()
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
    if (this.#turns.signal.aborted) return
    try {
      await work()
    } catch (error) {
      this.#parts.log.warn('maintenance.failed', { what, error })
    }
  }
}
