import { MAX_SPARE_CHUNKS, type Output } from './output.ts'

/** Time for requests as they come in; what comes later in a round takes turns. */
const ROUND_MS = 20

/**
 * One round of the event loop, as the connections of a server share it: the time they may spend in
 * it together, and the answers that leave at its end.
 *
 * A write that finds its client awake already costs a fraction of one that has to wake it, and a
 * client with many connections is awake from the first write of the round on.
 */
export class Round {
  #startMs: number | null = null
  #waiting: Output[] = []
  #spare: Output[] = []
  #isScheduled: boolean = false

  /** Whether this round's time has been used up, whoever used it. */
  isSpent(nowMs: number): boolean {
    if (this.#startMs === null) {
      this.#startMs = nowMs
      this.#schedule()
    }
    return nowMs - this.#startMs > ROUND_MS
  }

  /** Sends what `output` has gathered, at the end of the round at the latest. */
  send(output: Output): void {
    this.#waiting.push(output)
    // Each holds a chunk until it is sent, and no more of them are kept for others.
    if (this.#waiting.length >= MAX_SPARE_CHUNKS) this.#sendAll()
    else this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(this.#end)
  }

  readonly #end = (): void => {
    this.#isScheduled = false
    this.#startMs = null
    this.#sendAll()
  }

  #sendAll(): void {
    const outputs = this.#waiting
    this.#waiting = this.#spare
    this.#spare = outputs
    for (let i = 0; i < outputs.length; i++) (outputs[i] as Output).flush()
    outputs.length = 0
  }
}
