const EVERY_MS = 60_000
/** Enough to see who is in trouble; a packet of UDP can name any source it likes. */
const MAX_LINES = 20

interface Source {
  readonly loggedAtMs: number
  /** Events since the line. */
  count: number
}

interface Trouble {
  /** Those with a line of their own in the last while, the longest ago first. */
  readonly sources: Map<string, Source>
  /** Events that no line of a source will tell of. */
  rest: number
}

export interface LineLimitParts {
  /** Writes the one line for all events of a reason that get none by their source. */
  readonly tellRest: (reason: string, count: number) => void
  /** Milliseconds, monotonic. */
  readonly nowMs?: () => number
  readonly everyMs?: number
  readonly maxLines?: number
}

/**
 * Bounds a log that others can fill: for each reason a line a minute for each source, so many sources
 * at most, and one line for the sum of what is left. Every event is in the count of one line.
 */
export class LineLimit {
  readonly #tellRest: LineLimitParts['tellRest']
  readonly #nowMs: () => number
  readonly #everyMs: number
  readonly #maxLines: number
  /** By reason, of which there are few. */
  readonly #troubles = new Map<string, Trouble>()
  #timer: NodeJS.Timeout | null = null

  constructor(parts: LineLimitParts) {
    this.#tellRest = parts.tellRest
    this.#nowMs = parts.nowMs ?? (() => performance.now())
    this.#everyMs = parts.everyMs ?? EVERY_MS
    this.#maxLines = parts.maxLines ?? MAX_LINES
  }

  /** How many events the line to be written now stands for; 0 when none is to be written. */
  count(reason: string, source: string): number {
    const trouble = this.#troubleOf(reason)
    const { sources } = trouble
    const nowMs = this.#nowMs()
    const known = sources.get(source)
    if (known !== undefined && !this.#isOver(known, nowMs)) {
      known.count += 1
      return this.#later()
    }
    // Set anew, it is the last again.
    sources.delete(source)
    this.#forget(trouble, nowMs)
    if (sources.size >= this.#maxLines) {
      trouble.rest += 1 + (known?.count ?? 0)
      return this.#later()
    }
    sources.set(source, { loggedAtMs: nowMs, count: 0 })
    return 1 + (known?.count ?? 0)
  }

  /** Tells of what has waited long enough for a line by its source. Called by itself, too. */
  flush(): void {
    const nowMs = this.#nowMs()
    let isWaiting = false
    for (const [reason, trouble] of this.#troubles) {
      this.#forget(trouble, nowMs)
      if (trouble.rest > 0) this.#tellRest(reason, trouble.rest)
      trouble.rest = 0
      isWaiting ||= [...trouble.sources.values()].some(({ count }) => count > 0)
    }
    if (isWaiting) this.#later()
  }

  #troubleOf(reason: string): Trouble {
    const known = this.#troubles.get(reason)
    if (known !== undefined) return known
    const trouble = { sources: new Map<string, Source>(), rest: 0 }
    this.#troubles.set(reason, trouble)
    return trouble
  }

  #isOver({ loggedAtMs }: Source, nowMs: number): boolean {
    return nowMs - loggedAtMs >= this.#everyMs
  }

  /** Sources whose while is over; what was counted for their next line joins the rest. */
  #forget(trouble: Trouble, nowMs: number): void {
    for (const [source, known] of trouble.sources) {
      if (!this.#isOver(known, nowMs)) return
      trouble.rest += known.count
      trouble.sources.delete(source)
    }
  }

  /** No line now; whatever happens next, the sum is told. */
  #later(): 0 {
    if (this.#timer === null) {
      this.#timer = setTimeout(() => {
        this.#timer = null
        this.flush()
      }, this.#everyMs)
      this.#timer.unref()
    }
    return 0
  }
}
