import type { EntryWriter } from '../../../protocols/ldap/index.ts'
import type { Entry, EntryValue } from '../../directory/query.ts'
import type { Selection } from './selection.ts'
import { encodeValues, type LiveAttribute, type ShapeContext } from './shapes/shape.ts'

/** Bytes of encoded attributes that are kept; then all are let go and made anew when needed. */
const MAX_KEPT_BYTES = 64 * 1024 * 1024
/** What a kept encoding costs beside its bytes. */
const OVERHEAD_BYTES = 256

interface Encoded {
  readonly value: EntryValue
  readonly objectName: Buffer
  /** One buffer with all fixed attributes, in a list so that nothing is made for each answer. */
  readonly attributes: readonly Buffer[]
}

/** Writes entries, keeping for each way of asking what depends on the entry's own value alone. */
export class EntryEncoder {
  #kept = new WeakMap<Selection, Map<number, Encoded>>()
  #keptBytes = 0

  /** False when the search should wait for the writer. */
  write(
    entry: Entry,
    selection: Selection,
    to: { readonly writer: EntryWriter; readonly context: ShapeContext },
  ): boolean {
    const encoded = this.#encoded(entry, selection, to.context)
    const { live } = selection.kinds[entry.value.kind]
    if (live.length === 0) return to.writer.entry(encoded.objectName, encoded.attributes)
    const attributes = [...encoded.attributes]
    for (const attribute of live) {
      const bytes = encodeLive(attribute, entry, to.context)
      if (bytes === null) continue
      attributes.push(selection.isTypesOnly ? encodeValues(attribute.type.name, []) : bytes)
    }
    return to.writer.entry(encoded.objectName, attributes)
  }

  #encoded(entry: Entry, selection: Selection, context: ShapeContext): Encoded {
    let kept = this.#kept.get(selection)
    if (kept === undefined) {
      kept = new Map()
      this.#kept.set(selection, kept)
    }
    const found = kept.get(entry.no)
    if (found !== undefined && found.value === entry.value) return found
    const made = encode(entry, selection, context)
    const [{ length } = { length: 0 }] = made.attributes
    this.#keptBytes += length + OVERHEAD_BYTES
    if (this.#keptBytes > MAX_KEPT_BYTES) {
      this.#kept = new WeakMap()
      this.#keptBytes = 0
    } else kept.set(entry.no, made)
    return made
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
  return {
    value,
    objectName: context.names.elementOf(entry),
    attributes: [Buffer.concat(parts)],
  }
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
