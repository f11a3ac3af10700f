import { addressKey } from '../credentials/address-key.ts'

/** Addresses remembered at once; the one that began longest ago is forgotten first. */
const MAX_ADDRESSES = 10_000

/** So many tries of one address in a window that begins with its first. */
export class Pace {
  readonly #max: number
  readonly #windowMs: number
  readonly #windows = new Map<string, { readonly untilMs: number; count: number }>()

  constructor(limit: { readonly max: number; readonly windowMs: number }) {
    this.#max = limit.max
    this.#windowMs = limit.windowMs
  }

  /** Counts a try; false for one too many. */
  take(address: string, nowMs: number): boolean {
    const key = addressKey(address)
    const known = this.#windows.get(key)
    if (known !== undefined && known.untilMs > nowMs) {
      known.count += 1
      return known.count <= this.#max
    }
    this.#windows.delete(key)
    this.#windows.set(key, { untilMs: nowMs + this.#windowMs, count: 1 })
    if (this.#windows.size <= MAX_ADDRESSES) return true
    const [oldest] = this.#windows.keys()
    if (oldest !== undefined) this.#windows.delete(oldest)
    return true
  }
}
