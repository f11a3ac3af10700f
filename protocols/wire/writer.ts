const INITIAL_BYTES = 256

/** Appends big-endian values to a buffer that grows by doubling. */
export class ByteWriter {
  #bytes: Buffer
  #length = 0

  constructor(initialBytes = INITIAL_BYTES) {
    this.#bytes = Buffer.allocUnsafe(initialBytes)
  }

  get length(): number {
    return this.#length
  }

  uint8(value: number): this {
    const at = this.#grow(1)
    this.#bytes.writeUInt8(value, at)
    return this
  }

  uint16(value: number): this {
    const at = this.#grow(2)
    this.#bytes.writeUInt16BE(value, at)
    return this
  }

  uint24(value: number): this {
    const at = this.#grow(3)
    this.#bytes.writeUIntBE(value, at, 3)
    return this
  }

  uint32(value: number): this {
    const at = this.#grow(4)
    this.#bytes.writeUInt32BE(value, at)
    return this
  }

  bytes(value: Uint8Array): this {
    const at = this.#grow(value.length)
    this.#bytes.set(value, at)
    return this
  }

  zeros(length: number): this {
    const at = this.#grow(length)
    this.#bytes.fill(0, at, at + length)
    return this
  }

  /** Overwrites two bytes written before, as a length that is known only at the end. */
  patchUint16(at: number, value: number): void {
    this.#bytes.writeUInt16BE(value, at)
  }

  /** A view of what was written; valid until the next write. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  #grow(by: number): number {
    const at = this.#length
    const needed = at + by
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2))
      this.#bytes.copy(larger, 0, 0, at)
      this.#bytes = larger
    }
    this.#length = needed
    return at
  }
}
