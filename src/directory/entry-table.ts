import { foldText } from './fold.ts'
import { NoSet } from './no-set.ts'
import { Paged, PagedNumbers } from './paged.ts'
import type { Person } from './person.ts'
import type { Entry, EntryKind, EntryValue } from './query.ts'

/** What a put or a removal did to who is in the view. */
export interface Outcome {
  readonly gone: readonly number[]
  readonly came: number | null
}

interface Tombstone {
  readonly kind: EntryKind
  readonly version: number
}

/**
 * People, groups and services by number, id and name. Entries are made when they are first asked
 * for and dropped when touched, so that touching the 100,000 members of a group is cheap.
 */
export class EntryTable {
  readonly living = new NoSet()
  readonly #values = new Paged<EntryValue>()
  readonly #entries = new Paged<Entry>()
  readonly #usns = new PagedNumbers()
  readonly #modified = new PagedNumbers()
  readonly #ids = new Map<string, number>()
  readonly #names = new Map<string, number>()
  readonly #loginNames = new Map<string, number>()
  readonly #tombstones = new Map<string, Tombstone>()
  readonly #kinds = { person: new NoSet(), group: new NoSet(), service: new NoSet() }
  #usn = 0
  #atMs = 0

  /** What follows happened at this journal number. */
  changing(usn: number, atMs: number): void {
    this.#usn = usn
    this.#atMs = atMs
  }

  entry(no: number): Entry | null {
    const made = this.#entries.at(no)
    if (made !== null) return made
    const value = this.#values.at(no)
    if (value === null) return null
    const entry = { no, value, usn: this.#usns.at(no), modifiedAtMs: this.#modified.at(no) }
    this.#entries.set(no, entry)
    return entry
  }

  entryById(id: string): Entry | null {
    const no = this.#ids.get(id)
    return no === undefined ? null : this.entry(no)
  }

  personByLoginName(folded: string): Entry<Person> | null {
    const no = this.#loginNames.get(folded)
    return no === undefined ? null : (this.entry(no) as Entry<Person> | null)
  }

  byName(kind: EntryKind, folded: string): Entry | null {
    const no = this.#names.get(`${kind} ${folded}`)
    return no === undefined ? null : this.entry(no)
  }

  ofKind(kind: EntryKind): NoSet {
    return this.#kinds[kind]
  }

  /** The entry is another one now. Its journal number never goes back. */
  touch(no: number): void {
    if (this.#values.at(no) === null) return
    this.#entries.set(no, null)
    const held = this.#usns.at(no)
    if (held > this.#usn) return
    this.#usns.set(no, this.#usn)
    this.#modified.set(no, this.#atMs)
  }

  put(value: EntryValue): Outcome {
    const { id, no } = value
    const heldNo = this.#ids.get(id)
    const held = heldNo === undefined ? null : this.#values.at(heldNo)
    const heldVersion = held?.version ?? this.#tombstones.get(id)?.version ?? -1
    if (value.version <= heldVersion) return { gone: [], came: null }
    this.#tombstones.delete(id)
    if (value.lifecycle === 'deleted') {
      const gone = held === null ? [] : [held.no]
      if (held !== null) this.#drop(held)
      this.#tombstones.set(id, { kind: value.kind, version: value.version })
      return { gone, came: null }
    }
    const gone: number[] = []
    const squatter = this.#values.at(no)
    if (squatter !== null && squatter.id !== id) {
      this.#drop(squatter)
      gone.push(no)
    }
    if (held !== null) this.#drop(held)
    this.#add(value)
    return { gone, came: held === null ? no : null }
  }

  remove(id: string): Outcome {
    this.#tombstones.delete(id)
    const no = this.#ids.get(id)
    const held = no === undefined ? null : this.#values.at(no)
    if (held === null) return { gone: [], came: null }
    this.#drop(held)
    return { gone: [held.no], came: null }
  }

  versions(kind: EntryKind): ReadonlyMap<string, number> {
    const versions = new Map<string, number>()
    for (const no of this.#kinds[kind]) {
      const value = this.#values.at(no)
      if (value !== null) versions.set(value.id, value.version)
    }
    for (const [id, tombstone] of this.#tombstones) {
      if (tombstone.kind === kind) versions.set(id, tombstone.version)
    }
    return versions
  }

  #add(value: EntryValue): void {
    const { no } = value
    this.#values.set(no, value)
    this.#ids.set(value.id, no)
    this.#names.set(nameKey(value), no)
    this.#kinds[value.kind].add(no)
    this.living.add(no)
    if (value.kind === 'person') {
      for (const { folded } of value.loginNames) this.#loginNames.set(folded, no)
    }
    this.touch(no)
  }

  #drop(value: EntryValue): void {
    const { no } = value
    this.#values.set(no, null)
    this.#entries.set(no, null)
    this.#ids.delete(value.id)
    if (this.#names.get(nameKey(value)) === no) this.#names.delete(nameKey(value))
    this.#kinds[value.kind].delete(no)
    this.living.delete(no)
    if (value.kind !== 'person') return
    for (const { folded } of value.loginNames) {
      if (this.#loginNames.get(folded) === no) this.#loginNames.delete(folded)
    }
  }
}

function nameKey(value: EntryValue): string {
  return `${value.kind} ${foldText(value.kind === 'person' ? value.username : value.name)}`
}
