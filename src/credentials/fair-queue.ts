/**
 * First come, first served within a key, and the keys take turns: whoever sends a thousand does not
 * keep the next from being second.
 */
export class FairQueue<T> {
  readonly #lanes = new Map<string, Set<T>>()
  readonly #maxWaiting: number
  readonly #maxWaitingPerKey: number
  #waiting = 0

  constructor(options: { readonly maxWaiting: number; readonly maxWaitingPerKey: number }) {
    this.#maxWaiting = options.maxWaiting
    this.#maxWaitingPerKey = options.maxWaitingPerKey
  }

  get waiting(): number {
    return this.#waiting
  }

  /** False when the queue, or this key's part of it, is full. */
  add(key: string, item: T): boolean {
    const lane = this.#lanes.get(key)
    if (this.#waiting >= this.#maxWaiting) return false
    if (lane === undefined) this.#lanes.set(key, new Set([item]))
    else if (lane.size >= this.#maxWaitingPerKey) return false
    else lane.add(item)
    this.#waiting += 1
    return true
  }

  /** Takes `item` out wherever it stands; false when it is not waiting any more. */
  remove(key: string, item: T): boolean {
    const lane = this.#lanes.get(key)
    if (lane?.delete(item) !== true) return false
    this.#waiting -= 1
    if (lane.size === 0) this.#lanes.delete(key)
    return true
  }

  /** The next item, by turns; null when nobody waits. */
  take(): T | null {
    for (const [key, lane] of this.#lanes) {
      this.#lanes.delete(key)
      for (const item of lane) {
        lane.delete(item)
        this.#waiting -= 1
        if (lane.size > 0) this.#lanes.set(key, lane)
        return item
      }
    }
    return null
  }
}
