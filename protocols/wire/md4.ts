const BLOCK_BYTES = 64
const LENGTH_BYTES = 8

/** RFC 1320 §3.4: for each round its constant, the order in which words are taken, the rotations. */
const ROUNDS = [
  {
    constant: 0,
    order: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    shifts: [3, 7, 11, 19],
  },
  {
    constant: 0x5a827999,
    order: [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15],
    shifts: [3, 5, 9, 13],
  },
  {
    constant: 0x6ed9eba1,
    order: [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15],
    shifts: [3, 9, 11, 15],
  },
] as const

type Mix = (x: number, y: number, z: number) => number
const MIXES: readonly Mix[] = [
  (x, y, z) => (x & y) | (~x & z),
  (x, y, z) => (x & y) | (x & z) | (y & z),
  (x, y, z) => x ^ y ^ z,
]

/** RFC 1320. Node's OpenSSL 3 has it in its legacy provider only, which is not loaded. */
export function md4(message: Buffer): Buffer {
  const padded = pad(message)
  const state = Uint32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476)
  for (let at = 0; at < padded.length; at += BLOCK_BYTES)
    mixIn(state, padded.subarray(at, at + BLOCK_BYTES))
  padded.fill(0)
  const digest = Buffer.alloc(16)
  state.forEach((word, at) => {
    digest.writeUInt32LE(word, at * 4)
  })
  return digest
}

/** A one bit, zeros, and the length in bits. */
function pad(message: Buffer): Buffer {
  const blocks = Math.ceil((message.length + 1 + LENGTH_BYTES) / BLOCK_BYTES)
  const padded = Buffer.alloc(blocks * BLOCK_BYTES)
  padded.set(message)
  padded[message.length] = 0x80
  padded.writeBigUInt64LE(BigInt(message.length) * 8n, padded.length - LENGTH_BYTES)
  return padded
}

function mixIn(state: Uint32Array, block: Buffer): void {
  let [a = 0, b = 0, c = 0, d = 0] = state
  ROUNDS.forEach(({ constant, order, shifts }, round) => {
    const mix = MIXES[round] as Mix
    order.forEach((word, step) => {
      const sum = (a + mix(b, c, d) + block.readUInt32LE(word * 4) + constant) >>> 0
      const shift = shifts[step % 4] as number
      ;[a, b, c, d] = [d, (sum << shift) | (sum >>> (32 - shift)), b, c]
    })
  })
  // Each is taken modulo 2^32 by the array.
  for (const [at, word] of [a, b, c, d].entries()) state[at] = (state[at] ?? 0) + word
}
