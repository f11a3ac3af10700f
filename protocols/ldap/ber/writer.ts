import { Tag } from './reader.ts'

const INITIAL_BYTES = 256
const SHORT_FORM_LIMIT = 0x80

/** How many bytes the length field of `length` takes in its shortest form. */
export function lengthOfLength(length: number): number {
  if (length < SHORT_FORM_LIMIT) return 1
  if (length < 0x100) return 2
  if (length < 0x10000) return 3
  return length < 0x1000000 ? 4 : 5
}

/** Writes a tag and the shortest length at `at`; gives the position behind them. */
export function writeHeader(
  target: Buffer,
  at: number,
  header: { tag: number; length: number },
): number {
  return writeLength(target, writeByte(target, at, header.tag), header.length)
}

function writeByte(target: Buffer, at: number, value: number): number {
  target[at] = value
  return at + 1
}

/** Writes the shortest form of `length` at `at`; gives the position behind it. */
export function writeLength(target: Buffer, at: number, length: number): number {
  if (length < SHORT_FORM_LIMIT) return writeByte(target, at, length)
  const octets = lengthOfLength(length) - 1
  let next = writeByte(target, at, SHORT_FORM_LIMIT | octets)
  for (let shift = (octets - 1) * 8; shift >= 0; shift -= 8) {
    next = writeByte(target, next, (length >>> shift) & 0xff)
  }
  return next
}

/** How many content bytes a non-negative INTEGER takes. */
export function integerLength(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x8000) return 2
  return value < 0x800000 ? 3 : 4
}

/** Appends BER with shortest lengths; constructed elements are opened and closed. */
export class BerWriter {
  #bytes: Buffer
  #length = 0

  constructor(initialBytes = INITIAL_BYTES) {
    this.#bytes = Buffer.allocUnsafe(initialBytes)
  }

  /** Opens a constructed element; give the result to {@link close}. */
  open(tag: number): number {
    this.#grow(2)
    this.#bytes[this.#length++] = tag
    return ++this.#length
  }

  close(start: number): this {
    const length = this.#length - start
    const extra = lengthOfLength(length) - 1
    if (extra > 0) {
      this.#grow(extra)
      this.#bytes.copyWithin(start + extra, start, this.#length)
      this.#length += extra
    }
    writeLength(this.#bytes, start - 1, length)
    return this
  }

  boolean(value: boolean, tag: number = Tag.boolean): this {
    this.#grow(3)
    this.#bytes[this.#length++] = tag
    this.#bytes[this.#length++] = 1
    this.#bytes[this.#length++] = value ? 0xff : 0x00
    return this
  }

  /** A signed integer of 32 bits at most, in its shortest form. */
  integer(value: number, tag: number = Tag.integer): this {
    let octets = 4
    while (octets > 1 && (value << (32 - (octets - 1) * 8)) >> (32 - (octets - 1) * 8) === value) {
      octets--
    }
    this.#grow(2 + octets)
    this.#bytes[this.#length++] = tag
    this.#bytes[this.#length++] = octets
    for (let shift = (octets - 1) * 8; shift >= 0; shift -= 8) {
      this.#bytes[this.#length++] = (value >> shift) & 0xff
    }
    return this
  }

  enumerated(value: number): this {
    return this.integer(value, Tag.enumerated)
  }

  octets(value: Uint8Array, tag: number = Tag.octetString): this {
    this.#grow(6 + value.length)
    this.#length = writeHeader(this.#bytes, this.#length, { tag, length: value.length })
    this.#bytes.set(value, this.#length)
    this.#length += value.length
    return this
  }

  text(value: string, tag: number = Tag.octetString): this {
    const length = Buffer.byteLength(value)
    this.#grow(6 + length)
    this.#length = writeHeader(this.#bytes, this.#length, { tag, length })
    this.#length += this.#bytes.write(value, this.#length, length, 'utf8')
    return this
  }

  /** Bytes that are BER already. */
  raw(value: Uint8Array): this {
    this.#grow(value.length)
    this.#bytes.set(value, this.#length)
    this.#length += value.length
    return this
  }

  /** A view of what was written; valid until the next write. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  #grow(by: number): void {
    const needed = this.#length + by
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}
