import { type EntryWriter, encodeEntry } from '../../../protocols/ldap/index.ts'
import type { Entry, EntryValue } from '../../directory/query.ts'
import type { Selection } from './selection.ts'
import { encodeValues, type LiveAttribute, type ShapeContext } from './shapes/shape.ts'
import { isPresent } from './shapes/shapes.ts'

/** Bytes of encoded attributes that are kept; then all are let go and made anew when needed. */
const MAX_KEPT_BYTES = 64 * 1024 * 1024
const none = Buffer.alloc(0)
/** What a kept encoding costs beside its bytes. */
const OVERHEAD_BYTES = 256

interface Encoded {
  readonly value: EntryValue
  readonly objectName: Buffer
  /** All fixed attributes, one behind the other. */
  readonly attributes: Buffer
  /** The whole entry where no attribute has to be made anew each time. */
  readonly whole: Buffer | null
}

/** Writes entries, keeping for each way of asking what depends on the entry's own value alone. */
export class EntryEncoder {
  #kept = new WeakMap<Selection, Map<number, Encoded>>()
  #latest: { readonly selection: Selection; readonly kept: Map<number, Encoded> } | null = null
  #keptBytes = 0

  /** False when the search should wait for the writer. */
  write(
    entry: Entry,
    selection: Selection,
    to: { readonly writer: EntryWriter; readonly context: ShapeContext },
  ): boolean {
    const encoded = this.#encoded(entry, selection, to.context)
    const { live } = selection.kinds[entry.value.kind]
    if (encoded.whole !== null) return to.writer.wholeEntry(encoded.whole)
    const attributes = [encoded.attributes]
    for (const attribute of live) {
      const bytes = selection.isTypesOnly
        ? encodeType(attribute, entry, to.context)
        : encodeLive(attribute, entry, to.context)
      if (bytes !== null) attributes.push(bytes)
    }
    return to.writer.entry(encoded.objectName, attributes)
  }

  #encoded(entry: Entry, selection: Selection, context: ShapeContext): Encoded {
    const kept = this.#keptFor(selection)
    const found = kept.get(entry.no)
    if (found !== undefined && found.value === entry.value) return found
    const made = encode(entry, selection, context)
    this.#keptBytes += (made.whole ?? made.attributes).length + OVERHEAD_BYTES
    if (this.#keptBytes > MAX_KEPT_BYTES) {
      this.#kept = new WeakMap()
      this.#latest = null
      this.#keptBytes = 0
    } else kept.set(entry.no, made)
    return made
  }

  #keptFor(selection: Selection): Map<number, Encoded> {
    if (this.#latest?.selection === selection) return this.#latest.kept
    const kept = this.#kept.get(selection) ?? new Map<number, Encoded>()
    this.#kept.set(selection, kept)
    this.#latest = { selection, kept }
    return kept
  }
}

function encode(entry: Entry, selection: Selection, context: ShapeContext): Encoded {
  const { value } = entry
  const parts: Buffer[] = []
  for (const attribute of selection.kinds[value.kind].fixed) {
    const values = attribute.values(value, context.tree)
    if (values.length === 0) continue
    parts.push(encodeValues(attribute.type.name, selection.isTypesOnly ? [] : values))
  }
  const objectName = context.names.elementOf(entry)
  if (selection.kinds[value.kind].live.length > 0) {
    return { value, objectName, attributes: Buffer.concat(parts), whole: null }
  }
  return { value, objectName, attributes: none, whole: encodeEntry(objectName, parts) }
}

function encodeLive(
  attribute: LiveAttribute<EntryValue>,
  entry: Entry,
  context: ShapeContext,
): Buffer | null {
  if (attribute.encode !== undefined) return attribute.encode(entry, context)
  const values = attribute.values(entry, context)
  return values.length === 0 ? null : encodeValues(attribute.type.name, values)
}

function encodeType(
  { type }: LiveAttribute<EntryValue>,
  entry: Entry,
  context: ShapeContext,
): Buffer | null {
  return isPresent(entry, type, context) ? encodeValues(type.name, []) : null
}
