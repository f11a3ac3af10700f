import { createHash } from 'node:crypto'

/** JSON text with sorted keys: jsonb keeps no order, and the digest must be found again. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`)
  return `{${members.join(',')}}`
}

/** What the chain keeps of a detail when its body has been erased: salted, so that it cannot be guessed back. */
export function digestDetail(salt: Buffer, body: unknown): Buffer {
  return createHash('sha256').update(salt).update(canonicalJson(body), 'utf8').digest()
}
