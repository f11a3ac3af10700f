/** Purged ids are never used again; so many are remembered, the oldest forgotten first. */
const MAX_PURGED = 10_000

/**
 * What a replayed slice must not undo: a purge, and edges set since. Values guard themselves by
 * their version.
 */
export class History {
  readonly #purged = new Map<string, number>()
  readonly #purgedNos = new Set<number>()
  readonly #membersUsns = new Map<number, number>()
  #keeps = true

  purge(id: string, usn: number): void {
    if (!this.#keeps) return
    this.#purged.delete(id)
    this.#purged.set(id, usn)
    if (this.#purged.size > MAX_PURGED) this.#purged.delete(oldestOf(this.#purged.keys()))
  }

  /** The number of an entry that was purged; edges to it are of the past. */
  purgeNo(no: number): void {
    this.#membersUsns.delete(no)
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

  /** False when the group's members were set by a later number already. */
  takesMembers(groupNo: number, usn: number): boolean {
    if (!this.#keeps) return true
    if (usn < (this.#membersUsns.get(groupNo) ?? 0)) return false
    this.#membersUsns.set(groupNo, usn)
    return true
  }

  /**
   * Another journal: what happened in the old one says nothing, and what it purged may be back under
   * the same number. Nothing is remembered until {@link resume}.
   */
  startAnew(): void {
    this.#purged.clear()
    this.#purgedNos.clear()
    this.#membersUsns.clear()
    this.#keeps = false
  }

  resume(): void {
    this.#keeps = true
  }
}

/** Maps and sets list what they hold in the order in which it came. */
function oldestOf<T>(held: Iterable<T>): T {
  for (const oldest of held) return oldest
  throw new Error('history: nothing is held')
}
