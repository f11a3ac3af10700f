interface Cell<L extends readonly unknown[]> {
  readonly labels: L
  count: number
}

/**
 * Counts by labels between two pages of metrics. A hot path cannot afford a look-up of a metric's
 * labels for each answer, and mostly counts the same labels again.
 */
export class Tally<L extends readonly (string | number)[]> {
  /** As many as there are combinations of labels: some tens. */
  readonly #cells: Cell<L>[] = []
  #last: Cell<L> | null = null

  add(...labels: L): void {
    const last = this.#last
    if (last !== null && areSame(last.labels, labels)) {
      last.count++
      return
    }
    const cell = this.#cells.find((one) => areSame(one.labels, labels)) ?? this.#open(labels)
    cell.count++
    this.#last = cell
  }

  /** Tells what was counted since the last time, and begins anew. */
  drain(each: (count: number, labels: L) => void): void {
    for (const cell of this.#cells) {
      if (cell.count > 0) each(cell.count, cell.labels)
      cell.count = 0
    }
  }

  #open(labels: L): Cell<L> {
    const cell = { labels, count: 0 }
    this.#cells.push(cell)
    return cell
  }
}

function areSame(one: readonly unknown[], other: readonly unknown[]): boolean {
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false
  return true
}
