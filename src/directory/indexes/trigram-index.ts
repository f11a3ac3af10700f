import type { Candidates } from '../candidates.ts'
import { Intersection, nobody } from '../candidates.ts'
import { NoSet } from '../no-set.ts'

/** Trigrams of names number some 30,000; those that share a bucket only cost a comparison. */
const BUCKET_BITS = 17
const BUCKETS = 1 << BUCKET_BITS

/** Stands before the first letter, so that a prefix of two has a trigram too. */
const START = 0xffff

/** What a longer text holds beyond this is not indexed; such entries are always candidates. */
const MAX_INDEXED_LENGTH = 256

/** The rarest few narrow nearly as well as all. */
const MAX_INTERSECTED = 4

/** The parts of a text one looks for; see the query of the same name. */
export interface Parts {
  readonly initial: string | null
  readonly any: readonly string[]
  readonly final: string | null
}

/**
 * From three letters in a row to the entries with them in any text of theirs. One index for all
 * fields, as mail, names and log-in names of a person hold much the same letters.
 */
export class TrigramIndex {
  readonly #buckets = new Array<NoSet | null>(BUCKETS).fill(null)
  readonly #long = new NoSet()
  /** Which round a bucket was last seen in, to list each once; for texts of before and of now. */
  readonly #seenBefore = new Uint32Array(BUCKETS)
  readonly #seen = new Uint32Array(BUCKETS)
  #round = 0

  /** Moves the entry from its texts of before to those of now; what both hold is left alone. */
  replace(before: readonly string[], after: readonly string[], no: number): void {
    this.#round++
    const round = this.#round
    const old = this.#bucketsOf(before, this.#seenBefore)
    const fresh = this.#bucketsOf(after, this.#seen)
    for (const bucket of old) if (this.#seen[bucket] !== round) this.#dropFrom(bucket, no)
    for (const bucket of fresh) if (this.#seenBefore[bucket] !== round) this.#addTo(bucket, no)
    if (after.some(isLong)) this.#long.add(no)
    else if (this.#long.size > 0) this.#long.delete(no)
  }

  /** A superset of the entries with such a text; null when the parts are too short to tell. */
  find(parts: Parts): Candidates | null {
    const sets: NoSet[] = []
    for (const bucket of this.#bucketsOfParts(parts)) {
      const set = this.#buckets[bucket] ?? null
      if (set !== null) sets.push(set)
      else if (this.#long.size === 0) return nobody
      else return this.#long
    }
    if (sets.length === 0) return null
    if (this.#long.size > 0) return this.#withLong(sets)
    sets.sort((a, b) => a.size - b.size)
    return new Intersection(sets.slice(0, MAX_INTERSECTED))
  }

  #withLong(sets: readonly NoSet[]): NoSet {
    const rarest = sets.reduce((least, set) => (set.size < least.size ? set : least))
    const union = new NoSet(rarest)
    union.addAll(this.#long)
    return union
  }

  #bucketsOfParts({ initial, any, final }: Parts): readonly number[] {
    this.#round++
    const buckets: number[] = []
    const into = { seen: this.#seen, buckets }
    if (initial !== null) this.#collect(initial, START, into)
    for (const part of any) this.#collect(part, null, into)
    if (final !== null) this.#collect(final, null, into)
    return buckets
  }

  #bucketsOf(texts: readonly string[], seen: Uint32Array): readonly number[] {
    const buckets: number[] = []
    const into = { seen, buckets }
    for (const text of texts) {
      this.#collect(isLong(text) ? text.slice(0, MAX_INDEXED_LENGTH) : text, START, into)
    }
    return buckets
  }

  #collect(
    text: string,
    before: number | null,
    into: { readonly seen: Uint32Array; readonly buckets: number[] },
  ): void {
    const { seen, buckets } = into
    const round = this.#round
    let first = before ?? text.charCodeAt(0)
    let second = text.charCodeAt(before === null ? 1 : 0)
    for (let at = before === null ? 2 : 1; at < text.length; at++) {
      const third = text.charCodeAt(at)
      const bucket = bucketOf(first, second, third)
      if (seen[bucket] !== round) {
        seen[bucket] = round
        buckets.push(bucket)
      }
      first = second
      second = third
    }
  }

  #addTo(bucket: number, no: number): void {
    const set = this.#buckets[bucket] ?? null
    if (set === null) this.#buckets[bucket] = new NoSet([no])
    else set.add(no)
  }

  #dropFrom(bucket: number, no: number): void {
    const set = this.#buckets[bucket] ?? null
    set?.delete(no)
    if (set?.size === 0) this.#buckets[bucket] = null
  }
}

function isLong(text: string): boolean {
  return text.length > MAX_INDEXED_LENGTH
}

function bucketOf(first: number, second: number, third: number): number {
  const mixed = Math.imul(Math.imul(Math.imul(first, 0x9e3b) + second, 0x9e3b) + third, 0x85ebca6b)
  return (mixed ^ (mixed >>> 15)) >>> (32 - BUCKET_BITS)
}
