import type { Service } from '../lifecycle.ts'
import type { Log } from '../observe/log.ts'
import type { Database } from '../storage/connection.ts'
import { carryOutDates } from '../storage/lifecycle-dates.ts'
import { lapseSecrets } from '../storage/nas-store.ts'
import { Turns } from '../turns.ts'

/** A look at an index; dates are told to the second. */
const EVERY_MS = 1_000

export interface DatesParts {
  readonly database: Database
  readonly leader: { readonly isLeader: boolean }
  readonly log: Log
}

/** What comes by itself when its time has come: people's dates, and old secrets' end. The leader does. */
export class Dates implements Service {
  readonly name = 'dates'
  readonly #parts: DatesParts
  readonly #turns: Turns

  constructor(parts: DatesParts) {
    this.#parts = parts
    this.#turns = new Turns({
      work: (signal) => this.#look(signal),
      onFault: (error) => parts.log.warn('dates.failed', { error }),
      everyMs: EVERY_MS,
    })
  }

  async start(): Promise<void> {
    this.#turns.start()
  }

  stop(): Promise<void> {
    return this.#turns.stop()
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { database, leader, log } = this.#parts
    while (leader.isLeader && !signal.aborted) {
      const count = await carryOutDates(database)
      const lapsed = await lapseSecrets(database)
      if (count + lapsed === 0) return
      log.info('dates.carried-out', { count, lapsedSecrets: lapsed })
    }
  }
}
