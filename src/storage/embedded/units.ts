/**
 * Cuts a client's half of the PostgreSQL protocol into units: runs of messages after which the
 * server answers and other clients may come in between. A unit ends with Query, Sync, Flush,
 * CopyDone or CopyFail; the startup packet is a unit of its own.
 *
 * @see https://www.postgresql.org/docs/current/protocol-message-formats.html
 */

export const STARTUP = 0
export const QUERY = 0x51
export const SYNC = 0x53
export const FLUSH = 0x48
export const TERMINATE = 0x58
const COPY_DONE = 0x63
const COPY_FAIL = 0x66
const UNIT_ENDS = new Set([QUERY, SYNC, FLUSH, COPY_DONE, COPY_FAIL])

/** Type octet and length of an ordinary message; the startup packet has the length only. */
const HEADER_BYTES = 5
const LENGTH_BYTES = 4
/** PostgreSQL's own limit of a message is 1 GiB; no statement of ours comes near this. */
const MAX_UNIT_BYTES = 64 * 1024 * 1024

export interface Unit {
  readonly bytes: Uint8Array
  /** Type octet of the last message, `STARTUP` for the startup packet, `TERMINATE` when it says good-bye. */
  readonly last: number
}

export class UnitReader {
  #pending: Buffer = Buffer.alloc(0)
  #scanned = 0
  #isStarted = false

  /** Adds received bytes and gives the units they complete, in order. */
  push(chunk: Uint8Array): Unit[] {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    this.#pending = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes])
    if (this.#pending.length > MAX_UNIT_BYTES) throw new RangeError('a statement is too long')
    const units: Unit[] = []
    for (let unit = this.#take(); unit !== null; unit = this.#take()) units.push(unit)
    return units
  }

  #take(): Unit | null {
    return this.#isStarted ? this.#takeOrdinary() : this.#takeStartup()
  }

  #takeStartup(): Unit | null {
    if (this.#pending.length < LENGTH_BYTES) return null
    const length = this.#pending.readUInt32BE(0)
    if (this.#pending.length < length) return null
    this.#isStarted = true
    return this.#cut(length, STARTUP)
  }

  #takeOrdinary(): Unit | null {
    while (this.#pending.length - this.#scanned >= HEADER_BYTES) {
      const type = this.#pending.readUInt8(this.#scanned)
      const end = this.#scanned + 1 + this.#pending.readUInt32BE(this.#scanned + 1)
      if (this.#pending.length < end) return null
      if (type === TERMINATE || UNIT_ENDS.has(type)) return this.#cut(end, type)
      this.#scanned = end
    }
    return null
  }

  #cut(end: number, last: number): Unit {
    const bytes = this.#pending.subarray(0, end)
    this.#pending = this.#pending.subarray(end)
    this.#scanned = 0
    return { bytes, last }
  }
}

const READY_FOR_QUERY = 0x5a
const COPY_IN_RESPONSE = 0x47
const NOTIFICATION_RESPONSE = 0x41

export interface Answer {
  /** The backend is in a state in which it takes another message. */
  readonly isReady: boolean
  /** Whole NotificationResponse messages, copied. */
  readonly notifications: readonly Uint8Array[]
}

/** Looks through a server's answer without changing it. */
export function readAnswer(bytes: Uint8Array): Answer {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const notifications: Uint8Array[] = []
  let isReady = false
  for (let at = 0; at + HEADER_BYTES <= view.length; ) {
    const type = view.readUInt8(at)
    const end = at + 1 + view.readUInt32BE(at + 1)
    if (type === READY_FOR_QUERY || type === COPY_IN_RESPONSE) isReady = true
    if (type === NOTIFICATION_RESPONSE) notifications.push(bytes.slice(at, end))
    at = end
  }
  return { isReady, notifications }
}

const SIMPLE_QUERY_NUL = Buffer.from([0])

/** A simple Query message. */
export function encodeQuery(sql: string): Uint8Array {
  const text = Buffer.from(sql, 'utf8')
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt8(QUERY, 0)
  header.writeUInt32BE(LENGTH_BYTES + text.length + SIMPLE_QUERY_NUL.length, 1)
  return Buffer.concat([header, text, SIMPLE_QUERY_NUL])
}

export function encodeSync(): Uint8Array {
  return Uint8Array.of(SYNC, 0, 0, 0, LENGTH_BYTES)
}
