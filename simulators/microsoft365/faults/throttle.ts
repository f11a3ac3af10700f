import { readOption } from '../graph/query.ts'
import type { Request } from '../http/exchange.ts'

const WINDOW_MS = 10_000
/** Share of the quota from which on Graph tells how near the limit is. */
const WARN_AT = 0.8
const SMALL_TOP = 20

export type RetryAfterForm = 'seconds' | 'http-date' | 'none'

export interface ThrottleSettings {
  /** Resource units for 10 seconds; `documented` takes Microsoft's figure for the tenant's size. */
  readonly quota: 'off' | 'documented' | number
  readonly retryAfter: RetryAfterForm
}

/** Units for 10 s, by users in the tenant: small, medium, large. */
export function documentedQuota(people: number): number {
  if (people < 50) return 3_500
  return people <= 500 ? 5_000 : 8_000
}

/** What a call costs: its base, less for `$select` and a small `$top`, more for `$expand`. */
export function resourceUnits(base: number, request: Request): number {
  const top = readOption(request.query, '$top')
  let units = base
  if (readOption(request.query, '$select') !== null) units -= 1
  if (readOption(request.query, '$expand') !== null) units += 1
  if (top !== null && Number(top) < SMALL_TOP) units -= 1
  return Math.max(1, units)
}

export type Verdict =
  | { readonly ok: true; readonly headers: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly waitMs: number }

/** A bucket of one application in one tenant, in real time. */
export class Throttle {
  readonly #windowMs: number
  #windowStartMs = 0
  #used = 0

  constructor(windowMs: number = WINDOW_MS) {
    this.#windowMs = windowMs
  }

  spend(units: number, parts: { quota: number | null; nowMs: number }): Verdict {
    const { quota, nowMs } = parts
    const isNewWindow = nowMs - this.#windowStartMs >= this.#windowMs
    // Nothing counts while the bucket is off, so that switching it on begins with a full one.
    if (quota === null || isNewWindow) {
      this.#windowStartMs = nowMs
      this.#used = 0
    }
    if (quota !== null && this.#used + units > quota)
      return { ok: false, waitMs: this.#windowStartMs + this.#windowMs - nowMs }
    this.#used += units
    const share = quota === null ? 0 : this.#used / quota
    const headers: Record<string, string> = { 'x-ms-resource-unit': String(units) }
    if (share >= WARN_AT) headers['x-ms-throttle-limit-percentage'] = share.toFixed(2)
    return { ok: true, headers }
  }
}

/** The Retry-After of a refusal, in the form asked for. */
export function retryAfterHeader(
  form: RetryAfterForm,
  waitMs: number,
  nowMs: number,
): Record<string, string> {
  if (form === 'none') return {}
  const seconds = Math.max(1, Math.ceil(waitMs / 1000))
  if (form === 'seconds') return { 'retry-after': String(seconds) }
  return { 'retry-after': new Date(nowMs + seconds * 1000).toUTCString() }
}
