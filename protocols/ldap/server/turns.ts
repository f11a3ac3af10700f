/**
 * Lets long work of many connections take turns: one continuation for each round of the event loop,
 * so that reading, timers and other connections come in between however many are waiting.
 */
export class Turns {
  #waiting: (() => void)[] = []
  #at = 0
  #isScheduled: boolean = false

  /** Calls `continuation` in a later round of the event loop, first come first served. */
  take(continuation: () => void): void {
    this.#waiting.push(continuation)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.#next())
  }

  #next(): void {
    this.#isScheduled = false
    const continuation = this.#waiting[this.#at++]
    if (this.#at === this.#waiting.length) {
      this.#waiting = []
      this.#at = 0
    } else {
      this.#schedule()
    }
    continuation?.()
  }
}
