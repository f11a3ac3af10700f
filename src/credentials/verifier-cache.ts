import type { Credential } from '../directory/credential.ts'
import { KeyedDigest } from './keyed-digest.ts'

/** ARCHITECTURE §6: a verdict is kept this long after it was last used. */
const KEPT_MS = 12 * 60 * 60 * 1_000
/** Some 200 bytes each: 100,000 people with a phone and a laptop fit. */
const MAX_RIGHT = 200_000
/** Fewer, and apart, so that a flood of wrong values cannot push out the right ones. */
const MAX_DENIED = 50_000

/**
 * `wrong` is a verdict on the value itself. `seen` says only that the value was answered with a
 * denial of another kind (locked out, held, unknown), and so need not be made to wait again.
 */
export type DeniedMark = 'wrong' | 'seen'

/**
 * Remembers which passwords were right and which were not, without holding any: an entry's key is a
 * keyed digest over the credentials' ids and versions, the principal's version and the password. A
 * changed credential or principal has another stamp or version, so what was known of it is out of
 * reach from that moment; the bound and the age limit sweep it out later.
 */
export class VerifierCache {
  readonly #digest = new KeyedDigest()
  readonly #right: Lru<Credential>
  readonly #denied: Lru<DeniedMark>

  constructor(options: { maxRight?: number; maxDenied?: number; keptMs?: number } = {}) {
    const keptMs = options.keptMs ?? KEPT_MS
    this.#right = new Lru(options.maxRight ?? MAX_RIGHT, keptMs)
    this.#denied = new Lru(options.maxDenied ?? MAX_DENIED, keptMs)
  }

  /** @param stamp stands for the ids and versions of the credentials that were tried */
  keyOf(stamp: number, principalVersion: number, password: Uint8Array): string {
    return this.#digest.ofNumbers(stamp, principalVersion, password)
  }

  /** For a name that leads to nobody. */
  keyOfName(name: string, password: Uint8Array): string {
    return this.#digest.ofText(name, password)
  }

  /** The credential this password was right for; null when that is not known. */
  findRight(key: string, nowMs: number): Credential | null {
    return this.#right.find(key, nowMs)
  }

  findDenied(key: string, nowMs: number): DeniedMark | null {
    return this.#denied.find(key, nowMs)
  }

  rememberRight(key: string, credential: Credential, nowMs: number): void {
    this.#right.put(key, credential, nowMs)
  }

  rememberDenied(key: string, mark: DeniedMark, nowMs: number): void {
    if (mark === 'seen' && this.#denied.find(key, nowMs) === 'wrong') return
    this.#denied.put(key, mark, nowMs)
  }

  get size(): { readonly right: number; readonly denied: number } {
    return { right: this.#right.size, denied: this.#denied.size }
  }
}

interface Kept<V> {
  readonly value: V
  untilMs: number
  /** When it was last put at the young end. */
  touchedAtMs: number
}

/** An entry used within this time is young enough: moving it again would cost more than it tells. */
const TOUCH_MS = 60_000

/** A bounded map whose entries live as long as they are used; the least recently used goes first. */
class Lru<V> {
  readonly #entries = new Map<string, Kept<V>>()
  readonly #max: number
  readonly #keptMs: number

  constructor(max: number, keptMs: number) {
    this.#max = max
    this.#keptMs = keptMs
  }

  get size(): number {
    return this.#entries.size
  }

  find(key: string, nowMs: number): V | null {
    const entry = this.#entries.get(key)
    if (entry === undefined) return null
    if (entry.untilMs <= nowMs) {
      this.#entries.delete(key)
      return null
    }
    entry.untilMs = nowMs + this.#keptMs
    if (nowMs - entry.touchedAtMs > TOUCH_MS) this.#moveToYoungEnd(key, entry, nowMs)
    return entry.value
  }

  put(key: string, value: V, nowMs: number): void {
    this.#entries.delete(key)
    this.#entries.set(key, { value, untilMs: nowMs + this.#keptMs, touchedAtMs: nowMs })
    if (this.#entries.size <= this.#max) return
    const oldest = this.#entries.keys().next()
    if (oldest.done !== true) this.#entries.delete(oldest.value)
  }

  #moveToYoungEnd(key: string, entry: Kept<V>, nowMs: number): void {
    entry.touchedAtMs = nowMs
    this.#entries.delete(key)
    this.#entries.set(key, entry)
  }
}
