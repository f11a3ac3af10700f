/** What was worked out lately, by its text: at most so many, and the one longest held goes first. */
export class Recent<Value> {
  readonly #max: number
  readonly #held = new Map<string, Value>()

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#held.size
  }

  find(key: string): Value | undefined {
    return this.#held.get(key)
  }

  /** Keeps what was not there, and gives it back. */
  keep(key: string, value: Value): Value {
    if (this.#held.size >= this.#max) this.#forgetOldest()
    this.#held.set(key, value)
    return value
  }

  #forgetOldest(): void {
    for (const key of this.#held.keys()) {
      this.#held.delete(key)
      return
    }
  }
}
