import { Tag } from '../ber/reader.ts'
import { integerLength, lengthOfLength, writeLength } from '../ber/writer.ts'
import { OperationTag } from '../message.ts'

const CHUNK_BYTES = 64 * 1024
/**
 * Answers up to this size are copied out, so that their chunk serves the next connection at once and
 * what a client leaves unread holds at most twice its size.
 */
const COPY_BYTES = 32 * 1024
/** A part larger than this goes to the socket as it is, without a copy. */
const PASS_THROUGH_BYTES = 16 * 1024
/** Chunks kept for the next answers. */
export const MAX_SPARE_CHUNKS = 16
/** For so few a loop is several times quicker than a call out of JavaScript. */
const LOOP_BYTES = 64
const RESULT_BYTES = 20
const INTEGER_AND_LENGTHS = 16

/** Chunks shared by the connections of a server; a few are in use at a time. */
export class ChunkPool {
  readonly #spare: Buffer[] = []

  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES)
  }

  give(chunk: Buffer): void {
    if (this.#spare.length < MAX_SPARE_CHUNKS) this.#spare.push(chunk)
  }
}

/** Gathers a connection's answers, so that many leave in one write. */
export class Output {
  readonly #pool: ChunkPool
  readonly #write: (bytes: Buffer) => void
  #chunk: Buffer | null = null
  #used = 0

  /** @param write takes bytes that nobody will change any more */
  constructor(pool: ChunkPool, write: (bytes: Buffer) => void) {
    this.#pool = pool
    this.#write = write
  }

  get pendingBytes(): number {
    return this.#used
  }

  /** SearchResultEntry from elements that are BER already. */
  entry(messageId: number, objectName: Buffer, attributes: readonly Buffer[]): void {
    let list = 0
    for (let i = 0; i < attributes.length; i++) list += (attributes[i] as Buffer).length
    const operation = objectName.length + 1 + lengthOfLength(list) + list
    const idLength = integerLength(messageId)
    const message = 2 + idLength + 1 + lengthOfLength(operation) + operation
    const whole = 1 + lengthOfLength(message) + message
    const header = whole - list
    let at = this.#room(whole <= CHUNK_BYTES ? whole : header + INTEGER_AND_LENGTHS)
    const chunk = this.#chunk as Buffer
    chunk[at] = Tag.sequence
    at = writeLength(chunk, at + 1, message)
    at = writeMessageId(chunk, at, messageId)
    chunk[at] = OperationTag.searchResultEntry
    at = writeLength(chunk, at + 1, operation)
    at += objectName.copy(chunk, at)
    chunk[at] = Tag.sequence
    this.#used = writeLength(chunk, at + 1, list)
    for (let i = 0; i < attributes.length; i++) this.append(attributes[i] as Buffer)
  }

  /** A whole operation that is BER already. */
  operation(messageId: number, bytes: Buffer): void {
    const message = 2 + integerLength(messageId) + bytes.length
    const at = this.#room(INTEGER_AND_LENGTHS)
    const chunk = this.#chunk as Buffer
    chunk[at] = Tag.sequence
    this.#used = writeMessageId(chunk, writeLength(chunk, at + 1, message), messageId)
    this.append(bytes)
  }

  /** An LDAPResult without texts, referrals and controls, which most answers are. */
  plainResult(messageId: number, operationTag: number, code: number): void {
    let at = this.#room(RESULT_BYTES)
    const chunk = this.#chunk as Buffer
    chunk[at] = Tag.sequence
    chunk[at + 1] = 2 + integerLength(messageId) + 9
    at = writeMessageId(chunk, at + 2, messageId)
    chunk[at] = operationTag
    chunk[at + 1] = 7
    chunk[at + 2] = Tag.enumerated
    chunk[at + 3] = 1
    chunk[at + 4] = code
    chunk[at + 5] = Tag.octetString
    chunk[at + 6] = 0
    chunk[at + 7] = Tag.octetString
    chunk[at + 8] = 0
    this.#used = at + 9
  }

  /** Bytes that are BER already; they must not change afterwards. */
  append(bytes: Buffer): void {
    if (bytes.length > PASS_THROUGH_BYTES) {
      this.flush()
      this.#write(bytes)
      return
    }
    const at = this.#room(bytes.length)
    bytes.copy(this.#chunk as Buffer, at)
    this.#used = at + bytes.length
  }

  /** Hands everything gathered to the socket. */
  flush(): void {
    const chunk = this.#chunk
    if (chunk === null) return
    const used = this.#used
    this.#chunk = null
    this.#used = 0
    if (used > COPY_BYTES) {
      this.#write(chunk.subarray(0, used))
      return
    }
    const copy = Buffer.allocUnsafe(used)
    if (used <= LOOP_BYTES) for (let at = 0; at < used; at++) copy[at] = chunk[at] as number
    else chunk.copy(copy, 0, 0, used)
    this.#pool.give(chunk)
    if (used > 0) this.#write(copy)
  }

  /** Makes sure of `bytes` (at most a chunk) in one piece; gives the position to write at. */
  #room(bytes: number): number {
    if (this.#chunk !== null && this.#used + bytes > CHUNK_BYTES) this.flush()
    this.#chunk ??= this.#pool.take()
    return this.#used
  }
}

function writeMessageId(target: Buffer, start: number, messageId: number): number {
  let at = start
  target[at++] = Tag.integer
  const octets = integerLength(messageId)
  target[at++] = octets
  for (let shift = (octets - 1) * 8; shift >= 0; shift -= 8)
    target[at++] = (messageId >> shift) & 0xff
  return at
}
