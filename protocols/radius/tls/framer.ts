import { RadiusError } from '../errors.ts'
import { HEADER_BYTES, MAX_PACKET_BYTES } from '../packet.ts'

const LENGTH_END = 4
const NOTHING = Buffer.alloc(0)

/**
 * Cuts a byte stream into RADIUS packets by the length in each header (RFC 6613 §2.6.4); nothing
 * else separates them, so a length that cannot be means that the stream is lost.
 */
export class PacketFramer {
  #bytes: Buffer = NOTHING

  /** Bytes that have arrived and not been taken. */
  get bufferedBytes(): number {
    return this.#bytes.length
  }

  /** Adds what arrived, which must not be written to afterwards. */
  push(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
  }

  /**
   * The next whole packet, or null when more bytes are needed.
   *
   * @throws {RadiusError} `RADIUS_MALFORMED` for a length below 20 or above 4096, as soon as its
   *   header says so
   */
  next(): Buffer | null {
    if (this.#bytes.length < LENGTH_END) return null
    const length = this.#bytes.readUInt16BE(2)
    if (length < HEADER_BYTES || length > MAX_PACKET_BYTES) {
      throw new RadiusError('RADIUS_MALFORMED', `length ${length} in a stream`)
    }
    if (length > this.#bytes.length) return null
    const packet = this.#bytes.subarray(0, length)
    this.#bytes = length === this.#bytes.length ? NOTHING : this.#bytes.subarray(length)
    return packet
  }
}
