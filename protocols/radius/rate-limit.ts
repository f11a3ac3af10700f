/** What a source may send at once beyond its rate, as seconds of it: a site whose power comes back. */
const BURST_MS = 10_000
/** Far more than one network has; beyond, whoever has been known longest is taken for new. */
const MAX_SOURCES = 65_536

/**
 * What is counted apart. Unsigned log-ins (no Message-Authenticator) can be forged, and must not use
 * up what signed ones have.
 */
export type Lane = keyof typeof lanes

const lanes = {
  'signed log-in': { at: 0, weight: 1 },
  'unsigned log-in': { at: 1, weight: 1 },
  // A log-in counts once, at its start; these are its further packets, some ten to thirty of them.
  'log-in under way': { at: 2, weight: 32 },
  accounting: { at: 3, weight: 4 },
} as const

/**
 * How many requests a source may send: a leaking bucket for each lane, kept as the time at which it
 * will be empty (the generic cell rate algorithm), so that a limit ends by itself.
 */
export class RateLimit {
  /** By source: for each lane, when its bucket is empty; in the order in which they came. */
  readonly #emptyAtMs = new Map<string, number[]>()
  readonly #maxSources: number
  #sweptAtMs = Number.NEGATIVE_INFINITY

  constructor(maxSources = MAX_SOURCES) {
    this.#maxSources = maxSources
  }

  get size(): number {
    return this.#emptyAtMs.size
  }

  /**
   * Counts a request, unless it is one too many.
   *
   * @param perSecond log-ins; the other lanes have a multiple of it
   */
  take(
    source: string,
    { lane, perSecond, nowMs }: { lane: Lane; perSecond: number; nowMs: number },
  ): boolean {
    const { at, weight } = lanes[lane]
    const known = this.#emptyAtMs.get(source) ?? this.#add(source, nowMs)
    const emptyAtMs = Math.max(known[at] ?? nowMs, nowMs) + 1_000 / (perSecond * weight)
    if (emptyAtMs - nowMs > BURST_MS) return false
    known[at] = emptyAtMs
    return true
  }

  #add(source: string, nowMs: number): number[] {
    this.#makeRoom(nowMs)
    const added = Object.keys(lanes).map(() => nowMs)
    this.#emptyAtMs.set(source, added)
    return added
  }

  /** Forgets sources with nothing to hold against them. */
  #makeRoom(nowMs: number): void {
    if (nowMs - this.#sweptAtMs >= BURST_MS) {
      this.#sweptAtMs = nowMs
      for (const [source, known] of this.#emptyAtMs) {
        if (known.every((emptyAtMs) => emptyAtMs <= nowMs)) this.#emptyAtMs.delete(source)
      }
    }
    if (this.#emptyAtMs.size < this.#maxSources) return
    const [longestKnown] = this.#emptyAtMs.keys()
    if (longestKnown !== undefined) this.#emptyAtMs.delete(longestKnown)
  }
}
