import { NoSet } from './no-set.ts'

const none = new NoSet()

/**
 * Which groups lie within which, closed over any depth. A group in a cycle is not within itself.
 *
 * Only groups that nest appear here, which are few beside the people, so the closure is kept whole:
 * an added edge joins what is above it with what is below it, a removed one makes those above it
 * look anew.
 */
export class Nesting {
  readonly #parents = new Map<number, NoSet>()
  readonly #children = new Map<number, NoSet>()
  readonly #above = new Map<number, NoSet>()
  readonly #below = new Map<number, NoSet>()

  /** Every group around `groupNo`. */
  above(groupNo: number): NoSet {
    return this.#above.get(groupNo) ?? none
  }

  /** Every group within `groupNo`. */
  below(groupNo: number): NoSet {
    return this.#below.get(groupNo) ?? none
  }

  childrenOf(groupNo: number): NoSet {
    return this.#children.get(groupNo) ?? none
  }

  /** Gives the groups that are now within more groups than before. */
  link(parent: number, child: number): ReadonlySet<number> {
    addTo(this.#children, parent, child)
    addTo(this.#parents, child, parent)
    const moved = new Set<number>()
    const around = [parent, ...this.above(parent)]
    const within = [child, ...this.below(child)]
    for (const upper of around) {
      for (const lower of within) {
        if (upper === lower || !addTo(this.#below, upper, lower)) continue
        addTo(this.#above, lower, upper)
        moved.add(lower)
      }
    }
    return moved
  }

  /** Gives the groups that are now within fewer groups than before. */
  unlink(parent: number, child: number): ReadonlySet<number> {
    dropFrom(this.#children, parent, child)
    dropFrom(this.#parents, child, parent)
    const moved = new Set<number>()
    for (const upper of [parent, ...this.above(parent)]) {
      const reached = this.#reach(upper)
      for (const lower of [...this.below(upper)]) {
        if (reached.has(lower)) continue
        dropFrom(this.#below, upper, lower)
        dropFrom(this.#above, lower, upper)
        moved.add(lower)
      }
    }
    return moved
  }

  #reach(from: number): ReadonlySet<number> {
    const reached = new Set<number>()
    const open = [from]
    for (let groupNo = open.pop(); groupNo !== undefined; groupNo = open.pop()) {
      for (const child of this.childrenOf(groupNo)) {
        if (child === from || reached.has(child)) continue
        reached.add(child)
        open.push(child)
      }
    }
    return reached
  }
}

function addTo(sets: Map<number, NoSet>, key: number, no: number): boolean {
  const set = sets.get(key)
  if (set !== undefined) return set.add(no)
  sets.set(key, new NoSet([no]))
  return true
}

function dropFrom(sets: Map<number, NoSet>, key: number, no: number): void {
  const set = sets.get(key)
  if (set === undefined) return
  set.delete(no)
  if (set.size === 0) sets.delete(key)
}
