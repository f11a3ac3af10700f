import type { Readable } from 'node:stream'

/**
 * Reads a body that may hold a password, and wipes what it came in. It is read to its end in any
 * case: the connection goes on with the next request.
 *
 * @returns null when it is longer than `maxBytes`; the caller wipes the bytes
 */
export async function readBody(body: Readable, maxBytes: number): Promise<Buffer | null> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length <= maxBytes) chunks.push(chunk)
    else chunk.fill(0)
  }
  // Not of Node's pool, whose memory others get as it is.
  const whole = Buffer.alloc(length <= maxBytes ? length : 0)
  let at = 0
  for (const chunk of chunks) {
    at += chunk.copy(whole, at)
    chunk.fill(0)
  }
  return length <= maxBytes ? whole : null
}
