/**
 * Principals some daemon has just shut out, believed before the feed has read why. A hint stays until
 * a round that began after it came has ended: from then on the read model knows itself.
 */
export class Denials {
  readonly #arrivals = new Map<string, number>()
  #arrived = 0

  add(ids: readonly string[]): void {
    this.#arrived++
    for (const id of ids) this.#arrivals.set(id, this.#arrived)
  }

  has(id: string): boolean {
    return this.#arrivals.has(id)
  }

  /** Stands for the hints that have come so far. */
  mark(): number {
    return this.#arrived
  }

  forgetUpTo(mark: number): void {
    for (const [id, arrival] of this.#arrivals) {
      if (arrival <= mark) this.#arrivals.delete(id)
    }
  }
}
