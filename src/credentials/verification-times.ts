/** Enough for a distribution, few enough to follow the machine's load within seconds. */
const REMEMBERED = 64
/** An older time tells of another load; when there is no younger one, a real verification is due. */
const STALE_AFTER_MS = 5_000
/** How quickly the correction follows a timer that fires late. */
const SMOOTHING = 0.05
/** One stall of the event loop says nothing about the next timer. */
const MAX_LESSON_MS = 5

/**
 * How long verifications take just now, so that an answer without one can take as long. A drawn
 * time is what some verification of the last seconds really took, minus the lateness of timers.
 */
export class VerificationTimes {
  /** A ring, so that the youngest are the ones before `#next`. */
  readonly #recent: { readonly durationMs: number; readonly atMs: number }[] = []
  #next = 0
  #latenessMs = 0

  /** @param atMs when it ended, on the clock that {@link isStale} is asked with */
  add(durationMs: number, atMs: number): void {
    this.#recent[this.#next] = { durationMs, atMs }
    this.#next = (this.#next + 1) % REMEMBERED
  }

  isStale(nowMs: number): boolean {
    return !this.#isFresh(1, nowMs)
  }

  /** One of the durations of the last seconds, in milliseconds; 0 when there is none. */
  draw(nowMs: number): number {
    let fresh = 0
    while (fresh < this.#recent.length && this.#isFresh(fresh + 1, nowMs)) fresh += 1
    if (fresh === 0) return 0
    return this.#youngest(1 + Math.floor(Math.random() * fresh))?.durationMs ?? 0
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
  #isFresh(back: number, nowMs: number): boolean {
    const time = this.#youngest(back)
    return time !== undefined && nowMs - time.atMs <= STALE_AFTER_MS
  }

  /** @param back 1 for the youngest */
  #youngest(back: number) {
    return this.#recent[(this.#next - back + REMEMBERED) % REMEMBERED]
  }
}
