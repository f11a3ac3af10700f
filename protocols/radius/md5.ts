/** Length of an MD5 digest, and so of every authenticator (RFC 2865 §3). */
export const DIGEST_BYTES = 16

const BLOCK_BYTES = 64
/** The one bit behind a message, and its length in bits (RFC 1321 §3.1, §3.2). */
const END_BYTES = 9
/** A packet of 4096 bytes with a long secret behind it; more takes a larger buffer from then on. */
const SCRATCH_BYTES = 4096 + 1024
/** What a loop copies quicker than a call out of JavaScript does. */
const FEW_BYTES = 48

/** RFC 1321 §3.4: the sine of 1 to 64, as integers. */
const sines = Int32Array.from(
  { length: 64 },
  (_, at) => Math.floor(Math.abs(Math.sin(at + 1)) * 2 ** 32) | 0,
)

/** The four words of RFC 1321 §3.3, in typed arrays as all of this: they hold integers and no boxes. */
const begun = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476)
const state = Int32Array.from(begun)
const stateBytes = new Uint8Array(state.buffer)

/**
 * The message that is being digested; MD5 reads words with the low byte first, as all machines do on
 * which Gatehouse runs. JavaScript has one thread, so there is one at a time.
 */
let scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
let words = wordsOf(scratch)

/**
 * MD5 over the parts as if they were one byte string.
 *
 * A packet takes seven digests of a few blocks each, and a call to OpenSSL costs as much as six
 * blocks do here (docs/decisions/0023).
 */
export function md5(...parts: readonly Uint8Array[]): Buffer {
  start(begun)
  const length = join(parts)
  digest(length, 0)
  // Shared secrets and CHAP's passwords are among the parts.
  scratch.fill(0, 0, length)
  return result()
}

/** HMAC-MD5 (RFC 2104) with one key for many messages: the padded key is digested once. */
export class HmacMd5 {
  readonly #inner: Int32Array
  readonly #outer: Int32Array

  constructor(key: Uint8Array) {
    const short = key.length > BLOCK_BYTES ? md5(key) : key
    this.#inner = begin(short, 0x36)
    this.#outer = begin(short, 0x5c)
  }

  digest(...parts: readonly Uint8Array[]): Buffer {
    start(this.#inner)
    digest(join(parts), BLOCK_BYTES)
    for (let at = 0; at < 4; at += 1) words[at] = state[at] as number
    start(this.#outer)
    digest(DIGEST_BYTES, BLOCK_BYTES)
    return result()
  }
}

/** The state behind one block of the key, padded with `pad`. */
function begin(key: Uint8Array, pad: number): Int32Array {
  scratch.fill(pad, 0, BLOCK_BYTES)
  for (let at = 0; at < key.length; at += 1) scratch[at] = pad ^ (key[at] ?? 0)
  start(begun)
  mixIn(words, 0)
  scratch.fill(0, 0, BLOCK_BYTES)
  return Int32Array.from(state)
}

function start(from: Int32Array): void {
  for (let at = 0; at < 4; at += 1) state[at] = from[at] as number
}

/** Puts the parts behind each other; gives their length. */
function join(parts: readonly Uint8Array[]): number {
  let length = 0
  for (const part of parts) length += part.length
  if (length + END_BYTES + BLOCK_BYTES > scratch.length) {
    scratch = Buffer.allocUnsafeSlow(2 * (length + SCRATCH_BYTES))
    words = wordsOf(scratch)
  }
  let at = 0
  for (const part of parts) {
    if (part.length > FEW_BYTES) scratch.set(part, at)
    else for (let i = 0; i < part.length; i += 1) scratch[at + i] = part[i] as number
    at += part.length
  }
  return length
}

/** Digests the scratch's first bytes as the end of a message, of which `before` were digested. */
function digest(length: number, before: number): void {
  const end = Math.ceil((length + END_BYTES) / BLOCK_BYTES) * BLOCK_BYTES
  scratch[length] = 0x80
  for (let at = length + 1; at < end; at += 1) scratch[at] = 0
  // No message has 2^28 bytes, so the upper word of the length in bits stays zero.
  words[end / 4 - 2] = (before + length) << 3
  for (let at = 0; at < end / 4; at += 16) mixIn(words, at)
}

/** RFC 1321 §3.4: four rounds over the block that begins at word `at`, four steps of each at a time. */
function mixIn(x: Int32Array, at: number): void {
  let a = state[0] as number
  let b = state[1] as number
  let c = state[2] as number
  let d = state[3] as number
  for (let i = 0; i < 16; i += 4) {
    a = step(a, b, d ^ (b & (c ^ d)), x[at + i], sines[i], 7)
    d = step(d, a, c ^ (a & (b ^ c)), x[at + i + 1], sines[i + 1], 12)
    c = step(c, d, b ^ (d & (a ^ b)), x[at + i + 2], sines[i + 2], 17)
    b = step(b, c, a ^ (c & (d ^ a)), x[at + i + 3], sines[i + 3], 22)
  }
  for (let i = 16; i < 32; i += 4) {
    a = step(a, b, c ^ (d & (b ^ c)), x[at + ((5 * i + 1) & 15)], sines[i], 5)
    d = step(d, a, b ^ (c & (a ^ b)), x[at + ((5 * i + 6) & 15)], sines[i + 1], 9)
    c = step(c, d, a ^ (b & (d ^ a)), x[at + ((5 * i + 11) & 15)], sines[i + 2], 14)
    b = step(b, c, d ^ (a & (c ^ d)), x[at + ((5 * i + 16) & 15)], sines[i + 3], 20)
  }
  for (let i = 32; i < 48; i += 4) {
    a = step(a, b, b ^ c ^ d, x[at + ((3 * i + 5) & 15)], sines[i], 4)
    d = step(d, a, a ^ b ^ c, x[at + ((3 * i + 8) & 15)], sines[i + 1], 11)
    c = step(c, d, d ^ a ^ b, x[at + ((3 * i + 11) & 15)], sines[i + 2], 16)
    b = step(b, c, c ^ d ^ a, x[at + ((3 * i + 14) & 15)], sines[i + 3], 23)
  }
  for (let i = 48; i < 64; i += 4) {
    a = step(a, b, c ^ (b | ~d), x[at + ((7 * i) & 15)], sines[i], 6)
    d = step(d, a, b ^ (a | ~c), x[at + ((7 * i + 7) & 15)], sines[i + 1], 10)
    c = step(c, d, a ^ (d | ~b), x[at + ((7 * i + 14) & 15)], sines[i + 2], 15)
    b = step(b, c, d ^ (c | ~a), x[at + ((7 * i + 21) & 15)], sines[i + 3], 21)
  }
  state[0] = a + (state[0] as number)
  state[1] = b + (state[1] as number)
  state[2] = c + (state[2] as number)
  state[3] = d + (state[3] as number)
}

/** @param mixed what the round makes of the other three words */
function step(
  a: number,
  b: number,
  mixed: number,
  word: number | undefined,
  sine: number | undefined,
  shift: number,
): number {
  const sum = (a + mixed + (word as number) + (sine as number)) | 0
  return (((sum << shift) | (sum >>> (32 - shift))) + b) | 0
}

/** The state as bytes, the low ones first: as the machine has them. */
function result(): Buffer {
  const bytes = Buffer.allocUnsafe(DIGEST_BYTES)
  for (let at = 0; at < DIGEST_BYTES; at += 1) bytes[at] = stateBytes[at] as number
  return bytes
}

function wordsOf({ buffer, byteOffset, byteLength }: Buffer): Int32Array {
  return new Int32Array(buffer, byteOffset, byteLength / Int32Array.BYTES_PER_ELEMENT)
}
