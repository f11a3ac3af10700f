/**
 * The directory as one would first write it: no index, no closure kept, every question answered by
 * going through everything. The read model has to agree with it.
 */
import type { Change, Entity } from '../../src/directory/change.ts'
import { foldText } from '../../src/directory/fold.ts'
import type { EntryValue, Field, Query } from '../../src/directory/query.ts'

type Truth = 'true' | 'false' | 'undefined'

export interface NaiveEntry {
  readonly value: EntryValue
  readonly usn: number
  readonly atMs: number
}

export class NaiveDirectory {
  readonly #entries = new Map<number, NaiveEntry>()
  /** `group:member`, whether or not either is known. */
  readonly #edges = new Set<string>()

  apply(change: Change): void {
    if (change.kind === 'membership') {
      this.#setEdge(change.groupNo, change.memberNo, change.isMember)
    } else if (change.kind === 'members') {
      for (const edge of [...this.#edges]) {
        if (edge.startsWith(`${change.groupNo}:`)) this.#edges.delete(edge)
      }
      for (const no of change.memberNos) this.#setEdge(change.groupNo, no, true)
    } else if (change.value === null) {
      this.#purge(change.id)
    } else {
      const value = change.value as EntryValue
      this.#entries.set(value.no, { value, usn: change.usn, atMs: change.atMs })
    }
  }

  living(): readonly EntryValue[] {
    return [...this.#entries.values()]
      .map((entry) => entry.value)
      .filter((value) => value.lifecycle !== 'deleted')
      .sort((a, b) => a.no - b.no)
  }

  isLiving(no: number): boolean {
    return this.living().some((value) => value.no === no)
  }

  directMembers(groupNo: number): readonly number[] {
    if (!this.living().some((value) => value.no === groupNo && value.kind === 'group')) return []
    return this.living()
      .map((value) => value.no)
      .filter((no) => no !== groupNo && this.#edges.has(`${groupNo}:${no}`))
  }

  directGroups(no: number): readonly number[] {
    return this.living()
      .map((value) => value.no)
      .filter((groupNo) => this.directMembers(groupNo).includes(no))
  }

  allMembers(groupNo: number): readonly number[] {
    return this.#reach(groupNo, (no) => this.directMembers(no))
  }

  allGroups(no: number): readonly number[] {
    return this.#reach(no, (at) => this.directGroups(at))
  }

  /** Queries on the two fields that memberships move need the model's own entry, so they are out. */
  search(query: Query): readonly number[] {
    return this.living()
      .filter((value) => this.#truth(query, value) === 'true')
      .map((value) => value.no)
  }

  /** Everything there is, as a catch-up would hand it over. */
  content(): readonly Change[] {
    const changes: Change[] = []
    for (const { value, usn, atMs } of this.#entries.values()) {
      changes.push({ kind: value.kind, id: value.id, value: value as Entity, usn, atMs })
    }
    const groups = new Set([...this.#edges].map((edge) => Number(edge.split(':')[0])))
    for (const groupNo of groups) {
      const memberNos = [...this.#edges]
        .filter((edge) => edge.startsWith(`${groupNo}:`))
        .map((edge) => Number(edge.split(':')[1]))
      changes.push({ kind: 'members', groupNo, memberNos, usn: 1, atMs: 1 })
    }
    return changes
  }

  #setEdge(groupNo: number, memberNo: number, isMember: boolean): void {
    if (isMember) this.#edges.add(`${groupNo}:${memberNo}`)
    else this.#edges.delete(`${groupNo}:${memberNo}`)
  }

  #purge(id: string): void {
    for (const [no, { value }] of this.#entries) {
      if (value.id !== id) continue
      this.#entries.delete(no)
      for (const edge of [...this.#edges]) {
        if (edge.split(':').includes(`${no}`)) this.#edges.delete(edge)
      }
    }
  }

  #reach(from: number, step: (no: number) => readonly number[]): readonly number[] {
    const reached = new Set<number>()
    const visit = (no: number): void => {
      for (const next of step(no)) {
        if (reached.has(next)) continue
        reached.add(next)
        visit(next)
      }
    }
    visit(from)
    reached.delete(from)
    return [...reached].sort((a, b) => a - b)
  }

  #truth(query: Query, value: EntryValue): Truth {
    switch (query.op) {
      case 'and':
        return firstOf(['false', 'undefined', 'true'], this.#truths(query.of, value))
      case 'or':
        return firstOf(['true', 'undefined', 'false'], this.#truths(query.of, value))
      case 'not': {
        const inner = this.#truth(query.of, value)
        if (inner === 'undefined') return 'undefined'
        return inner === 'true' ? 'false' : 'true'
      }
      case 'always':
        return 'true'
      case 'never':
        return 'false'
      case 'undefined':
        return 'undefined'
      case 'kind':
        return truthOf(value.kind === query.kind)
      case 'test': {
        const answer = query.test({ no: value.no, value, usn: 0, modifiedAtMs: 0 })
        return answer === undefined ? 'undefined' : truthOf(answer)
      }
      case 'inAnyGroup':
      case 'hasAnyMember':
      case 'memberOf':
      case 'hasMember':
        return this.#membershipTruth(query, value)
      case 'present':
        return truthOf((valuesOf(value, query.field) ?? []).length > 0)
      default:
        return fieldTruth(query, valuesOf(value, query.field))
    }
  }

  #truths(of: readonly Query[], value: EntryValue): readonly Truth[] {
    return of.map((part) => this.#truth(part, value))
  }

  #membershipTruth(query: MembershipQuery, value: EntryValue): Truth {
    switch (query.op) {
      case 'inAnyGroup':
        return truthOf(this.directGroups(value.no).length > 0)
      case 'hasAnyMember':
        return truthOf(this.directMembers(value.no).length > 0)
      case 'memberOf': {
        if (value.kind === 'service') return 'undefined'
        const groups = query.direct ? this.directGroups(value.no) : this.allGroups(value.no)
        return truthOf(groups.includes(query.groupNo))
      }
      case 'hasMember': {
        if (value.kind !== 'group') return 'undefined'
        const members = query.direct ? this.directMembers(value.no) : this.allMembers(value.no)
        return truthOf(members.includes(query.memberNo))
      }
    }
  }
}

type MembershipQuery = Extract<
  Query,
  { op: 'inAnyGroup' | 'hasAnyMember' | 'memberOf' | 'hasMember' }
>

/** The first of `order` among the truths, or the last of `order` when there are none. */
function firstOf(order: readonly [Truth, Truth, Truth], truths: readonly Truth[]): Truth {
  return order.find((truth) => truths.includes(truth)) ?? order[2]
}

type Compared = Extract<Query, { op: 'equals' | 'substring' | 'atLeast' | 'atMost' }>

function fieldTruth(query: Compared, values: readonly (string | number)[] | undefined): Truth {
  if (values === undefined) return 'undefined'
  return firstOf(
    ['true', 'undefined', 'false'],
    values.map((value) => compare(query, value)),
  )
}

function compare(query: Compared, held: string | number): Truth {
  if (query.op === 'substring') {
    if (typeof held === 'number') return 'undefined'
    const { initial, any, final } = query
    const escaped = [initial ?? '', ...any, final ?? ''].map((part) =>
      part.replace(/[.*+?^${}()|[\]\\]/gu, '\\$&'),
    )
    return truthOf(new RegExp(`^${escaped.join('.*')}$`, 'su').test(held))
  }
  if (typeof held !== typeof query.value) return 'undefined'
  if (query.op === 'equals') return truthOf(held === query.value)
  return truthOf(query.op === 'atLeast' ? held >= query.value : held <= query.value)
}

/** Undefined where the kind has no such field. */
function valuesOf(value: EntryValue, field: Field): readonly (string | number)[] | undefined {
  if (field === 'name') return [foldText(value.kind === 'person' ? value.username : value.name)]
  if (field === 'loginName') {
    return value.kind === 'person' ? value.loginNames.map((name) => name.folded) : undefined
  }
  const held = (value as unknown as Record<string, string | number | null | undefined>)[field]
  if (held === undefined) return undefined
  if (held === null) return []
  return [typeof held === 'string' ? foldText(held) : held]
}

function truthOf(answer: boolean): Truth {
  return answer ? 'true' : 'false'
}
