import { isUtf8 } from 'node:buffer'
import { isAllowedInContext } from './precis-context.ts'

/** Far beyond what anybody types, and what a RADIUS User-Password (128 bytes) can carry. */
export const MAX_PASSWORD_BYTES = 1_024

/** Every Unicode space becomes U+0020 (RFC 8265 §4.2.2, additional mapping rule). */
const spaces = /\p{Zs}/gu

/**
 * Code points of the FreeformClass that need no context (RFC 8264 §4.3, §8): letters, marks,
 * digits, symbols, punctuation and spaces …
 */
const freeform = /^[\p{L}\p{M}\p{N}\p{S}\p{P}\p{Zs}]$/u
/** … unless ignorable by default or an old Hangul jamo (§9.9, §9.13) or named an exception (§9.6). */
const disallowed =
  /[\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u{1100}-\u{11ff}\u{a960}-\u{a97c}\u{d7b0}-\u{d7c6}\u{d7cb}-\u{d7fb}\u{640}\u{7fa}\u{302e}\u{302f}\u{3031}-\u{3035}\u{303b}]/u
const needsContext =
  /\u{200c}|\u{200d}|[\u{b7}\u{375}\u{5f3}\u{5f4}\u{30fb}\u{660}-\u{669}\u{6f0}-\u{6f9}]/u

/**
 * Prepares a password for hashing and comparing, so that it is the same bytes from every keyboard
 * and client: the PRECIS profile OpaqueString (RFC 8265 §4.2).
 *
 * @param password bytes as they came from the peer
 * @returns UTF-8 bytes, the same buffer when nothing had to change; null when it is empty, too long,
 *   not UTF-8, or holds a code point the profile forbids: such a password cannot be right
 */
export function prepareOpaqueString(password: Buffer): Buffer | null {
  if (password.length === 0 || password.length > MAX_PASSWORD_BYTES) return null
  if (isPrintableAscii(password)) return password
  if (!isUtf8(password)) return null
  const text = password.toString('utf8').replace(spaces, ' ').normalize('NFC')
  return isFreeform(text) ? Buffer.from(text, 'utf8') : null
}

function isPrintableAscii(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0
    if (byte < 0x20 || byte > 0x7e) return false
  }
  return true
}

function isFreeform(text: string): boolean {
  const points = Array.from(text)
  return points.every((point, at) => {
    if (needsContext.test(point)) return isAllowedInContext(points, at)
    return freeform.test(point) && !disallowed.test(point)
  })
}
