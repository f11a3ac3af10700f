import { FLUSH, STARTUP, type Unit } from './units.ts'

/** The one session behind all connections. */
export interface Session<Connection> {
  /** Runs one unit and delivers its answer to the connection. */
  run(connection: Connection, unit: Unit): void
  /** Ends whatever the session has open: an unfinished extended query, a transaction. */
  reset(): void
  isInTransaction(): boolean
}

/**
 * Lets many connections share one session, a unit at a time.
 *
 * A connection owns the session from its first unit of a transaction to its commit, and between a
 * Flush and its Sync. Transaction status alone is not enough: another connection would come in
 * between Parse and Sync.
 */
export class Scheduler<Connection> {
  readonly #session: Session<Connection>
  readonly #waiting = new Map<Connection, Unit[]>()
  #owner: Connection | null = null
  #isRunning = false

  constructor(session: Session<Connection>) {
    this.#session = session
  }

  enqueue(connection: Connection, units: readonly Unit[]): void {
    if (units.length === 0) return
    const queue = this.#waiting.get(connection)
    if (queue) queue.push(...units)
    else this.#waiting.set(connection, [...units])
    this.#runAll()
  }

  /** Forgets a connection; what it left open is rolled back. */
  drop(connection: Connection): void {
    this.#waiting.delete(connection)
    if (this.#owner === connection) {
      this.#session.reset()
      this.#owner = null
    }
    this.#runAll()
  }

  isIdle(): boolean {
    return this.#owner === null && !this.#isRunning
  }

  #runAll(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    try {
      for (let next = this.#next(); next !== null; next = this.#next()) {
        this.#session.run(next.connection, next.unit)
        this.#settleOwner(next.connection, next.unit)
      }
    } finally {
      this.#isRunning = false
    }
  }

  #settleOwner(connection: Connection, unit: Unit): void {
    if (unit.last === STARTUP) return
    const isHeld = unit.last === FLUSH || this.#session.isInTransaction()
    this.#owner = isHeld ? connection : null
  }

  /** The owner's next unit, else that of the connection which has waited longest. */
  #next(): { readonly connection: Connection; readonly unit: Unit } | null {
    const connection = this.#owner ?? this.#waiting.keys().next().value
    if (connection === undefined) return null
    const queue = this.#waiting.get(connection)
    const unit = queue?.shift()
    if (queue === undefined || unit === undefined) return null
    this.#waiting.delete(connection)
    if (queue.length > 0) this.#waiting.set(connection, queue)
    return { connection, unit }
  }
}
