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

  /** Stands for the hints that have come so far. */
  mark(): number {
    return this.#arrived
  }

  /** Ends the hints that had come by then, and gives whom they were about. */
  forgetUpTo(mark: number): readonly string[] {
    const ended: string[] = []
    for (const [id, arrival] of this.#arrivals) {
      if (arrival <= mark) ended.push(id)
    }
    for (const id of ended) this.#arrivals.delete(id)
    return ended
  }
}
