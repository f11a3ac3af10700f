import { type Candidates, Lone, nobody, Range } from '../candidates.ts'
import {
  isNumberField,
  type NumberField,
  numberOf,
  type OwnNumberField,
  type TextField,
  textFields,
  textOf,
} from '../fields.ts'
import { foldText } from '../fold.ts'
import { NoSet } from '../no-set.ts'
import { PagedNumbers } from '../paged.ts'
import type { EntryValue, Field } from '../query.ts'
import { hashNumber, hashText } from './hash.ts'
import { type Parts, TrigramIndex } from './trigram-index.ts'
import { ValueIndex } from './value-index.ts'

/** Ids have no words in them, and their letters would crowd the trigrams. */
const withoutTrigrams: ReadonlySet<TextField> = new Set(['id', 'managerId'])

const ownNumbers = ['uidNumber', 'gidNumber', 'createdAtMs'] as const
const hashedNumbers = ['uidNumber', 'gidNumber'] as const

const noTexts: readonly string[] = []

/** Everything by which entries are found without being looked at, kept current one value at a time. */
export class FieldIndexes {
  readonly #equal: Record<TextField, ValueIndex> = byTextField(() => new ValueIndex())
  readonly #present: Record<TextField, NoSet> = byTextField(() => new NoSet())
  readonly #trigrams = new TrigramIndex()
  readonly #numbers = { uidNumber: new ValueIndex(), gidNumber: new ValueIndex() }
  /** Columns cost eight bytes an entry and nothing to keep, and are read a hundred times as fast. */
  readonly #columns: Record<NumberField, PagedNumbers> = {
    uidNumber: new PagedNumbers(),
    gidNumber: new PagedNumbers(),
    createdAtMs: new PagedNumbers(),
    usn: new PagedNumbers(),
    modifiedAtMs: new PagedNumbers(),
  }

  /** Puts `after` in the place of `before`; null stands for an entry that is not there. */
  replace(before: EntryValue | null, after: EntryValue | null): void {
    const no = (after ?? before)?.no ?? 0
    const old: string[] = []
    const fresh: string[] = []
    let isChanged = false
    for (const field of textFields) {
      const oldTexts = before === null ? noTexts : foldedTexts(before, field)
      const freshTexts = after === null ? noTexts : foldedTexts(after, field)
      const isSame = areSame(oldTexts, freshTexts)
      if (!isSame) this.#replaceTexts(field, no, { old: oldTexts, fresh: freshTexts })
      if (withoutTrigrams.has(field)) continue
      isChanged ||= !isSame
      old.push(...oldTexts)
      fresh.push(...freshTexts)
    }
    if (isChanged) this.#trigrams.replace(old, fresh, no)
    this.#replaceNumbers(no, before, after)
  }

  column(field: NumberField): PagedNumbers {
    return this.#columns[field]
  }

  /** A superset of the entries with that text in the field. */
  equalText(field: TextField, folded: string): Candidates {
    return candidatesOf(this.#equal[field].find(hashText(folded)))
  }

  /**
   * The only number an entry with that value can have; null when no entry has the value, undefined
   * when it may be one of several.
   */
  only(field: Field, value: string | number): number | null | undefined {
    const found = this.#find(field, value)
    return found === null || typeof found === 'number' ? found : undefined
  }

  #find(field: Field, value: string | number): number | NoSet | null | undefined {
    if (field === 'uidNumber' || field === 'gidNumber') {
      return typeof value === 'number' ? this.#numbers[field].find(hashNumber(value)) : null
    }
    if (isNumberField(field)) return undefined
    return typeof value === 'string' ? this.#equal[field].find(hashText(value)) : null
  }

  /** A superset of the entries with that number in the field. */
  equalNumber(field: NumberField, value: number, living: number): Candidates {
    if (field === 'uidNumber' || field === 'gidNumber') {
      return candidatesOf(this.#numbers[field].find(hashNumber(value)))
    }
    return this.within(field, { least: value, most: value, living })
  }

  within(
    field: NumberField,
    range: { readonly least: number; readonly most: number; readonly living: number },
  ): Candidates {
    return new Range(this.#columns[field], range)
  }

  present(field: TextField): Candidates {
    return this.#present[field]
  }

  /** Null where it can't be told without looking. */
  substring(field: TextField, parts: Parts): Candidates | null {
    return withoutTrigrams.has(field) ? null : this.#trigrams.find(parts)
  }

  #replaceTexts(
    field: TextField,
    no: number,
    texts: { readonly old: readonly string[]; readonly fresh: readonly string[] },
  ): void {
    for (const text of texts.old) this.#equal[field].delete(hashText(text), no)
    for (const text of texts.fresh) this.#equal[field].add(hashText(text), no)
    if (texts.fresh.length > 0) this.#present[field].add(no)
    else this.#present[field].delete(no)
  }

  #replaceNumbers(no: number, before: EntryValue | null, after: EntryValue | null): void {
    for (const field of ownNumbers) {
      this.#columns[field].set(no, readOwnNumber(after, field) ?? Number.NaN)
    }
    for (const field of hashedNumbers) {
      const old = readOwnNumber(before, field)
      const fresh = readOwnNumber(after, field)
      if (old === fresh) continue
      if (old !== undefined) this.#numbers[field].delete(hashNumber(old), no)
      if (fresh !== undefined) this.#numbers[field].add(hashNumber(fresh), no)
    }
    if (after !== null) return
    this.#columns.usn.set(no, Number.NaN)
    this.#columns.modifiedAtMs.set(no, Number.NaN)
  }
}

function readOwnNumber(value: EntryValue | null, field: OwnNumberField): number | undefined {
  return value === null ? undefined : numberOf(value, field)
}

function candidatesOf(found: number | NoSet | null): Candidates {
  if (found === null) return nobody
  return typeof found === 'number' ? new Lone(found) : found
}

function foldedTexts(value: EntryValue, field: TextField): readonly string[] {
  if (field === 'loginName') {
    return value.kind === 'person' ? value.loginNames.map((name) => name.folded) : noTexts
  }
  const text = textOf(value, field)
  return text === null || text === undefined ? noTexts : [foldText(text)]
}

function areSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, at) => text === b[at])
}

function byTextField<T>(make: () => T): Record<TextField, T> {
  return Object.fromEntries(textFields.map((field) => [field, make()])) as Record<TextField, T>
}
