const SLOTS = 256
/** Longer ones would cost more to hash than they save. */
const MAX_BYTES = 512

interface Slot<T> {
  readonly bytes: Buffer
  readonly value: T
}

/**
 * What was decoded from bytes that come again and again, found by the bytes themselves: clients ask
 * with the same base and the same attributes in every search. Each slot holds the latest of its hash,
 * so the whole is bounded and nothing need be dropped.
 */
export class Recurring<T> {
  readonly #slots: (Slot<T> | undefined)[] = new Array(SLOTS)

  /** Undefined when the latest bytes of that hash were others. */
  find(bytes: Buffer, start: number, end: number): T | undefined {
    if (end - start > MAX_BYTES) return undefined
    const slot = this.#slots[hash(bytes, start, end)]
    return slot !== undefined && isEqual(slot.bytes, bytes, start, end) ? slot.value : undefined
  }

  /** Keeps a copy of the bytes, so that they don't hold on to their message. */
  keep(bytes: Buffer, range: { readonly start: number; readonly end: number }, value: T): T {
    const { start, end } = range
    if (end - start > MAX_BYTES) return value
    const copy = Buffer.allocUnsafeSlow(end - start)
    bytes.copy(copy, 0, start, end)
    this.#slots[hash(bytes, start, end)] = { bytes: copy, value }
    return value
  }
}

function hash(bytes: Buffer, start: number, end: number): number {
  let mixed = 0x811c9dc5
  for (let at = start; at < end; at++) mixed = Math.imul(mixed ^ (bytes[at] as number), 0x01000193)
  return (mixed ^ (mixed >>> 15)) & (SLOTS - 1)
}

function isEqual(held: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (held.length !== end - start) return false
  for (let at = 0; at < held.length; at++) if (held[at] !== bytes[start + at]) return false
  return true
}
