import type { Freshness } from '../../directory/directory.ts'

/** Answers are fresh while the last confirmation is at most this old: four polls of the feed. */
const FRESH_MS = 1_000
/** A silence of our own longer than this means that we were stopped, and may have missed anything. */
const PAUSE_MS = 2_000

/** When a round began, so that it confirms nothing that happened later. */
export interface RoundStart {
  readonly atMs: number
  readonly pauses: number
}

export interface Clocks {
  /** Milliseconds that never go back. */
  monotonicMs(): number
  /** Milliseconds that go on while the machine sleeps. */
  wallMs(): number
}

const SYSTEM_CLOCKS: Clocks = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
}

/**
 * Knows when the read model was last known to be complete, and notices when this process was
 * stopped: it looks at the time whenever it is asked, so the first question after a pause sees it.
 */
export class FreshnessClock {
  readonly #clocks: Clocks
  #confirmedAtMs = Number.NEGATIVE_INFINITY
  #beatMs: number
  #beatWallMs: number
  #pauses = 0
  #mustConfirm = true

  constructor(clocks: Clocks = SYSTEM_CLOCKS) {
    this.#clocks = clocks
    this.#beatMs = clocks.monotonicMs()
    this.#beatWallMs = clocks.wallMs()
  }

  /** To be called several times a second, and before each answer. */
  beat(): void {
    const nowMs = this.#clocks.monotonicMs()
    const wallMs = this.#clocks.wallMs()
    if (Math.max(nowMs - this.#beatMs, wallMs - this.#beatWallMs) > PAUSE_MS) {
      this.#pauses++
      this.#mustConfirm = true
    }
    this.#beatMs = nowMs
    this.#beatWallMs = wallMs
  }

  startRound(): RoundStart {
    this.beat()
    return { atMs: this.#clocks.monotonicMs(), pauses: this.#pauses }
  }

  /** Everything committed before `start` has been applied. */
  confirm(start: RoundStart): void {
    this.beat()
    this.#confirmedAtMs = Math.max(this.#confirmedAtMs, start.atMs)
    if (start.pauses === this.#pauses) this.#mustConfirm = false
  }

  get mustConfirm(): boolean {
    this.beat()
    return this.#mustConfirm
  }

  /** How long ago the read model was last known to be complete. */
  get ageMs(): number {
    return this.#clocks.monotonicMs() - this.#confirmedAtMs
  }

  /** @param maxStalenessMs 0 is strict: only fresh will do */
  freshness(maxStalenessMs: number): Freshness {
    this.beat()
    if (this.#mustConfirm) return 'too-stale'
    const ageMs = this.#beatMs - this.#confirmedAtMs
    if (ageMs <= FRESH_MS) return 'fresh'
    return ageMs <= maxStalenessMs ? 'within-limit' : 'too-stale'
  }
}
