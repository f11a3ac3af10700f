import type { Service } from '../lifecycle.ts'
import type { Log } from '../observe/log.ts'
import type { Database } from '../storage/connection.ts'
import { carryOutDates } from '../storage/lifecycle-dates.ts'

/** A look at an index; dates are told to the second. */
const EVERY_MS = 1_000

export interface DatesParts {
  readonly database: Database
  readonly leader: { readonly isLeader: boolean }
  readonly log: Log
}

/** Lets people in, holds them back and takes them out when their day has come; the leader does. */
export class Dates implements Service {
  readonly name = 'dates'
  readonly #parts: DatesParts
  #timer: NodeJS.Timeout | null = null
  #running: Promise<void> = Promise.resolve()
  #isStopping = false

  constructor(parts: DatesParts) {
    this.#parts = parts
  }

  async start(): Promise<void> {
    this.#schedule()
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#running
  }

  #schedule(): void {
    if (this.#isStopping) return
    this.#timer = setTimeout(() => {
      this.#running = this.#look().finally(() => this.#schedule())
    }, EVERY_MS)
    this.#timer.unref()
  }

  async #look(): Promise<void> {
    const { database, leader, log } = this.#parts
    try {
      while (leader.isLeader && !this.#isStopping) {
        const count = await carryOutDates(database)
        if (count === 0) return
        log.info('dates.carried-out', { count })
      }
    } catch (error) {
      log.warn('dates.failed', { error })
    }
  }
}
