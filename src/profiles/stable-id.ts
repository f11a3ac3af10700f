import { createHash } from 'node:crypto'

/** Of all identifiers made here; drawn once at random. */
const NAMESPACE = Buffer.from('6f0b1ae55f0a4d0f9c5f0a3b3f1d7c21', 'hex')

/** A UUID that is the same whenever it is made of the same words (RFC 9562 §5.5). */
export function stableUuid(...words: readonly string[]): string {
  const digest = createHash('sha1').update(NAMESPACE).update(JSON.stringify(words)).digest()
  const bytes = digest.subarray(0, 16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5').toUpperCase()
}
