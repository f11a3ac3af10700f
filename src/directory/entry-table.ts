import type { Candidates } from './candidates.ts'
import { Compactor } from './compact.ts'
import { foldText } from './fold.ts'
import { FieldIndexes } from './indexes/field-indexes.ts'
import { NoSet } from './no-set.ts'
import { Paged } from './paged.ts'
import type { Person } from './person.ts'
import type { Entry, EntryKind, EntryValue } from './query.ts'
import type { ShutOut } from './shut-out.ts'

/** What a put or a removal did to who is in the view. */
export interface Outcome {
  readonly gone: readonly number[]
  readonly came: number | null
}

/**
 * Told for a value whose version says nothing: below that of any row, as they count from 1, so that
 * the row is read again, and still a version, so that a value whose row is gone is known to be held.
 */
export const UNTRUSTED = 0

const unmoved: Outcome = { gone: [], came: null }

interface Tombstone {
  readonly kind: EntryKind
  readonly no: number
  readonly version: number
}

/**
 * People, groups and services by number, id and name. Entries are made when they are first asked
 * for and dropped when touched, so that touching the 100,000 members of a group is cheap.
 */
export class EntryTable {
  readonly living = new NoSet()
  readonly indexes = new FieldIndexes()
  readonly #values = new Paged<EntryValue>()
  readonly #entries = new Paged<Entry>()
  readonly #usns = this.indexes.column('usn')
  readonly #modified = this.indexes.column('modifiedAtMs')
  readonly #tombstones = new Map<string, Tombstone>()
  readonly #kinds = { person: new NoSet(), group: new NoSet(), service: new NoSet() }
  readonly #compactor = new Compactor()
  readonly #shutOut: ShutOut
  #usn = 0
  #atMs = 0
  #trust: 'versions' | 'nothing' = 'versions'

  constructor(shutOut: ShutOut) {
    this.#shutOut = shutOut
  }

  /** What follows happened at this journal number. */
  changing(usn: number, atMs: number): void {
    this.#usn = usn
    this.#atMs = atMs
  }

  /** Versions held say nothing any more: until {@link trustVersions}, any value is taken. */
  distrustVersions(): void {
    this.#trust = 'nothing'
    for (const no of this.living) {
      this.#entries.set(no, null)
      this.#usns.set(no, 0)
      this.#modified.set(no, 0)
    }
  }

  trustVersions(): void {
    this.#trust = 'versions'
  }

  entry(no: number): Entry | null {
    const made = this.#entries.at(no)
    if (made !== null) return made
    const held = this.#values.at(no)
    if (held === null) return null
    const value = this.#shutOut.shown(held)
    const entry = { no, value, usn: this.#usns.at(no), modifiedAtMs: this.#modified.at(no) }
    this.#entries.set(no, entry)
    return entry
  }

  /** As it was told, whoever is shut out. */
  value(no: number): EntryValue | null {
    return this.#values.at(no)
  }

  entryById(id: string): Entry | null {
    const value = this.#valueById(id)
    return value === null ? null : this.entry(value.no)
  }

  /** Null as well when it leads to more than one. */
  personByLoginName(folded: string): Entry<Person> | null {
    let found: number | null = null
    const candidates = this.indexes.equalText('loginName', folded)
    for (const no of numbersOf(candidates)) {
      const value = this.#values.at(no)
      if (value?.kind !== 'person' || !hasLoginName(value, folded)) continue
      if (found !== null) return null
      found = no
    }
    return found === null ? null : (this.entry(found) as Entry<Person> | null)
  }

  byName(kind: EntryKind, folded: string): Entry | null {
    const value = this.#first('name', folded, (one) => one.kind === kind && isNamed(one, folded))
    return value === null ? null : this.entry(value.no)
  }

  ofKind(kind: EntryKind): NoSet {
    return this.#kinds[kind]
  }

  tombstones(): ReadonlyMap<string, Tombstone> {
    return this.#tombstones
  }

  /** The entry is another one now. Its journal number never goes back. */
  touch(no: number): void {
    if (this.#values.at(no) === null) return
    this.#entries.set(no, null)
    if (this.#usns.at(no) > this.#usn) return
    this.#usns.set(no, this.#usn)
    this.#modified.set(no, this.#atMs)
  }

  /** These are seen differently from now on, though nothing about them has changed. */
  showAnew(ids: readonly string[]): void {
    for (const id of ids) {
      const value = this.#valueById(id)
      if (value !== null) this.#entries.set(value.no, null)
    }
  }

  put(value: EntryValue): Outcome {
    const { id, kind, no, version } = value
    const held = this.#valueById(id)
    const heldVersion = held?.version ?? this.#tombstones.get(id)?.version ?? -1
    if (this.#trust === 'versions' && version <= heldVersion) {
      if (held?.version === version) this.#touchAgain(held.no)
      return unmoved
    }
    this.#tombstones.delete(id)
    if (value.lifecycle === 'deleted') {
      this.#tombstones.set(id, { kind, no, version })
      return held === null ? unmoved : this.#take(held)
    }
    return this.#place(held, this.#compactor.compact(value))
  }

  /** Takes it out for good, living or not; gives the number it had. */
  remove(id: string): readonly number[] {
    const tombstone = this.#tombstones.get(id)
    this.#tombstones.delete(id)
    const held = this.#valueById(id)
    if (held !== null) return this.#take(held).gone
    return tombstone === undefined ? [] : [tombstone.no]
  }

  versions(kind: EntryKind): ReadonlyMap<string, number> {
    const versions = new Map<string, number>()
    const add = (id: string, version: number): void => {
      versions.set(id, this.#trust === 'versions' ? version : UNTRUSTED)
    }
    for (const no of this.#kinds[kind]) {
      const value = this.#values.at(no)
      if (value !== null) add(value.id, value.version)
    }
    for (const [id, tombstone] of this.#tombstones) {
      if (tombstone.kind === kind) add(id, tombstone.version)
    }
    return versions
  }

  /** Another journal row about a value that is here already. */
  #touchAgain(no: number): void {
    if (this.#usns.at(no) < this.#usn) this.touch(no)
  }

  /** Numbers are not used twice, save by a restore: whoever sits on one has to go. */
  #place(held: EntryValue | null, value: EntryValue): Outcome {
    const gone: number[] = []
    const squatter = this.#values.at(value.no)
    if (squatter !== null && squatter.id !== value.id) gone.push(...this.#take(squatter).gone)
    if (held !== null && held.no !== value.no) gone.push(...this.#take(held).gone)
    const before = this.#values.at(value.no)
    this.indexes.replace(before, value)
    this.#values.set(value.no, value)
    this.#kinds[value.kind].add(value.no)
    this.living.add(value.no)
    this.touch(value.no)
    return { gone, came: before === null ? value.no : null }
  }

  #take(value: EntryValue): Outcome {
    const { no } = value
    this.indexes.replace(value, null)
    this.#values.set(no, null)
    this.#entries.set(no, null)
    this.#kinds[value.kind].delete(no)
    this.living.delete(no)
    return { gone: [no], came: null }
  }

  #valueById(id: string): EntryValue | null {
    return this.#first('id', id, (value) => value.id === id)
  }

  /** The first that fits of those the index has for the text; mostly it has one at most. */
  #first(
    field: 'id' | 'name',
    text: string,
    fits: (value: EntryValue) => boolean,
  ): EntryValue | null {
    const only = this.indexes.only(field, text)
    if (only !== undefined) {
      const value = only === null ? null : this.#values.at(only)
      return value !== null && fits(value) ? value : null
    }
    for (const no of numbersOf(this.indexes.equalText(field, text))) {
      const value = this.#values.at(no)
      if (value !== null && fits(value)) return value
    }
    return null
  }
}

function hasLoginName(person: Person, folded: string): boolean {
  return person.loginNames.some((name) => name.folded === folded)
}

function isNamed(value: EntryValue, folded: string): boolean {
  const name = nameOf(value)
  return name === folded || foldText(name) === folded
}

function nameOf(value: EntryValue): string {
  return value.kind === 'person' ? value.username : value.name
}

function* numbersOf(candidates: Candidates): Generator<number, void, void> {
  for (let no = candidates.nextAbove(-1); no >= 0; no = candidates.nextAbove(no)) yield no
}
