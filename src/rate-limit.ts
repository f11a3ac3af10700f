export interface Rate {
  /** Requests, on average. */
  readonly perSecond: number
  /** Requests that may come at once after a pause. */
  readonly burst: number
}

interface Bucket {
  tokens: number
  filledAtMs: number
}

/** A token bucket for each key. Keys are what admins made: connections, sources; nobody else's words. */
export class RateLimit {
  readonly #rate: Rate
  readonly #nowMs: () => number
  readonly #buckets = new Map<string, Bucket>()

  constructor(rate: Rate, nowMs: () => number) {
    this.#rate = rate
    this.#nowMs = nowMs
  }

  /** Null when the request may pass; else after how many whole seconds one may again. */
  take(key: string): number | null {
    const { perSecond, burst } = this.#rate
    const nowMs = this.#nowMs()
    const bucket = this.#buckets.get(key) ?? { tokens: burst, filledAtMs: nowMs }
    const gained = ((nowMs - bucket.filledAtMs) / 1_000) * perSecond
    bucket.tokens = Math.min(burst, bucket.tokens + Math.max(0, gained))
    bucket.filledAtMs = nowMs
    this.#buckets.set(key, bucket)
    if (bucket.tokens < 1) return Math.max(1, Math.ceil((1 - bucket.tokens) / perSecond))
    bucket.tokens -= 1
    return null
  }
}
