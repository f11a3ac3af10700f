import { WireError } from './errors.ts'

/**
 * Reads big-endian values from a byte string and never past its end.
 *
 * @throws {WireError} `WIRE_TRUNCATED` from each method that would read past the end; what was read
 *   before stays read, so a caller that wants to wait for more bytes keeps its own position
 */
export class ByteReader {
  readonly #bytes: Buffer
  #at: number
  readonly #end: number

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  get position(): number {
    return this.#at
  }

  get remaining(): number {
    return this.#end - this.#at
  }

  uint8(): number {
    return this.#bytes.readUInt8(this.#take(1))
  }

  uint16(): number {
    return this.#bytes.readUInt16BE(this.#take(2))
  }

  /** Three bytes, as EAP-TTLS AVP lengths are (RFC 5281 §10.1). */
  uint24(): number {
    return this.#bytes.readUIntBE(this.#take(3), 3)
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#take(4))
  }

  /** A view of the next `length` bytes; shares memory with the input. */
  bytes(length: number): Buffer {
    const start = this.#take(length)
    return this.#bytes.subarray(start, start + length)
  }

  skip(length: number): void {
    this.#take(length)
  }

  #take(length: number): number {
    const start = this.#at
    if (length < 0 || length > this.#end - start) {
      throw new WireError('WIRE_TRUNCATED', `${length} bytes wanted, ${this.#end - start} left`)
    }
    this.#at = start + length
    return start
  }
}
