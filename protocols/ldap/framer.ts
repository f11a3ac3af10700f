import { LdapError } from './errors.ts'

const SEQUENCE = 0x30
const INDEFINITE = 0x80
const MAX_LENGTH_OCTETS = 4
const NOTHING = Buffer.alloc(0)
const INITIAL_BYTES = 1_024
/** How much room there is for each byte that has arrived, up to the message's length. */
const GROWTH = 4

/**
 * Cuts a byte stream into LDAPMessages.
 *
 * A message that arrives within one chunk is a view of it. One that does not is gathered in a buffer
 * that grows with what has arrived, so that neither a declared length costs memory in advance nor a
 * dribbled message time in proportion to its square.
 */
export class MessageFramer {
  /** Longest message accepted, header included; may be raised between messages. */
  maxBytes: number
  #bytes: Buffer = NOTHING
  #start = 0
  #end = 0
  /** Whether `#bytes` is ours to write into, and no view of it was given out. */
  #isOwn: boolean = false
  /** Length of the message that is coming; 0 while its header is incomplete. */
  #expectedBytes = 0

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  /** Bytes that have arrived and not been taken. */
  get bufferedBytes(): number {
    return this.#end - this.#start
  }

  /** Adds what arrived. The chunk must not be written to afterwards. */
  push(chunk: Buffer): void {
    if (this.bufferedBytes === 0) {
      this.#bytes = chunk
      this.#start = 0
      this.#end = chunk.length
      this.#isOwn = false
      return
    }
    this.#reserve(chunk.length)
    chunk.copy(this.#bytes, this.#end)
    this.#end += chunk.length
  }

  /**
   * The next whole message, or null when more bytes are needed.
   *
   * @throws {LdapError} `LDAP_MALFORMED` when what comes is no SEQUENCE of definite length,
   *   `LDAP_TOO_LARGE` when it is longer than {@link maxBytes}, as soon as its header says so
   */
  next(): Buffer | null {
    const length = this.#messageLength()
    if (length === null || length > this.bufferedBytes) {
      this.#expectedBytes = length ?? 0
      return this.#wait()
    }
    if (length === this.#bytes.length) return this.#takeAll()
    const message = this.#bytes.subarray(this.#start, this.#start + length)
    this.#start += length
    // The caller holds a view now; later bytes must not be written over it.
    if (this.#isOwn) this.#isOwn = false
    return message
  }

  /** What is held is one message, as it mostly is: it needs no view. */
  #takeAll(): Buffer {
    const message = this.#bytes
    this.clear()
    return message
  }

  /** Forgets everything that has arrived. */
  clear(): void {
    this.#bytes = NOTHING
    this.#start = 0
    this.#end = 0
    this.#isOwn = false
  }

  /** Keeps a copy of an incomplete tail, so that it does not hold on to the socket's whole chunk. */
  #wait(): null {
    if (this.bufferedBytes === 0) this.clear()
    else if (!this.#isOwn) this.#reserve(0)
    return null
  }

  #messageLength(): number | null {
    const available = this.bufferedBytes
    if (available === 0) return null
    const bytes = this.#bytes
    const start = this.#start
    if (bytes[start] !== SEQUENCE) throw new LdapError('LDAP_MALFORMED', 'no LDAPMessage')
    if (available < 2) return null
    const first = bytes[start + 1] as number
    if (first < INDEFINITE) return this.#within(2 + first)
    const octets = first - INDEFINITE
    if (octets === 0 || octets > MAX_LENGTH_OCTETS) {
      throw new LdapError('LDAP_MALFORMED', 'indefinite or overlong length')
    }
    if (available < 2 + octets) return null
    return this.#within(2 + octets + bytes.readUIntBE(start + 2, octets))
  }

  #within(length: number): number {
    if (length > this.maxBytes) {
      throw new LdapError('LDAP_TOO_LARGE', `message of ${length} bytes, ${this.maxBytes} allowed`)
    }
    return length
  }

  #reserve(more: number): void {
    const have = this.bufferedBytes
    const needed = have + more
    if (this.#isOwn && this.#end + more <= this.#bytes.length) return
    const size = Math.max(needed, INITIAL_BYTES, Math.min(have * GROWTH, this.#expectedBytes))
    const larger = Buffer.allocUnsafeSlow(size)
    this.#bytes.copy(larger, 0, this.#start, this.#end)
    this.#bytes = larger
    this.#start = 0
    this.#end = have
    this.#isOwn = true
  }
}
