import { setTimeout as delay } from 'node:timers/promises'
import { DirectoryError } from '../directory/errors.ts'
import type { FailureCount, FailureKey, FailureStore } from '../directory/ports/resources.ts'
import { formatFailureKey } from '../directory/ports/resources.ts'

/** Keys that may wait for the database; further ones count in memory only. */
const MAX_PENDING = 10_000
/** A count the database refuses for its own sake, not for being away, is given up after so many. */
const MAX_REFUSALS = 3
const FIRST_RETRY_MS = 500
const MAX_RETRY_MS = 30_000
/** How long a stop waits for the database. */
const STOP_MS = 3_000

interface Pending {
  readonly key: FailureKey
  /** What was there before is forgotten first. */
  isCleared: boolean
  failures: number
  refusals: number
}

/**
 * Carries counts to the database behind the answers: one statement at a time, in order for each key,
 * repeated until it succeeds. What it holds is bounded by the number of keys, never by the rate.
 */
export class FailureWriter {
  readonly #store: FailureStore
  readonly #enoughFailures: number
  readonly #onCounted: (key: FailureKey, count: FailureCount) => void
  readonly #onFault: (error: unknown) => void
  readonly #pending = new Map<string, Pending>()
  readonly #stopping = new AbortController()
  #draining: Promise<void> | null = null
  #retryMs = FIRST_RETRY_MS

  /** @param parts.enoughFailures more than this makes no difference, so it is not written singly */
  constructor(parts: {
    readonly store: FailureStore
    readonly enoughFailures: number
    readonly onCounted: (key: FailureKey, count: FailureCount) => void
    readonly onFault: (error: unknown) => void
  }) {
    this.#store = parts.store
    this.#enoughFailures = parts.enoughFailures
    this.#onCounted = parts.onCounted
    this.#onFault = parts.onFault
  }

  get pending(): number {
    return this.#pending.size
  }

  isPending(key: FailureKey): boolean {
    return this.#pending.has(formatFailureKey(key))
  }

  add(key: FailureKey): void {
    const pending = this.#pendingOf(key)
    if (pending === null) return
    pending.failures = Math.min(pending.failures + 1, this.#enoughFailures)
    this.#drain()
  }

  clear(key: FailureKey): void {
    const pending = this.#pendingOf(key)
    if (pending === null) return
    pending.isCleared = true
    pending.failures = 0
    this.#drain()
  }

  /** Writes what can be written within a few seconds. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    if (this.#draining === null) return
    const timeout = new AbortController()
    await Promise.race([
      this.#draining,
      delay(STOP_MS, undefined, { signal: timeout.signal }).catch(() => undefined),
    ])
    timeout.abort()
  }

  #pendingOf(key: FailureKey): Pending | null {
    const text = formatFailureKey(key)
    const held = this.#pending.get(text)
    if (held !== undefined) return held
    if (this.#pending.size >= MAX_PENDING) return null
    const pending: Pending = { key, isCleared: false, failures: 0, refusals: 0 }
    this.#pending.set(text, pending)
    return pending
  }

  #drain(): void {
    this.#draining ??= this.#writeAll().finally(() => {
      this.#draining = null
      if (this.#pending.size > 0 && !this.#stopping.signal.aborted) this.#drain()
    })
  }

  /** A pass that begins after the stop is the last, and ends where the database refuses. */
  async #writeAll(): Promise<void> {
    let isLast = false
    do {
      isLast = this.#stopping.signal.aborted
      for (const [text, pending] of this.#pending) {
        const isWritten = await this.#tryToWrite(pending)
        if (isWritten) this.#pending.delete(text)
        else if (isLast) return
      }
    } while (this.#pending.size > 0 && !isLast)
  }

  /** True when nothing of it is left to write, or it never can be. */
  async #tryToWrite(pending: Pending): Promise<boolean> {
    try {
      await this.#writeOne(pending)
      this.#retryMs = FIRST_RETRY_MS
      return !pending.isCleared && pending.failures === 0
    } catch (error) {
      this.#onFault(error)
      if (!isUnavailable(error)) pending.refusals += 1
      if (pending.refusals >= MAX_REFUSALS) return true
      await this.#waitToRetry()
      return false
    }
  }

  async #writeOne(pending: Pending): Promise<void> {
    if (pending.isCleared) {
      pending.isCleared = false
      await this.#store.clear(pending.key).catch((error: unknown) => {
        pending.isCleared = true
        throw error
      })
    }
    while (pending.failures > 0 && !pending.isCleared) {
      pending.failures -= 1
      try {
        const count = await this.#store.recordFailure(pending.key)
        this.#onCounted(pending.key, count)
      } catch (error) {
        if (!pending.isCleared) pending.failures += 1
        throw error
      }
    }
  }

  async #waitToRetry(): Promise<void> {
    const signal = this.#stopping.signal
    await delay(this.#retryMs, undefined, { signal }).catch(() => undefined)
    this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS)
  }
}

function isUnavailable(error: unknown): boolean {
  return error instanceof DirectoryError && error.code === 'DIRECTORY_UNAVAILABLE'
}
