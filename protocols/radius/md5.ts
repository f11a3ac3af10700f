import { hash } from 'node:crypto'

/** Length of an MD5 digest, and so of every authenticator (RFC 2865 §3). */
export const DIGEST_BYTES = 16

const HMAC_BLOCK_BYTES = 64
/** A packet of 4096 bytes, a padded key before it, a long secret behind it; more is joined apart. */
const SCRATCH_BYTES = 4096 + 1024

/** Joining into one buffer that is reused costs less than the digest's own streaming interface. */
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)

/** MD5 over the parts as if they were one byte string. */
export function md5(...parts: readonly Uint8Array[]): Buffer {
  // Text of one byte a character is the cheapest form to get out of OpenSSL, and goes to the pool.
  return Buffer.from(hash('md5', join(parts), 'binary'), 'latin1')
}

/**
 * HMAC-MD5 (RFC 2104) with one key for many messages.
 *
 * The padded key is made once: two one-shot digests cost less than one `createHmac`.
 */
export class HmacMd5 {
  readonly #inner = Buffer.alloc(HMAC_BLOCK_BYTES, 0x36)
  readonly #outer = Buffer.alloc(HMAC_BLOCK_BYTES, 0x5c)

  constructor(key: Uint8Array) {
    const short = key.length > HMAC_BLOCK_BYTES ? md5(key) : key
    for (const [at, byte] of short.entries()) {
      this.#inner[at] = byte ^ 0x36
      this.#outer[at] = byte ^ 0x5c
    }
  }

  digest(...parts: readonly Uint8Array[]): Buffer {
    return md5(this.#outer, md5(this.#inner, ...parts))
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) {
    if (length + part.length > SCRATCH_BYTES) return Buffer.concat(parts)
    scratch.set(part, length)
    length += part.length
  }
  return scratch.subarray(0, length)
}
