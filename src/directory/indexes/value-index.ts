import { NoSet } from '../no-set.ts'

const INITIAL_LENGTH = 16
/** Above this share of used places, looking around for a free one begins to cost. */
const MAX_LOAD = 0.7

/**
 * From the hash of a value to the numbers of the entries that have it. Values themselves are not
 * kept: whoever asks compares what is found, as two values may share a hash. That makes it an
 * eighth the size of a Map by text.
 *
 * Open addressing with linear probing. A place holds 0 when free, no + 1 for a lone entry, and
 * -(position + 1) for a set of several.
 */
export class ValueIndex {
  #hashes = new Uint32Array(INITIAL_LENGTH)
  #places = new Int32Array(INITIAL_LENGTH)
  #used = 0
  readonly #sets: (NoSet | null)[] = []
  readonly #freeSets: number[] = []

  /** A lone number, a set of several, or null. A superset of those with the value. */
  find(hash: number): number | NoSet | null {
    const place = this.#places[this.#seek(hash)] ?? 0
    if (place === 0) return null
    return place > 0 ? place - 1 : this.#setAt(place)
  }

  add(hash: number, no: number): void {
    const at = this.#seek(hash)
    const place = this.#places[at] ?? 0
    if (place === 0) {
      this.#hashes[at] = hash
      this.#places[at] = no + 1
      this.#used++
      if (this.#used > this.#places.length * MAX_LOAD) this.#grow()
    } else if (place < 0) {
      this.#setAt(place).add(no)
    } else if (place !== no + 1) {
      this.#places[at] = this.#keepSet(new NoSet([place - 1, no]))
    }
  }

  delete(hash: number, no: number): void {
    const at = this.#seek(hash)
    const place = this.#places[at] ?? 0
    if (place === no + 1) {
      this.#free(at)
    } else if (place < 0) {
      const set = this.#setAt(place)
      set.delete(no)
      if (set.size > 1) return
      this.#sets[-place - 1] = null
      this.#freeSets.push(-place - 1)
      this.#places[at] = set.nextAbove(-1) + 1
    }
  }

  /** Where the hash is, or the free place where it would go. */
  #seek(hash: number): number {
    const mask = this.#places.length - 1
    let at = hash & mask
    while (this.#places[at] !== 0 && this.#hashes[at] !== hash) at = (at + 1) & mask
    return at
  }

  /** Closes the gap, so that no search stops short of what was placed beyond it. */
  #free(gap: number): void {
    const mask = this.#places.length - 1
    let free = gap
    for (let at = (gap + 1) & mask; this.#places[at] !== 0; at = (at + 1) & mask) {
      const home = (this.#hashes[at] ?? 0) & mask
      if (((at - home) & mask) < ((at - free) & mask)) continue
      this.#hashes[free] = this.#hashes[at] ?? 0
      this.#places[free] = this.#places[at] ?? 0
      free = at
    }
    this.#places[free] = 0
    this.#used--
  }

  #grow(): void {
    const hashes = this.#hashes
    const places = this.#places
    this.#hashes = new Uint32Array(hashes.length * 2)
    this.#places = new Int32Array(places.length * 2)
    for (let from = 0; from < places.length; from++) {
      const place = places[from] ?? 0
      if (place === 0) continue
      const at = this.#seek(hashes[from] ?? 0)
      this.#hashes[at] = hashes[from] ?? 0
      this.#places[at] = place
    }
  }

  #keepSet(set: NoSet): number {
    const position = this.#freeSets.pop() ?? this.#sets.length
    this.#sets[position] = set
    return -position - 1
  }

  #setAt(place: number): NoSet {
    const set = this.#sets[-place - 1]
    if (set === null || set === undefined) throw new Error('value index: lost a set')
    return set
  }
}
