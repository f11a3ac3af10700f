import type { Directory } from '../directory/directory.ts'
import type { Entry, Query } from '../directory/query.ts'
import type { View } from '../directory/service.ts'

/** A view made ready to be asked of many entries. It follows the directory as that changes. */
export interface CompiledView {
  sees(entry: Entry): boolean
  /**
   * The same as a query, for a search to start from when the view shows few. Made anew whenever a
   * group of the view has appeared since; ask for it with each search.
   */
  query(): Query
}

/**
 * Whether `view` shows `entry`. People are seen through the groups they belong to; a group is seen
 * when the view names it or it is nested in one that is named. Services see no one another.
 */
export function sees(directory: Directory, view: View, entry: Entry): boolean {
  return compileView(directory, view).sees(entry)
}

const compiled = new WeakMap<Directory, WeakMap<View, CompiledView>>()

/** Compiles the view once: the same value of view and directory gives the same compiled one. */
export function compileView(directory: Directory, view: View): CompiledView {
  let views = compiled.get(directory)
  if (views === undefined) {
    views = new WeakMap()
    compiled.set(directory, views)
  }
  let one = views.get(view)
  if (one === undefined) {
    one = view.sees === 'all' ? everybody : new GroupsView(directory, view.groupIds)
    views.set(view, one)
  }
  return one
}

const everybodyQuery: Query = {
  op: 'or',
  of: [
    { op: 'kind', kind: 'person' },
    { op: 'kind', kind: 'group' },
  ],
}

const everybody: CompiledView = {
  sees: (entry) => entry.value.kind !== 'service',
  query: () => everybodyQuery,
}

class GroupsView implements CompiledView {
  readonly #directory: Directory
  /** Numbers of groups never change hands, so each id is looked up until it is found, and once. */
  readonly #groupNos: number[] = []
  #unresolved: readonly string[]
  #query: Query | null = null

  constructor(directory: Directory, groupIds: readonly string[]) {
    this.#directory = directory
    this.#unresolved = groupIds
  }

  sees(entry: Entry): boolean {
    if (entry.value.kind === 'service') return false
    if (this.#unresolved.length > 0) this.#resolve()
    for (const groupNo of this.#groupNos) {
      if (groupNo === entry.no || this.#directory.isMember(groupNo, entry.no)) return true
    }
    return false
  }

  query(): Query {
    if (this.#unresolved.length > 0) this.#resolve()
    this.#query ??= {
      op: 'or',
      of: this.#groupNos.flatMap((groupNo): Query[] => [
        { op: 'memberOf', groupNo, direct: false },
        { op: 'equals', field: 'id', value: this.#directory.entry(groupNo)?.value.id ?? '' },
      ]),
    }
    return this.#query
  }

  #resolve(): void {
    const unresolved: string[] = []
    for (const id of this.#unresolved) {
      const entry = this.#directory.entryById(id)
      if (entry?.value.kind === 'group') this.#groupNos.push(entry.no)
      else unresolved.push(id)
    }
    if (unresolved.length === this.#unresolved.length) return
    this.#unresolved = unresolved
    this.#query = null
  }
}
