/** Continuations of a round at most, however little they cost. */
const MAX_A_ROUND = 16

/**
 * Lets long work of many take turns: a few continuations for each round of the event loop, so that
 * reading, timers and other connections come in between however many are waiting.
 */
export class Turns {
  readonly #roundMs: number
  #waiting: (() => void)[] = []
  #at = 0
  /** Immediates of this round that have yet to run. */
  #planned = 0
  /** When this round's first one began; null before it. */
  #startMs: number | null = null

  /** @param roundMs time for them in a round, in milliseconds; 0 for one a round */
  constructor(roundMs = 0) {
    this.#roundMs = roundMs
  }

  /** Calls `continuation` in a later round of the event loop, first come first served. */
  take(continuation: () => void): void {
    this.#waiting.push(continuation)
    // One that comes while a round is under way waits for its end.
    if (this.#startMs === null) this.#plan()
  }

  /**
   * Each has an immediate to itself, since what a continuation has put off, promises and ticks, is
   * done before the next immediate, and so counts as its time.
   */
  #plan(): void {
    const most = this.#roundMs > 0 ? MAX_A_ROUND : 1
    const wanted = Math.min(most, this.#waiting.length - this.#at)
    for (; this.#planned < wanted; this.#planned++) setImmediate(this.#next)
  }

  readonly #next = (): void => {
    const nowMs = performance.now()
    const isFirst = this.#startMs === null
    this.#startMs ??= nowMs
    this.#planned -= 1
    const continuation =
      isFirst || nowMs - this.#startMs < this.#roundMs ? this.#waiting[this.#at++] : undefined
    if (this.#at === this.#waiting.length) {
      this.#waiting = []
      this.#at = 0
    }
    if (this.#planned === 0) {
      this.#startMs = null
      // Immediates made here run in the next round.
      this.#plan()
    }
    continuation?.()
  }
}
