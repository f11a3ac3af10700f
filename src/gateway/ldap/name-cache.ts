import { BerWriter } from '../../../protocols/ldap/index.ts'
import type { Entry, EntryValue } from '../../directory/query.ts'
import type { Tree } from './tree.ts'

/**
 * DNs of entries as OCTET STRING elements, which is what both an entry's name and a value such as
 * `member` are on the wire. Made when first asked for.
 */
export class NameCache {
  readonly #tree: Tree
  readonly #made = new Map<number, { readonly value: EntryValue; readonly element: Buffer }>()

  constructor(tree: Tree) {
    this.#tree = tree
  }

  elementOf(entry: Entry): Buffer {
    const { no, value } = entry
    const made = this.#made.get(no)
    if (made !== undefined && made.value === value) return made.element
    const element = encodeOctets(this.#tree.dnOf(value))
    this.#made.set(no, { value, element })
    return element
  }
}

/** Text as an OCTET STRING element in memory of its own size. */
export function encodeOctets(text: string): Buffer {
  return Buffer.from(new BerWriter(text.length + 8).text(text).view())
}
