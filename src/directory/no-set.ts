/** Up to here a list is copied on insertion, so that the many small sets carry no spare room. */
const EXACT_LENGTH = 32
const BITS_PER_WORD = 32

/**
 * A set of entry numbers in ascending order: a sorted list while sparse, a bitmap once that is the
 * smaller of the two. Adding to the end, which is what a growing directory does, costs no search.
 */
export class NoSet {
  #list: number[] = []
  #words: Uint32Array | null = null
  #size = 0

  constructor(numbers: Iterable<number> = []) {
    for (const no of numbers) this.add(no)
  }

  get size(): number {
    return this.#size
  }

  has(no: number): boolean {
    const words = this.#words
    if (words !== null) return (((words[no >>> 5] ?? 0) >>> (no & 31)) & 1) === 1
    const list = this.#list
    return list[lowerBound(list, no)] === no
  }

  /** Gives false when it was there already. */
  add(no: number): boolean {
    if (this.#words !== null) return this.#setBit(no)
    const list = this.#list
    const at = lowerBound(list, no)
    if (list[at] === no) return false
    if (list.length < EXACT_LENGTH) this.#list = withInserted(list, at, no)
    else if (at === list.length) list.push(no)
    else list.splice(at, 0, no)
    this.#size++
    if (this.#size > EXACT_LENGTH) this.#condense()
    return true
  }

  addAll(other: NoSet): void {
    const words = other.#words
    if (words === null) {
      for (const no of other.#list) this.add(no)
    } else if (this.#words === null) {
      const own = this.#list
      this.#list = []
      this.#words = words.slice()
      this.#size = other.#size
      for (const no of own) this.add(no)
    } else {
      this.#addWords(words)
    }
  }

  /** Gives false when it was not there. */
  delete(no: number): boolean {
    if (this.#words !== null) return this.#clearBit(no)
    const list = this.#list
    const at = lowerBound(list, no)
    if (list[at] !== no) return false
    list.splice(at, 1)
    this.#size--
    return true
  }

  /** The smallest number above `no`, or -1. Holds on to nothing, so the set may change in between. */
  nextAbove(no: number): number {
    const words = this.#words
    if (words !== null) return nextBit(words, no + 1)
    return this.#list[lowerBound(this.#list, no + 1)] ?? -1
  }

  *[Symbol.iterator](): Generator<number, void, void> {
    for (let no = this.nextAbove(-1); no >= 0; no = this.nextAbove(no)) yield no
  }

  #addWords(words: Uint32Array): void {
    const own = this.#wordsFor(words.length * BITS_PER_WORD - 1)
    for (let at = 0; at < words.length; at++) {
      const before = own[at] ?? 0
      const after = (before | (words[at] ?? 0)) >>> 0
      if (after === before) continue
      own[at] = after
      this.#size += countBits(after) - countBits(before)
    }
  }

  #setBit(no: number): boolean {
    const words = this.#wordsFor(no)
    const at = no >>> 5
    const mask = 1 << (no & 31)
    const word = words[at] ?? 0
    if ((word & mask) !== 0) return false
    words[at] = word | mask
    this.#size++
    return true
  }

  #clearBit(no: number): boolean {
    const words = this.#words
    const at = no >>> 5
    const mask = 1 << (no & 31)
    const word = words?.[at] ?? 0
    if (words === null || (word & mask) === 0) return false
    words[at] = word & ~mask
    this.#size--
    // A quarter of the density at which it became a bitmap, so that it does not go to and fro.
    if (this.#size * BITS_PER_WORD * 8 < words.length * BITS_PER_WORD) this.#spread()
    return true
  }

  /** A listed number takes 8 bytes, a place in the bitmap one bit. */
  #condense(): void {
    const list = this.#list
    const last = list[list.length - 1] ?? 0
    if (list.length * 64 <= last) return
    const words = new Uint32Array((last >>> 5) + 1)
    for (const no of list) words[no >>> 5] = (words[no >>> 5] ?? 0) | (1 << (no & 31))
    this.#words = words
    this.#list = []
  }

  #spread(): void {
    const list = [...this]
    this.#words = null
    this.#list = list
  }

  #wordsFor(no: number): Uint32Array {
    const words = this.#words ?? new Uint32Array(0)
    const needed = (no >>> 5) + 1
    if (needed <= words.length) return words
    const grown = new Uint32Array(Math.max(needed, words.length + (words.length >>> 2)))
    grown.set(words)
    this.#words = grown
    return grown
  }
}

/** Where `no` is, or would be, in the ascending `list`. */
export function lowerBound(list: readonly number[], no: number): number {
  let low = 0
  let high = list.length
  if (high > 0 && (list[high - 1] as number) < no) return high
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((list[middle] as number) < no) low = middle + 1
    else high = middle
  }
  return low
}

function withInserted(list: readonly number[], at: number, no: number): number[] {
  const next = new Array<number>(list.length + 1)
  for (let index = 0; index < at; index++) next[index] = list[index] as number
  next[at] = no
  for (let index = at; index < list.length; index++) next[index + 1] = list[index] as number
  return next
}

function nextBit(words: Uint32Array, from: number): number {
  let at = from >>> 5
  if (at >= words.length) return -1
  let word = (words[at] ?? 0) & (-1 << (from & 31))
  while (word === 0) {
    at++
    if (at >= words.length) return -1
    word = words[at] ?? 0
  }
  return (at << 5) + (31 - Math.clz32(word & -word))
}

function countBits(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555)
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333)
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
