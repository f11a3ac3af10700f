/** Enough for a distribution, few enough to follow the machine's load within seconds. */
const REMEMBERED = 64
/** Older than this, the times tell of another load; one real verification renews them. */
const STALE_AFTER_MS = 5_000
/** How quickly the correction follows a timer that fires late. */
const SMOOTHING = 0.05
/** One stall of the event loop says nothing about the next timer. */
const MAX_LESSON_MS = 5

/**
 * How long verifications take just now, so that an answer without one can take as long. A drawn
 * time is what some recent verification really took, minus the lateness of timers.
 */
export class VerificationTimes {
  readonly #recentMs: number[] = []
  #next = 0
  #lastAtMs = Number.NEGATIVE_INFINITY
  #latenessMs = 0

  /** @param atMs when it ended, on the clock that {@link isStale} is asked with */
  add(durationMs: number, atMs: number): void {
    this.#recentMs[this.#next] = durationMs
    this.#next = (this.#next + 1) % REMEMBERED
    this.#lastAtMs = atMs
  }

  isStale(nowMs: number): boolean {
    return nowMs - this.#lastAtMs > STALE_AFTER_MS
  }

  /** One of the recent durations in milliseconds; 0 when there is none yet. */
  draw(): number {
    return this.#recentMs[Math.floor(Math.random() * this.#recentMs.length)] ?? 0
  }

  /**
   * The whole milliseconds to give a timer so that it takes `durationMs` on average: the fraction
   * is made up for by chance, since timers know no fractions.
   */
  timerFor(durationMs: number): number {
    return Math.max(0, Math.floor(durationMs - this.#latenessMs + Math.random()))
  }

  /** Learns from a timer that was meant to take `wantedMs`. */
  observeTimer(wantedMs: number, tookMs: number): void {
    const lessonMs = Math.max(-MAX_LESSON_MS, Math.min(tookMs - wantedMs, MAX_LESSON_MS))
    this.#latenessMs += SMOOTHING * lessonMs
  }
}
