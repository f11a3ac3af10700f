import { NoSet } from './no-set.ts'
import type { PagedNumbers } from './paged.ts'

/**
 * Numbers of entries that may match, in ascending order. Each step looks for itself, so the
 * directory may change between two steps.
 */
export interface Candidates {
  /** How many at most, or what walking them costs beside so many entries looked at. */
  readonly size: number
  /** The smallest candidate above `no`, or -1. */
  nextAbove(no: number): number
}

export const nobody: Candidates = { size: 0, nextAbove: () => -1 }

export class Lone implements Candidates {
  readonly size = 1
  readonly #no: number

  constructor(no: number) {
    this.#no = no
  }

  nextAbove(no: number): number {
    return no < this.#no ? this.#no : -1
  }
}

/** Those in every set; the first set should be the smallest. */
export class Intersection implements Candidates {
  readonly #first: NoSet
  readonly #others: readonly NoSet[]

  constructor(sets: readonly NoSet[]) {
    this.#first = sets[0] ?? new NoSet()
    this.#others = sets.slice(1)
  }

  get size(): number {
    return this.#first.size
  }

  nextAbove(no: number): number {
    let next = this.#first.nextAbove(no)
    while (next >= 0 && !this.#isInOthers(next)) next = this.#first.nextAbove(next)
    return next
  }

  #isInOthers(no: number): boolean {
    for (const set of this.#others) if (!set.has(no)) return false
    return true
  }
}

/** How many numbers of a column are read in the time one entry takes to be looked at. */
const COLUMN_SPEED = 32

/** Those whose number in `column` lies in the range, both ends included. */
export class Range implements Candidates {
  readonly size: number
  readonly #column: PagedNumbers
  readonly #least: number
  readonly #most: number

  constructor(
    column: PagedNumbers,
    range: { readonly least: number; readonly most: number; readonly living: number },
  ) {
    this.#column = column
    this.#least = range.least
    this.#most = range.most
    this.size = Math.ceil(range.living / COLUMN_SPEED)
  }

  nextAbove(no: number): number {
    return this.#column.nextWithin(no, this.#least, this.#most)
  }
}

/**
 * Those in any of the parts as they are at the first step: an entry that goes from one part to
 * another while the result is drained is not lost between them. A plan that finds something cheaper
 * has added nothing up.
 */
export function unionOf(parts: readonly Candidates[]): Candidates {
  const [only] = parts
  if (only === undefined) return nobody
  return parts.length === 1 ? only : new Union(parts)
}

class Union implements Candidates {
  readonly size: number
  readonly #parts: readonly Candidates[]
  #sum: NoSet | null = null

  constructor(parts: readonly Candidates[]) {
    this.#parts = parts
    this.size = parts.reduce((sum, part) => sum + part.size, 0)
  }

  nextAbove(no: number): number {
    this.#sum ??= sumOf(this.#parts)
    return this.#sum.nextAbove(no)
  }
}

function sumOf(parts: readonly Candidates[]): NoSet {
  const few: number[] = []
  const union = new NoSet()
  for (const part of parts) {
    if (part instanceof NoSet) union.addAll(part)
    else for (let no = part.nextAbove(-1); no >= 0; no = part.nextAbove(no)) few.push(no)
  }
  few.sort((a, b) => a - b)
  for (const no of few) union.add(no)
  return union
}
