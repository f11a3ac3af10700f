import { createHash } from 'node:crypto'
import type { ClientAuthorityId, CredentialId } from '../../directory/id.ts'

const SERIAL_DIGITS = 16
/** As UUIDs of one's own making have it (RFC 9562 §5.8); those we draw at random say 4. */
const VERSION = '8'
const VERSION_AT = 14

/**
 * By what a session names a certificate that stands nowhere in our records: its authority, and the end
 * of its serial number, in the form of our ids. Two certificates of one authority whose numbers end in
 * the same 64 bits would be taken for each other; authorities count, or draw at least as many.
 *
 * @param serial as `plainSerial` gives it
 */
export function foreignCredentialId(authority: ClientAuthorityId, serial: string): CredentialId {
  const tag = tagOf(authority)
  const end = endOf(serial)
  return `${tag}-${end.slice(0, 4)}-${end.slice(4)}` as CredentialId
}

/** Whether an id is such a name. */
export function isForeignId(id: CredentialId): boolean {
  return id[VERSION_AT] === VERSION
}

/** Tells which such names a list of revoked serial numbers stands for. */
export class RevokedNames {
  readonly #tag: string
  readonly #ends: ReadonlySet<string>

  constructor(authority: ClientAuthorityId, revoked: Iterable<string>) {
    this.#tag = tagOf(authority)
    this.#ends = new Set(Array.from(revoked, endOf))
  }

  has(id: CredentialId): boolean {
    if (!id.startsWith(this.#tag)) return false
    return this.#ends.has(id.slice(this.#tag.length).replaceAll('-', ''))
  }
}

function tagOf(authority: ClientAuthorityId): string {
  const hex = createHash('sha256').update(authority).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${VERSION}${hex.slice(12, 15)}`
}

function endOf(serial: string): string {
  return serial.slice(-SERIAL_DIGITS).padStart(SERIAL_DIGITS, '0')
}
