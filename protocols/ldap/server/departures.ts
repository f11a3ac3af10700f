import type { Output } from './output.ts'

/**
 * Sends what a round of the event loop has answered when all its requests have been read. A write
 * that finds its client awake already costs a fraction of one that has to wake it, and a client
 * with many connections is awake from the first write of the round on.
 */
export class Departures {
  #waiting: Output[] = []
  #spare: Output[] = []

  /** Flushes `output` at the end of this round of the event loop. */
  add(output: Output): void {
    if (this.#waiting.length === 0) setImmediate(this.#sendAll)
    this.#waiting.push(output)
  }

  readonly #sendAll = (): void => {
    const outputs = this.#waiting
    this.#waiting = this.#spare
    this.#spare = outputs
    for (let i = 0; i < outputs.length; i++) (outputs[i] as Output).flush()
    outputs.length = 0
  }
}
