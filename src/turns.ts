export interface TurnsParts {
  /** One turn; it looks at `signal` between its steps, and ends early when it is aborted. */
  readonly work: (signal: AbortSignal) => Promise<void>
  /** Told of a turn that threw, unless it did because of `stop`; the next one comes as ever. */
  readonly onFault: (error: unknown) => void
  /** From the end of one turn to the beginning of the next. */
  readonly everyMs: number
  /** Before the first; as between others unless given. */
  readonly firstMs?: number
}

/** Work that comes round and round: never two turns at once, and none once it is stopped. */
export class Turns {
  readonly #parts: TurnsParts
  readonly #stopping = new AbortController()
  #timer: NodeJS.Timeout | null = null
  #running: Promise<void> = Promise.resolve()
  #isRunning = false
  #isWoken = false

  constructor(parts: TurnsParts) {
    this.#parts = parts
  }

  start(): void {
    this.#schedule(this.#parts.firstMs ?? this.#parts.everyMs)
  }

  /** Waits for the turn under way. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the daemon is stopping'))
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#running
  }

  /** Aborted when turns are to end. */
  get signal(): AbortSignal {
    return this.#stopping.signal
  }

  /** The next turn begins now, or as soon as the one under way has ended; not before `start`. */
  wake(): void {
    this.#isWoken = true
    if (this.#timer !== null && !this.#isRunning) this.#schedule(0)
  }

  #schedule(delayMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    if (this.signal.aborted) return
    this.#timer = setTimeout(() => {
      this.#running = this.#turn()
    }, delayMs)
    this.#timer.unref()
  }

  async #turn(): Promise<void> {
    this.#isRunning = true
    this.#isWoken = false
    try {
      await this.#parts.work(this.signal)
    } catch (error) {
      if (!this.signal.aborted) this.#parts.onFault(error)
    } finally {
      this.#isRunning = false
      this.#schedule(this.#isWoken ? 0 : this.#parts.everyMs)
    }
  }
}
