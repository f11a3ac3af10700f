/** Continuations of a round at most, however little they cost. */
const MAX_A_ROUND = 16
/** From how many places of a queue that have been taken it is worth moving the rest. */
const MIN_TAKEN = 1_024

/** Calls `continuation` in a later round of the event loop, first come first served. */
export interface TurnTaker {
  take(continuation: () => void): void
}

/**
 * Lets long work of many take turns: a few continuations for each round of the event loop, so that
 * reading, timers and other connections come in between however many are waiting.
 */
export class Turns implements TurnTaker {
  readonly #roundMs: number
  readonly #lanes: Queue[] = []
  readonly #own = this.lane()
  /** Whose turn it is. */
  #lane = 0
  #waiting = 0
  /** Immediates of this round that have yet to run. */
  #planned = 0
  /** When this round's first one began; null before it. */
  #startMs: number | null = null

  /** @param roundMs time for them in a round, in milliseconds; 0 for one a round */
  constructor(roundMs = 0) {
    this.#roundMs = roundMs
  }

  take(continuation: () => void): void {
    this.#own.take(continuation)
  }

  /** A queue of its own, served alternately with the others: a flood of one kind holds up no other. */
  lane(): TurnTaker {
    const queue = new Queue()
    this.#lanes.push(queue)
    return {
      take: (continuation) => {
        queue.put(continuation)
        this.#waiting += 1
        // One that comes while a round is under way waits for its end.
        if (this.#startMs === null) this.#plan()
      },
    }
  }

  /**
   * Each has an immediate to itself, since what a continuation has put off, promises and ticks, is
   * done before the next immediate, and so counts as its time.
   */
  #plan(): void {
    const most = this.#roundMs > 0 ? MAX_A_ROUND : 1
    const wanted = Math.min(most, this.#waiting)
    for (; this.#planned < wanted; this.#planned++) setImmediate(this.#next)
  }

  readonly #next = (): void => {
    const nowMs = performance.now()
    const isFirst = this.#startMs === null
    this.#startMs ??= nowMs
    this.#planned -= 1
    const hasTime = isFirst || nowMs - this.#startMs < this.#roundMs
    const continuation = hasTime ? this.#shift() : undefined
    if (this.#planned === 0) {
      this.#startMs = null
      // Immediates made here run in the next round.
      this.#plan()
    }
    continuation?.()
  }

  #shift(): (() => void) | undefined {
    for (let tried = 0; tried < this.#lanes.length; tried++) {
      const queue = this.#lanes[this.#lane]
      this.#lane = (this.#lane + 1) % this.#lanes.length
      const continuation = queue?.shift()
      if (continuation === undefined) continue
      this.#waiting -= 1
      return continuation
    }
    return undefined
  }
}

/** First in, first out; what was taken is let go of, also where it never runs empty. */
class Queue {
  #items: ((() => void) | undefined)[] = []
  #at = 0

  put(item: () => void): void {
    this.#items.push(item)
  }

  shift(): (() => void) | undefined {
    const item = this.#items[this.#at]
    if (item === undefined) return undefined
    this.#items[this.#at++] = undefined
    if (this.#at === this.#items.length) {
      this.#items = []
      this.#at = 0
    } else if (this.#at >= MIN_TAKEN && this.#at * 2 >= this.#items.length) {
      this.#items.splice(0, this.#at)
      this.#at = 0
    }
    return item
  }
}
