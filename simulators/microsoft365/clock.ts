/**
 * The tenant's clock: the machine's, moved forward on request. Ages of delta tokens, of deleted
 * objects and of replication are measured with it; access tokens keep real time, because the client
 * that holds them does.
 */
export class VirtualClock {
  readonly #baseMs: () => number
  #offsetMs = 0
  #pinnedMs: number | null = null

  constructor(baseMs: () => number = Date.now) {
    this.#baseMs = baseMs
  }

  nowMs(): number {
    return this.#pinnedMs ?? this.#baseMs() + this.#offsetMs
  }

  /** Stands still at a moment, for reading history again; null lets it go on. */
  pin(atMs: number | null): void {
    this.#pinnedMs = atMs
  }

  /** What the machine says, without the offset. */
  realMs(): number {
    return this.#baseMs()
  }

  get offsetMs(): number {
    return this.#offsetMs
  }

  /** @throws {RangeError} for a step backwards: a directory's history has no way back */
  advance(byMs: number): void {
    if (!Number.isFinite(byMs) || byMs < 0) throw new RangeError('the clock only moves forward')
    this.#offsetMs += byMs
  }
}
