/** A source that lets us not ask at all is asked again after so long. */
const MISCONFIGURED_MS = 60_000
/** One that nobody could reach: short, for it is tried again by whoever comes next. */
const UNREACHABLE_MS = 5_000
/** Different people whose attempts found no answer, one after the other, before it counts as away. */
const ENOUGH_PEOPLE = 3
/** Attempts without an answer that are further apart tell of nothing common. */
const TOGETHER_MS = 10_000

export type Open =
  | { readonly why: 'misconfigured'; readonly code: number | null }
  | { readonly why: 'unreachable' }

/**
 * Keeps attempts from a source that can answer none of them. What it says about one person opens
 * nothing, throttling included: only what concerns all does.
 */
export class Circuit {
  readonly #nowMs: () => number
  /** When each person's last attempt found no answer. */
  readonly #unanswered = new Map<string, number>()
  #open: (Open & { readonly untilMs: number }) | null = null

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** Why it is not to be asked just now; null when it is. */
  find(): Open | null {
    if (this.#open === null || this.#open.untilMs <= this.#nowMs()) return null
    return this.#open
  }

  /** It has answered, whatever: it is there, and lets us ask. */
  answered(): void {
    this.#unanswered.clear()
    this.#open = null
  }

  misconfigured(code: number | null): void {
    this.#unanswered.clear()
    this.#open = { why: 'misconfigured', code, untilMs: this.#nowMs() + MISCONFIGURED_MS }
  }

  /** No connection, or no answer in time, for this person. */
  unanswered(personId: string): void {
    const nowMs = this.#nowMs()
    for (const [id, atMs] of this.#unanswered) {
      if (atMs + TOGETHER_MS <= nowMs) this.#unanswered.delete(id)
    }
    this.#unanswered.set(personId, nowMs)
    if (this.#unanswered.size < ENOUGH_PEOPLE) return
    this.#unanswered.clear()
    this.#open = { why: 'unreachable', untilMs: nowMs + UNREACHABLE_MS }
  }
}
