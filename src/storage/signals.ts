import type { Database } from './connection.ts'
import { sendSignal } from './wake-up.ts'

/** What daemons on one database say to one another. Nothing of it is kept, and some may be lost. */
export class Signals {
  readonly #database: Pick<Database, 'kind' | 'pool'>
  readonly #listeners: ((signal: string) => void)[] = []

  constructor(database: Pick<Database, 'kind' | 'pool'>) {
    this.#database = database
  }

  onSignal(listener: (signal: string) => void): void {
    this.#listeners.push(listener)
  }

  /** @throws when the database is away */
  async send(signal: string): Promise<void> {
    // The embedded database has one daemon.
    if (this.#database.kind === 'embedded') this.deliver(signal)
    else await sendSignal(this.#database.pool, signal)
  }

  deliver(signal: string): void {
    for (const listener of this.#listeners) listener(signal)
  }
}
