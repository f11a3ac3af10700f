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
  readonly #windows = new Set<Window>()
  /** By principal and address: two look-ups cost less than building a key from six texts. */
  readonly #byPrincipal = new Map<string, Map<string, Window[]>>()

  get size(): number {
    return this.#windows.size
  }

  /** @returns rows to be written now */
  add(event: AuthEvent): readonly AuthEventRow[] {
    const open = this.#find(event)
    if (open === null) {
      this.#open(event)
      const row = { ...event, count: 1, lastAtMs: event.atMs }
      return this.#windows.size > MAX_WINDOWS ? [...this.#closeOldest(), row] : [row]
    }
    if (event.atMs - open.opensAtMs >= WINDOW_MS) {
      const rows = rowsOf(open)
      this.#reopen(open, event.atMs)
      rows.push({ ...event, count: 1, lastAtMs: event.atMs })
      return rows
    }
    if (open.repeats === 0) open.firstRepeatAtMs = event.atMs
    open.repeats += 1
    open.lastRepeatAtMs = event.atMs
    return NONE
  }

  /** Rows of the windows that end by `nowMs`; those in which something came stay open anew. */
  close(nowMs: number): AuthEventRow[] {
    const rows: AuthEventRow[] = []
    for (const window of this.#windows) {
      if (nowMs - window.opensAtMs < WINDOW_MS) break
      rows.push(...rowsOf(window))
      if (window.repeats === 0) this.#remove(window)
      else this.#reopen(window, nowMs)
    }
    return rows
  }

  closeAll(): AuthEventRow[] {
    const rows = [...this.#windows].flatMap(rowsOf)
    this.#windows.clear()
    this.#byPrincipal.clear()
    return rows
  }

  #find(event: AuthEvent): Window | null {
    const own = this.#byPrincipal.get(event.principalId ?? '')?.get(event.address)
    if (own === undefined) return null
    for (const window of own) if (isAlike(window.first, event)) return window
    return null
  }

  #open(event: AuthEvent): void {
    const { atMs } = event
    const window: Window = {
      first: event,
      opensAtMs: atMs,
      repeats: 0,
      firstRepeatAtMs: atMs,
      lastRepeatAtMs: atMs,
    }
    this.#windows.add(window)
    const principal = event.principalId ?? ''
    const byAddress = this.#byPrincipal.get(principal) ?? new Map<string, Window[]>()
    this.#byPrincipal.set(principal, byAddress)
    byAddress.set(event.address, [...(byAddress.get(event.address) ?? []), window])
  }

  #reopen(window: Window, atMs: number): void {
    this.#windows.delete(window)
    this.#windows.add(window)
    window.opensAtMs = atMs
    window.repeats = 0
  }

  #remove(window: Window): void {
    this.#windows.delete(window)
    const { principalId, address } = window.first
    const byAddress = this.#byPrincipal.get(principalId ?? '')
    const left = byAddress?.get(address)?.filter((other) => other !== window) ?? []
    if (left.length > 0) byAddress?.set(address, left)
    else byAddress?.delete(address)
    if (byAddress?.size === 0) this.#byPrincipal.delete(principalId ?? '')
  }

  #closeOldest(): AuthEventRow[] {
    for (const window of this.#windows) {
      this.#remove(window)
      return rowsOf(window)
    }
    return []
  }
}

const NONE: readonly AuthEventRow[] = []

/** Beside principal and address, by which they were found. */
function isAlike(one: AuthEvent, other: AuthEvent): boolean {
  return (
    one.resourceName === other.resourceName &&
    one.device === other.device &&
    one.resourceKind === other.resourceKind &&
    one.method === other.method &&
    // Which app password it was is what somebody wants to know.
    one.detail?.['credential'] === other.detail?.['credential'] &&
    // Let in from memory, while the source was away, is another thing to read.
    one.detail?.['remembered'] === other.detail?.['remembered'] &&
    // A device that falls back to older TLS, or to whole log-ins, is to be seen doing it.
    one.detail?.['tls'] === other.detail?.['tls'] &&
    one.detail?.['resumed'] === other.detail?.['resumed']
  )
}

function rowsOf(window: Window): AuthEventRow[] {
  if (window.repeats === 0) return []
  const { first, repeats, firstRepeatAtMs, lastRepeatAtMs } = window
  return [{ ...first, atMs: firstRepeatAtMs, lastAtMs: lastRepeatAtMs, count: repeats }]
}
