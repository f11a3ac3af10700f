const PAGE_BITS = 12
const PAGE_LENGTH = 1 << PAGE_BITS
const PAGE_MASK = PAGE_LENGTH - 1

/** A table by entry number that grows by pages, so that a far number costs no long empty array. */
export class Paged<T> {
  readonly #pages: ((T | null)[] | undefined)[] = []

  at(no: number): T | null {
    return this.#pages[no >>> PAGE_BITS]?.[no & PAGE_MASK] ?? null
  }

  set(no: number, value: T | null): void {
    const at = no >>> PAGE_BITS
    let page = this.#pages[at]
    if (page === undefined) {
      if (value === null) return
      while (this.#pages.length < at) this.#pages.push(undefined)
      page = new Array<T | null>(PAGE_LENGTH).fill(null)
      this.#pages[at] = page
    }
    page[no & PAGE_MASK] = value
  }
}

/** The same for numbers; what was never set is NaN, which no comparison finds. */
export class PagedNumbers {
  readonly #pages: (Float64Array | undefined)[] = []

  at(no: number): number {
    return this.#pages[no >>> PAGE_BITS]?.[no & PAGE_MASK] ?? Number.NaN
  }

  set(no: number, value: number): void {
    const at = no >>> PAGE_BITS
    let page = this.#pages[at]
    if (page === undefined) {
      while (this.#pages.length < at) this.#pages.push(undefined)
      page = new Float64Array(PAGE_LENGTH).fill(Number.NaN)
      this.#pages[at] = page
    }
    page[no & PAGE_MASK] = value
  }

  /** The first number above `no` whose value lies in the range, both ends included, or -1. */
  nextWithin(no: number, least: number, most: number): number {
    let from = no + 1
    for (let at = from >>> PAGE_BITS; at < this.#pages.length; at++) {
      const page = this.#pages[at]
      if (page !== undefined) {
        for (let slot = from & PAGE_MASK; slot < PAGE_LENGTH; slot++) {
          const value = page[slot] as number
          if (value >= least && value <= most) return (at << PAGE_BITS) + slot
        }
      }
      from = 0
    }
    return -1
  }
}
