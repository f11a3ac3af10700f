import type { AuthEvent } from './auth-event.ts'
import type { AuthEventRow } from './auth-event-writer.ts'

/** The reason of a row that stands for answers which could not be kept one by one. */
export const NOT_KEPT_SINGLY = 'not-kept-singly'

interface Tally {
  count: number
  firstAtMs: number
  lastAtMs: number
}

/**
 * Answers for which the queue had no room: how many, by outcome and kind of resource, so that the
 * record's totals stay true. At most twelve rows, whatever happens.
 */
export class Overflow {
  readonly #tallies = new Map<`${AuthEvent['outcome']}|${AuthEvent['resourceKind']}`, Tally>()

  add(row: AuthEventRow): void {
    const key = `${row.outcome}|${row.resourceKind}` as const
    const tally = this.#tallies.get(key)
    if (tally === undefined) {
      this.#tallies.set(key, { count: row.count, firstAtMs: row.atMs, lastAtMs: row.lastAtMs })
      return
    }
    tally.count += row.count
    tally.lastAtMs = row.lastAtMs
  }

  get isEmpty(): boolean {
    return this.#tallies.size === 0
  }

  /** Hands the counts over as rows and starts again at nothing. */
  take(): AuthEventRow[] {
    const rows = [...this.#tallies].map(([key, tally]) => rowOf(key, tally))
    this.#tallies.clear()
    return rows
  }
}

function rowOf(key: string, tally: Tally): AuthEventRow {
  const [outcome, resourceKind] = key.split('|') as [
    AuthEvent['outcome'],
    AuthEvent['resourceKind'],
  ]
  return {
    atMs: tally.firstAtMs,
    lastAtMs: tally.lastAtMs,
    count: tally.count,
    outcome,
    reason: NOT_KEPT_SINGLY,
    resourceKind,
    resourceName: null,
    method: '',
    principalId: null,
    name: '',
    address: '',
    device: null,
    detail: null,
  }
}
