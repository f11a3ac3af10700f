import { hkdfSync } from 'node:crypto'
import { KEY_BYTES, type Keys } from './sealing.ts'

/**
 * Keys for one purpose alone, the same on every daemon (RFC 5869): the first to make with, all of them
 * to check with, so that what was made before the master key was changed is still known.
 */
export function deriveKeys({ current, earlier }: Keys, purpose: string): readonly Buffer[] {
  return [current, ...earlier].map(({ secret }) =>
    Buffer.from(hkdfSync('sha256', secret, '', `gatehouse ${purpose}`, KEY_BYTES)),
  )
}
