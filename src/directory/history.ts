/** Purged ids are never used again; so many are remembered, the oldest forgotten first. */
const MAX_PURGED = 10_000

/**
 * What a replayed slice must not undo: a purge, and edges set since. Values guard themselves by
 * their version.
 */
export class History {
  readonly #purged = new Map<string, number>()
  readonly #membersUsns = new Map<number, number>()

  purge(id: string, usn: number): void {
    this.#purged.delete(id)
    this.#purged.set(id, usn)
    if (this.#purged.size <= MAX_PURGED) return
    for (const oldest of this.#purged.keys()) {
      this.#purged.delete(oldest)
      return
    }
  }

  isPurgedSince(id: string, usn: number): boolean {
    return (this.#purged.get(id) ?? -1) >= usn
  }

  /** False when the group's members were set by a later number already. */
  takesMembers(groupNo: number, usn: number): boolean {
    if (usn < (this.#membersUsns.get(groupNo) ?? 0)) return false
    this.#membersUsns.set(groupNo, usn)
    return true
  }

  forgetGroup(groupNo: number): void {
    this.#membersUsns.delete(groupNo)
  }

  clear(): void {
    this.#purged.clear()
    this.#membersUsns.clear()
  }
}
