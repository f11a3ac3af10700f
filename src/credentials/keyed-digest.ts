import { hash, randomBytes } from 'node:crypto'

/** SHA-256 works on blocks of this size; HMAC pads its key to one (RFC 2104 §2). */
const BLOCK = 64
const DIGEST = 32
const HEADER = 1 + 8 + 8
/** Longer input than a password may have takes a buffer of its own. */
const SCRATCH_BYTES = 1_100

const NUMBERS = 1
const TEXT = 2

/**
 * HMAC-SHA-256 (RFC 2104) under a key that never leaves the process, as a string that can be the key
 * of a Map.
 *
 * It is built from two one-shot hashes, which take half the time of a `createHmac` object; every
 * cached log-in pays for one.
 */
export class KeyedDigest {
  readonly #inner: Buffer
  readonly #outer: Buffer

  /** @param key 1 to 64 bytes; random unless a test wants to compare */
  constructor(key: Buffer = randomBytes(DIGEST)) {
    this.#inner = Buffer.alloc(BLOCK + HEADER + SCRATCH_BYTES, 0x36)
    this.#outer = Buffer.alloc(BLOCK + DIGEST, 0x5c)
    for (const [at, byte] of key.entries()) {
      this.#inner[at] = byte ^ 0x36
      this.#outer[at] = byte ^ 0x5c
    }
  }

  /** Over two numbers and `bytes`; never equal to a digest over a text. */
  ofNumbers(first: number, second: number, bytes: Uint8Array): string {
    const message = this.#messageOf(HEADER + bytes.length)
    message[BLOCK] = NUMBERS
    message.writeDoubleLE(first, BLOCK + 1)
    message.writeDoubleLE(second, BLOCK + 9)
    copyInto(message, BLOCK + HEADER, bytes)
    return this.#finish(message, HEADER + bytes.length)
  }

  /** Over a text and `bytes`; the text's length is part of it, so the border cannot be moved. */
  ofText(text: string, bytes: Uint8Array): string {
    const encoded = Buffer.from(text, 'utf8')
    const length = HEADER + encoded.length + bytes.length
    const message = this.#messageOf(length)
    message[BLOCK] = TEXT
    message.writeDoubleLE(encoded.length, BLOCK + 1)
    message.writeDoubleLE(0, BLOCK + 9)
    message.set(encoded, BLOCK + HEADER)
    message.set(bytes, BLOCK + HEADER + encoded.length)
    return this.#finish(message, length)
  }

  #messageOf(lengthBytes: number): Buffer {
    if (BLOCK + lengthBytes <= this.#inner.length) return this.#inner
    const own = Buffer.alloc(BLOCK + lengthBytes)
    own.set(this.#inner.subarray(0, BLOCK))
    return own
  }

  #finish(message: Buffer, lengthBytes: number): string {
    const inner = hash('sha256', message.subarray(0, BLOCK + lengthBytes), 'binary')
    this.#outer.write(inner, BLOCK, 'latin1')
    return hash('sha256', this.#outer, 'binary')
  }
}

/** For some ten bytes a loop is several times quicker than a call out of JavaScript. */
function copyInto(target: Buffer, at: number, bytes: Uint8Array): void {
  for (let index = 0; index < bytes.length; index += 1) target[at + index] = bytes[index] ?? 0
}
