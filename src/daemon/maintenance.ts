import type { Service } from '../lifecycle.ts'
import { applyRetention } from '../storage/retention.ts'
import type { DirectoryParts, Observers } from './directory.ts'

const FIRST_MS = 60_000
const EVERY_MS = 60 * 60_000

/** What one daemon does for all, hourly: drop what was kept long enough, tidy the embedded database. */
export class Maintenance implements Service {
  readonly name = 'maintenance'
  readonly #directory: DirectoryParts
  readonly #log: Observers['log']
  #timer: NodeJS.Timeout | null = null
  #running: Promise<void> = Promise.resolve()
  #isStopping = false

  constructor(directory: DirectoryParts, { log }: Pick<Observers, 'log'>) {
    this.#directory = directory
    this.#log = log
  }

  async start(): Promise<void> {
    this.#schedule(FIRST_MS)
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
    const { database, leader } = this.#directory
    if (!leader.isLeader) return
    try {
      await applyRetention(database)
      await database.maintain()
    } catch (error) {
      // Nothing is lost: the next hour tries again.
      this.#log.warn('maintenance.failed', { error })
    }
  }
}
