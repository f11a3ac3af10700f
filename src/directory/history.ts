/** Purged ids are never used again; so many are remembered, the oldest forgotten first. */
const MAX_PURGED = 10_000

/** So many edges are remembered with their last number; a slice that is replayed is a recent one. */
const MAX_EDGES = 20_000

/**
 * What a replayed slice must not undo: a purge, and edges set since. Values guard themselves by
 * their version.
 *
 * Edges of one group need not come in the order of their numbers, as the feed hands over each with
 * the last number that names it; so each edge is compared with itself, and with the last whole list.
 */
export class History {
  readonly #purged = new Map<string, number>()
  readonly #purgedNos = new Set<number>()
  readonly #edges = new Map<string, number>()
  readonly #listed = new Map<number, number>()
  readonly #lastOfGroup = new Map<number, number>()
  #keeps = true

  purge(id: string, usn: number): void {
    if (!this.#keeps) return
    this.#purged.delete(id)
    this.#purged.set(id, usn)
    if (this.#purged.size > MAX_PURGED) this.#purged.delete(oldestOf(this.#purged.keys()))
  }

  /** The number of an entry that was purged; edges to it are of the past. */
  purgeNo(no: number): void {
    this.#listed.delete(no)
    this.#lastOfGroup.delete(no)
    if (!this.#keeps) return
    this.#purgedNos.add(no)
    if (this.#purgedNos.size > MAX_PURGED) this.#purgedNos.delete(oldestOf(this.#purgedNos))
  }

  isPurgedNo(no: number): boolean {
    return this.#purgedNos.has(no)
  }

  isPurgedSince(id: string, usn: number): boolean {
    return (this.#purged.get(id) ?? -1) >= usn
  }

  /** False when the edge, or the whole list, was set by a later number already. */
  takesEdge(groupNo: number, memberNo: number, usn: number): boolean {
    if (!this.#keeps) return true
    const key = `${groupNo} ${memberNo}`
    const last = Math.max(this.#edges.get(key) ?? 0, this.#listed.get(groupNo) ?? 0)
    if (usn < last) return false
    this.#edges.delete(key)
    this.#edges.set(key, usn)
    if (this.#edges.size > MAX_EDGES) this.#edges.delete(oldestOf(this.#edges.keys()))
    this.#note(groupNo, usn)
    return true
  }

  /** False when anything of the group was set by a later number already. */
  takesList(groupNo: number, usn: number): boolean {
    if (!this.#keeps) return true
    if (usn < (this.#lastOfGroup.get(groupNo) ?? 0)) return false
    this.#listed.set(groupNo, usn)
    this.#note(groupNo, usn)
    return true
  }

  /**
   * Another journal: what happened in the old one says nothing, and what it purged may be back under
   * the same number. Nothing is remembered until {@link resume}.
   */
  startAnew(): void {
    this.#purged.clear()
    this.#purgedNos.clear()
    this.#edges.clear()
    this.#listed.clear()
    this.#lastOfGroup.clear()
    this.#keeps = false
  }

  resume(): void {
    this.#keeps = true
  }

  #note(groupNo: number, usn: number): void {
    if (usn > (this.#lastOfGroup.get(groupNo) ?? 0)) this.#lastOfGroup.set(groupNo, usn)
  }
}

/** Maps and sets list what they hold in the order in which it came. */
function oldestOf<T>(held: Iterable<T>): T {
  for (const oldest of held) return oldest
  throw new Error('history: nothing is held')
}
