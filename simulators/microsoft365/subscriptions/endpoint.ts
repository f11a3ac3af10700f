/** Responses an endpoint is judged by. */
const WINDOW_MS = 10 * 60_000
/** Too few say nothing. */
const ENOUGH = 100
const SLOW_SHARE = 0.1
const DROP_SHARE = 0.15

export type EndpointState = 'good' | 'slow' | 'drop'

/**
 * How quick an endpoint has been lately. One of which more than a tenth of the responses were slow
 * is served late, one with more than 15 % not at all until that is past
 * (learn.microsoft.com/graph/change-notifications-delivery-webhooks, Throttling).
 */
export class EndpointRecord {
  readonly #responses: { readonly atMs: number; readonly isSlow: boolean }[] = []

  note(atMs: number, isSlow: boolean): void {
    this.#responses.push({ atMs, isSlow })
  }

  stateAt(nowMs: number): EndpointState {
    while ((this.#responses[0]?.atMs ?? nowMs) < nowMs - WINDOW_MS) this.#responses.shift()
    if (this.#responses.length < ENOUGH) return 'good'
    const share = this.#responses.filter(({ isSlow }) => isSlow).length / this.#responses.length
    if (share > DROP_SHARE) return 'drop'
    return share > SLOW_SHARE ? 'slow' : 'good'
  }
}
