/** How a connection has fared with Graph since the daemon opened it. */
export interface MeterReading {
  readonly requests: number
  /** Answers that asked to slow down. */
  readonly throttled: number
  readonly lastThrottledAtMs: number | null
  /** As the last of them asked; null when it did not say. */
  readonly lastRetryAfterMs: number | null
  /** Resource units that Graph has counted, where it told. */
  readonly resourceUnits: number
  /** Share of the quota in use, as the last answer said; Graph tells from 0.8 on, null below. */
  readonly quotaShare: number | null
  /** The token in use; null before the first. */
  readonly token: { readonly issuedAtMs: number; readonly expiresAtMs: number } | null
}

/** Counts what the chain of middlewares sees. */
export class GraphMeter {
  readonly #onThrottled: () => void
  #reading: MeterReading = {
    requests: 0,
    throttled: 0,
    lastThrottledAtMs: null,
    lastRetryAfterMs: null,
    resourceUnits: 0,
    quotaShare: null,
    token: null,
  }

  constructor(onThrottled: () => void = () => {}) {
    this.#onThrottled = onThrottled
  }

  get reading(): MeterReading {
    return this.#reading
  }

  answered(
    response: Response,
    at: { readonly nowMs: number; readonly retryAfterMs: number | null },
  ) {
    const units = Number(response.headers.get('x-ms-resource-unit') ?? 0) || 0
    const share = Number(response.headers.get('x-ms-throttle-limit-percentage') ?? 0) || null
    const before = this.#reading
    const isThrottled = response.status === 429
    if (isThrottled) this.#onThrottled()
    this.#reading = {
      ...before,
      requests: before.requests + 1,
      resourceUnits: before.resourceUnits + units,
      quotaShare: share,
      ...(isThrottled
        ? {
            throttled: before.throttled + 1,
            lastThrottledAtMs: at.nowMs,
            lastRetryAfterMs: at.retryAfterMs,
          }
        : {}),
    }
  }

  signedIn(token: { readonly issuedAtMs: number; readonly expiresAtMs: number }): void {
    this.#reading = { ...this.#reading, token }
  }
}
