import { MessageFramer } from '../framer.ts'

/** Unfinished requests of all connections of a server, in bytes. */
export interface BufferedBytes {
  bufferedBytes: number
}

/** What a client has sent and nobody has read yet: framed, counted and timed. */
export class Inbound {
  /** When the first byte of the message that is coming arrived; null between messages. */
  sinceMs: number | null = null
  readonly #framer: MessageFramer
  readonly #all: BufferedBytes
  #countedBytes = 0

  constructor(maxMessageBytes: number, all: BufferedBytes) {
    this.#framer = new MessageFramer(maxMessageBytes)
    this.#all = all
  }

  get bufferedBytes(): number {
    return this.#framer.bufferedBytes
  }

  set maxMessageBytes(bytes: number) {
    this.#framer.maxBytes = bytes
  }

  push(chunk: Buffer): void {
    this.#framer.push(chunk)
  }

  /**
   * The next whole message, or null.
   *
   * @throws {LdapError} `LDAP_MALFORMED` or `LDAP_TOO_LARGE`
   */
  next(): Buffer | null {
    const message = this.#framer.next()
    if (message !== null) this.sinceMs = null
    return message
  }

  /** Brings count and clock up to date. A message that waits for us does not run against its time. */
  update(facts: { readonly isStuck: boolean; readonly nowMs: number }): void {
    const { bufferedBytes } = this.#framer
    this.#all.bufferedBytes += bufferedBytes - this.#countedBytes
    this.#countedBytes = bufferedBytes
    if (bufferedBytes === 0 || facts.isStuck) this.sinceMs = null
    else this.sinceMs ??= facts.nowMs
  }

  clear(): void {
    this.#framer.clear()
    this.#all.bufferedBytes -= this.#countedBytes
    this.#countedBytes = 0
    this.sinceMs = null
  }
}
