import { hash } from 'node:crypto'

/** Length of an MD5 digest, and so of every authenticator (RFC 2865 §3). */
export const DIGEST_BYTES = 16

const HMAC_BLOCK_BYTES = 64

/** MD5 over the parts as if they were one byte string. */
export function md5(...parts: readonly Uint8Array[]): Buffer {
  return hash(
    'md5',
    parts.length === 1 ? (parts[0] ?? new Uint8Array()) : Buffer.concat(parts),
    'buffer',
  )
}

/**
 * HMAC-MD5 (RFC 2104) with one key for many messages.
 *
 * The padded key is made once: two one-shot digests cost less than one `createHmac`.
 */
export class HmacMd5 {
  readonly #inner: Buffer
  readonly #outer: Buffer

  constructor(key: Uint8Array) {
    const short = key.length > HMAC_BLOCK_BYTES ? md5(key) : key
    this.#inner = Buffer.alloc(HMAC_BLOCK_BYTES, 0x36)
    this.#outer = Buffer.alloc(HMAC_BLOCK_BYTES + DIGEST_BYTES, 0x5c)
    short.forEach((byte, at) => {
      this.#inner[at] = byte ^ 0x36
      this.#outer[at] = byte ^ 0x5c
    })
  }

  digest(...parts: readonly Uint8Array[]): Buffer {
    this.#outer.set(md5(this.#inner, ...parts), HMAC_BLOCK_BYTES)
    return md5(this.#outer)
  }
}
