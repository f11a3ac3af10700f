import { SLICE_MS } from './options.ts'

/** The clock is read once in so many questions: reading it costs more than most answers to them. */
const CLOCK_EVERY = 16

/** A connection's turn, which ends after a few milliseconds. */
export class Slice {
  #startMs = 0
  #isOver: boolean = false
  #questions = 0

  start(nowMs: number): void {
    this.#startMs = nowMs
    this.#isOver = false
  }

  /** Asked often; once true it stays so until the next start. */
  isOver(): boolean {
    if (this.#isOver || ++this.#questions % CLOCK_EVERY !== 0) return this.#isOver
    this.#isOver = performance.now() - this.#startMs > SLICE_MS
    return this.#isOver
  }
}
