import type { AuthEvent } from './auth-event.ts'
import type { AuthEventRow } from './auth-event-writer.ts'

/** ARCHITECTURE §3: successes alike within this time are one row. */
const WINDOW_MS = 60_000
/** Beyond this many the oldest window is closed early; its row is written all the same. */
const MAX_WINDOWS = 20_000

interface Window {
  readonly first: AuthEvent
  opensAtMs: number
  /** Successes not in a row yet. */
  repeats: number
  firstRepeatAtMs: number
  lastRepeatAtMs: number
}

/**
 * Merges successes of the same principal, resource, client and address. The first one is a row at
 * once, so that it can be read at once and survives a crash; what follows within a minute is one row
 * with a count, and so is each further minute of somebody who goes on.
 */
export class SuccessWindows {
  /** In the order in which they opened. */
  readonly #windows = new Map<string, Window>()

  get size(): number {
    return this.#windows.size
  }

  /** @returns rows to be written now */
  add(event: AuthEvent): AuthEventRow[] {
    const key = keyOf(event)
    const open = this.#windows.get(key)
    if (open !== undefined && event.atMs - open.opensAtMs < WINDOW_MS) {
      if (open.repeats === 0) open.firstRepeatAtMs = event.atMs
      open.repeats += 1
      open.lastRepeatAtMs = event.atMs
      return []
    }
    const rows = open === undefined ? [] : rowsOf(open)
    this.#windows.delete(key)
    this.#windows.set(key, {
      first: event,
      opensAtMs: event.atMs,
      repeats: 0,
      firstRepeatAtMs: event.atMs,
      lastRepeatAtMs: event.atMs,
    })
    rows.push({ ...event, count: 1, lastAtMs: event.atMs })
    return this.#windows.size > MAX_WINDOWS ? [...this.#closeOldest(), ...rows] : rows
  }

  /** Rows of the windows that end by `nowMs`; those in which something came stay open anew. */
  close(nowMs: number): AuthEventRow[] {
    const rows: AuthEventRow[] = []
    for (const [key, window] of this.#windows) {
      if (nowMs - window.opensAtMs < WINDOW_MS) break
      rows.push(...rowsOf(window))
      this.#windows.delete(key)
      if (window.repeats === 0) continue
      window.opensAtMs = nowMs
      window.repeats = 0
      this.#windows.set(key, window)
    }
    return rows
  }

  closeAll(): AuthEventRow[] {
    const rows = [...this.#windows.values()].flatMap(rowsOf)
    this.#windows.clear()
    return rows
  }

  #closeOldest(): AuthEventRow[] {
    for (const [key, window] of this.#windows) {
      this.#windows.delete(key)
      return rowsOf(window)
    }
    return []
  }
}

function rowsOf(window: Window): AuthEventRow[] {
  if (window.repeats === 0) return []
  const { first, repeats, firstRepeatAtMs, lastRepeatAtMs } = window
  return [{ ...first, atMs: firstRepeatAtMs, lastAtMs: lastRepeatAtMs, count: repeats }]
}

function keyOf(event: AuthEvent): string {
  const { principalId, resourceKind, resourceName, method, address, device } = event
  return `${principalId}|${resourceKind}|${resourceName}|${method}|${address}|${device}`
}
