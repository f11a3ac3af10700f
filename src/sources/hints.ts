/** How rounds follow on hints, of which there may be any number. */
export interface HintPace {
  /** Between a hint and its round: others come with it, and the change gets to where we read. */
  readonly delayMs: number
  /** Between the end of a round and one that a hint brings forward. */
  readonly gapMs: number
  /** After a hinted round that found nothing: what was told of may show later than it was told. */
  readonly againMs: number
}

const PACE: HintPace = { delayMs: 1_000, gapMs: 5_000, againMs: 15_000 }

/** Until the next round. */
export interface Wait {
  readonly delayMs: number
  /** Whether a hint may shorten it: not while the source is to be left alone. */
  readonly takesHints: boolean
}

/**
 * Hints that something has changed, and when their rounds come. However many hints come, rounds keep
 * their pace; one that comes during a round is good for the next.
 */
export class Hints {
  readonly #pace: HintPace
  #isOpen = false
  /** Rounds a hint is still good for, should they find nothing. */
  #again = 0
  #restUntilMs = 0

  constructor(pace: HintPace = PACE) {
    this.#pace = pace
  }

  /** @returns when its round may come */
  come(nowMs: number): number {
    this.#isOpen = true
    this.#again = 1
    return Math.max(nowMs + this.#pace.delayMs, this.#restUntilMs)
  }

  /** A round begins, and answers all that came before it. @returns whether there was any */
  take(): boolean {
    const isHinted = this.#isOpen
    this.#isOpen = false
    return isHinted
  }

  /** How long to wait after a round, now that hints may have come during it. */
  shorten({ delayMs, takesHints }: Wait, round: { nowMs: number; hasFound: boolean }): number {
    const { gapMs, againMs } = this.#pace
    this.#restUntilMs = round.nowMs + (takesHints ? gapMs : delayMs)
    if (!takesHints) return delayMs
    if (this.#isOpen) return Math.min(delayMs, gapMs)
    if (round.hasFound || this.#again === 0) return delayMs
    this.#again -= 1
    return Math.min(delayMs, againMs)
  }
}
