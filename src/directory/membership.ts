import { type Candidates, unionOf } from './candidates.ts'
import type { MembershipFacts } from './evaluate.ts'
import { Nesting } from './nesting.ts'
import { NoSet } from './no-set.ts'
import { Paged } from './paged.ts'

const none = new NoSet()
const noEdges: Iterable<number> = []

/** Told of each entry whose memberships, nested ones included, or direct members changed. */
export type Touch = (no: number) => void

/**
 * Who belongs to what. Direct edges come in, in any order and before the entries they join; an edge
 * counts once both its ends live, and is set aside as soon as one of them no longer does.
 */
export class Membership implements MembershipFacts {
  readonly #living = new NoSet()
  readonly #livingGroups = new NoSet()
  readonly #members = new Map<number, NoSet>()
  readonly #groups = new Paged<NoSet>()
  readonly #nesting = new Nesting()
  /** Edges that wait for an end of theirs, by either end. */
  readonly #waitingMembers = new Map<number, Set<number>>()
  readonly #waitingGroups = new Map<number, Set<number>>()
  readonly #touch: Touch

  constructor(touch: Touch) {
    this.#touch = touch
  }

  /** The entry lives from now on. */
  revive(no: number, isGroup: boolean): void {
    this.#living.add(no)
    if (isGroup) this.#livingGroups.add(no)
    const edges: [number, number][] = []
    for (const groupNo of this.#waitingGroups.get(no) ?? noEdges) edges.push([groupNo, no])
    for (const memberNo of this.#waitingMembers.get(no) ?? noEdges) edges.push([no, memberNo])
    for (const [groupNo, memberNo] of edges) {
      if (!this.#canLink(groupNo, memberNo)) continue
      this.#stopWaiting(groupNo, memberNo)
      this.#link(groupNo, memberNo)
    }
  }

  /** The entry is gone from the view; its edges are kept for its return. */
  bury(no: number): void {
    for (const groupNo of [...this.directGroups(no)]) {
      this.#unlink(groupNo, no)
      this.#wait(groupNo, no)
    }
    for (const memberNo of [...this.directMembers(no)]) {
      this.#unlink(no, memberNo)
      this.#wait(no, memberNo)
    }
    this.#living.delete(no)
    this.#livingGroups.delete(no)
  }

  /** It will not come back: edges that wait for it wait in vain. */
  forget(no: number): void {
    for (const groupNo of this.#waitingGroups.get(no) ?? noEdges) this.#stopWaiting(groupNo, no)
    for (const memberNo of this.#waitingMembers.get(no) ?? noEdges) this.#stopWaiting(no, memberNo)
  }

  setMember(groupNo: number, memberNo: number, isMember: boolean): void {
    if (!this.#canLink(groupNo, memberNo)) {
      if (isMember) this.#wait(groupNo, memberNo)
      else this.#stopWaiting(groupNo, memberNo)
    } else if (isMember !== this.isDirectMember(groupNo, memberNo)) {
      if (isMember) this.#link(groupNo, memberNo)
      else this.#unlink(groupNo, memberNo)
    }
  }

  /** Makes the list of direct members this one, changing only what differs. */
  replaceMembers(groupNo: number, memberNos: readonly number[]): void {
    const wanted = new NoSet(Uint32Array.from(memberNos).sort())
    for (const no of this.heldMembers(groupNo)) {
      if (!wanted.has(no)) this.setMember(groupNo, no, false)
    }
    for (let no = wanted.nextAbove(-1); no >= 0; no = wanted.nextAbove(no)) {
      this.setMember(groupNo, no, true)
    }
  }

  /** Direct members as they were told, those that do not live included; ascending. */
  heldMembers(groupNo: number): number[] {
    const waiting = this.#waitingMembers.get(groupNo) ?? noEdges
    return [...this.directMembers(groupNo), ...waiting].sort((a, b) => a - b)
  }

  *heldEdges(): Generator<readonly [number, readonly number[]], void, void> {
    for (const groupNo of new Set([...this.#members.keys(), ...this.#waitingMembers.keys()])) {
      yield [groupNo, this.heldMembers(groupNo)]
    }
  }

  directMembers(groupNo: number): NoSet {
    return this.#members.get(groupNo) ?? none
  }

  directGroups(no: number): NoSet {
    return this.#groups.at(no) ?? none
  }

  /** Groups within this one, at any depth. */
  nestedGroups(groupNo: number): NoSet {
    return this.#nesting.below(groupNo)
  }

  /** Members at any depth; the group itself may be among them when it lies in a cycle. */
  withMembersOf(groupNo: number): Candidates {
    const sets = [this.directMembers(groupNo)]
    for (const no of this.#nesting.below(groupNo)) sets.push(this.directMembers(no))
    return unionOf(sets)
  }

  /** Groups at any depth; the entry itself may be among them when it lies in a cycle. */
  withGroupsOf(no: number): Candidates {
    const direct = this.directGroups(no)
    const sets = [direct]
    for (const groupNo of direct) sets.push(this.#nesting.above(groupNo))
    return unionOf(sets)
  }

  allMembers(groupNo: number): Iterable<number> {
    return numbersWithout(this.withMembersOf(groupNo), groupNo)
  }

  allGroups(no: number): Iterable<number> {
    return numbersWithout(this.withGroupsOf(no), no)
  }

  isDirectMember(groupNo: number, no: number): boolean {
    return this.directMembers(groupNo).has(no)
  }

  isMember(groupNo: number, no: number): boolean {
    if (groupNo === no) return false
    if (this.directMembers(groupNo).has(no)) return true
    const nested = this.#nesting.below(groupNo)
    if (nested.size === 0) return false
    const direct = this.directGroups(no)
    for (let at = direct.nextAbove(-1); at >= 0; at = direct.nextAbove(at)) {
      if (nested.has(at)) return true
    }
    return false
  }

  hasGroups(no: number): boolean {
    return this.directGroups(no).size > 0
  }

  hasMembers(groupNo: number): boolean {
    return this.directMembers(groupNo).size > 0
  }

  #canLink(groupNo: number, memberNo: number): boolean {
    return groupNo !== memberNo && this.#livingGroups.has(groupNo) && this.#living.has(memberNo)
  }

  #link(groupNo: number, memberNo: number): void {
    addTo(this.#members, groupNo, memberNo)
    const groups = this.#groups.at(memberNo)
    if (groups !== null) {
      groups.add(groupNo)
    } else {
      const first = new NoSet()
      first.add(groupNo)
      this.#groups.set(memberNo, first)
    }
    this.#touch(groupNo)
    this.#touch(memberNo)
    if (this.#livingGroups.has(memberNo)) this.#touchMoved(this.#nesting.link(groupNo, memberNo))
  }

  #unlink(groupNo: number, memberNo: number): void {
    const members = this.#members.get(groupNo)
    members?.delete(memberNo)
    if (members?.size === 0) this.#members.delete(groupNo)
    const groups = this.#groups.at(memberNo)
    groups?.delete(groupNo)
    if (groups?.size === 0) this.#groups.set(memberNo, null)
    this.#touch(groupNo)
    this.#touch(memberNo)
    if (this.#livingGroups.has(memberNo)) this.#touchMoved(this.#nesting.unlink(groupNo, memberNo))
  }

  /** Whoever is in a group that moved belongs to other groups than before. */
  #touchMoved(moved: ReadonlySet<number>): void {
    for (const groupNo of moved) {
      this.#touch(groupNo)
      for (const no of this.directMembers(groupNo)) this.#touch(no)
    }
  }

  #wait(groupNo: number, memberNo: number): void {
    waitAt(this.#waitingMembers, groupNo, memberNo)
    waitAt(this.#waitingGroups, memberNo, groupNo)
  }

  #stopWaiting(groupNo: number, memberNo: number): void {
    stopAt(this.#waitingMembers, groupNo, memberNo)
    stopAt(this.#waitingGroups, memberNo, groupNo)
  }
}

function* numbersWithout(candidates: Candidates, self: number): Generator<number, void, void> {
  for (let no = candidates.nextAbove(-1); no >= 0; no = candidates.nextAbove(no)) {
    if (no !== self) yield no
  }
}

function addTo(sets: Map<number, NoSet>, key: number, no: number): void {
  const set = sets.get(key)
  if (set === undefined) sets.set(key, new NoSet([no]))
  else set.add(no)
}

function waitAt(edges: Map<number, Set<number>>, from: number, to: number): void {
  const waiting = edges.get(from)
  if (waiting === undefined) edges.set(from, new Set([to]))
  else waiting.add(to)
}

function stopAt(edges: Map<number, Set<number>>, from: number, to: number): void {
  const waiting = edges.get(from)
  if (waiting === undefined) return
  waiting.delete(to)
  if (waiting.size === 0) edges.delete(from)
}
