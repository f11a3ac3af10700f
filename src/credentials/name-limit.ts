import { addressKey, isLoopback } from './address-key.ts'

/** A host with many users sees some of them mistype; nobody mistypes thirty people's passwords. */
const MAX_NAMES = 30
const WINDOW_MS = 10 * 60 * 1_000
/** Addresses remembered at once; the one that failed longest ago is forgotten first. */
const MAX_ADDRESSES = 10_000

/**
 * Limits how many different names one address may fail with, against trying one password on
 * everybody. Wrong passwords for one name are another matter ({@link Failures}), and a success takes
 * its name off the list.
 */
export class NameLimit {
  readonly #failed = new Map<string, Map<string, number>>()
  readonly #maxNames: number
  readonly #isExempt: (address: string) => boolean

  /**
   * @param options.isExempt addresses that stand for many, a load balancer's for instance; by
   *   default this machine, whose users are not told apart by address
   */
  constructor(options: { maxNames?: number; isExempt?: (address: string) => boolean } = {}) {
    this.#maxNames = options.maxNames ?? MAX_NAMES
    this.#isExempt = options.isExempt ?? isLoopback
  }

  isLimited(address: string, nowMs: number): boolean {
    if (this.#failed.size === 0) return false
    const names = this.#failed.get(addressKey(address))
    if (names === undefined) return false
    for (const [name, atMs] of names) {
      if (atMs + WINDOW_MS > nowMs) break
      names.delete(name)
    }
    return names.size >= this.#maxNames
  }

  recordFailure(address: string, name: string, nowMs: number): void {
    if (this.#isExempt(address)) return
    const key = addressKey(address)
    const names = this.#failed.get(key) ?? new Map<string, number>()
    // Put at the young end: both maps are in the order of the last failure.
    this.#failed.delete(key)
    this.#failed.set(key, names)
    names.delete(name)
    if (names.size < this.#maxNames) names.set(name, nowMs)
    if (this.#failed.size <= MAX_ADDRESSES) return
    const oldest = this.#failed.keys().next()
    if (oldest.done !== true) this.#failed.delete(oldest.value)
  }

  /** @param login asked for its name only when there is something to take off */
  recordSuccess(login: { readonly address: string; readonly name: string }): void {
    if (this.#failed.size === 0) return
    this.#failed.get(addressKey(login.address))?.delete(login.name)
  }
}
