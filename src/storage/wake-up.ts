import type pg from 'pg'

/** The channel daemons listen on. The payload is a JSON list of principals to let in no more, or empty. */
export const CHANNEL = 'gatehouse_journal'
/** NOTIFY takes 8,000 bytes; a UUID with quotes and comma is 39. */
const MAX_HINTS = 200

/**
 * Tells every daemon that the journal has grown. It runs in a statement of its own after the commit,
 * since NOTIFY holds a lock of the whole database until its transaction is on disk, and commits that
 * come meanwhile share one.
 */
export class WakeUp {
  readonly #pool: pg.Pool
  #hints = new Set<string>()
  #isDue = false
  #running: Promise<void> | null = null

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  send(denied: ReadonlySet<string>): void {
    for (const id of denied) this.#hints.add(id)
    this.#isDue = true
    this.#running ??= this.#drain().finally(() => {
      this.#running = null
    })
  }

  async stop(): Promise<void> {
    await this.#running
  }

  async #drain(): Promise<void> {
    while (this.#isDue) {
      this.#isDue = false
      const payload = this.#takePayload()
      // A lost wake-up costs a poll interval, not correctness: every daemon also polls.
      await this.#pool.query('select pg_notify($1, $2)', [CHANNEL, payload]).catch(() => {})
    }
  }

  /** Without hints when there are too many: the feed tells of them a moment later. */
  #takePayload(): string {
    const hints = [...this.#hints]
    this.#hints = new Set()
    return hints.length === 0 || hints.length > MAX_HINTS ? '' : JSON.stringify(hints)
  }
}

/** What sets a signal apart from hints, which are JSON. */
const SIGNAL = 'signal:'

/**
 * Says something to every daemon on the database, this one included. It may be lost, with a
 * connection: what must not be is in a row, and this only says that it is.
 */
export async function sendSignal(pool: pg.Pool, signal: string): Promise<void> {
  await pool.query('select pg_notify($1, $2)', [CHANNEL, `${SIGNAL}${signal}`])
}

/** @returns null when a payload is no signal */
export function parseSignal(payload: string | undefined): string | null {
  return payload?.startsWith(SIGNAL) === true ? payload.slice(SIGNAL.length) : null
}

/** @returns the principals of a payload; none when it is not one of ours */
export function parseHints(payload: string | undefined): readonly string[] {
  if (!payload) return []
  try {
    const value: unknown = JSON.parse(payload)
    return Array.isArray(value) ? value.filter((id) => typeof id === 'string') : []
  } catch {
    return []
  }
}
