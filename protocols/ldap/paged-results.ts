import { BerReader, Tag } from './ber/reader.ts'
import { BerWriter } from './ber/writer.ts'
import type { Control } from './control.ts'
import { LdapError } from './errors.ts'
import { Oid } from './oids.ts'

/** The value of the paged results control (RFC 2696 §2). */
export interface PagedResults {
  /** Entries wanted in a request; in a response an estimate of all, or 0 for none. */
  readonly size: number
  /** Empty: the first page in a request, the last in a response. */
  readonly cookie: Buffer
}

/** @throws {LdapError} `LDAP_PROTOCOL` when the value is absent, damaged or negative */
export function decodePagedResults(control: Control): PagedResults {
  if (control.value === null) throw new LdapError('LDAP_PROTOCOL', 'paged results without a value')
  try {
    const reader = new BerReader(control.value)
    const outer = reader.enter(Tag.sequence)
    const size = reader.integer()
    const cookie = reader.octets()
    reader.leave(outer)
    if (size >= 0 && reader.isAtEnd) return { size, cookie }
  } catch (error) {
    if (!(error instanceof LdapError)) throw error
  }
  // The message around it is sound, so only this operation fails.
  throw new LdapError('LDAP_PROTOCOL', 'malformed paged results value')
}

export function encodePagedResults(paged: PagedResults): Control {
  const writer = new BerWriter(16 + paged.cookie.length)
  const start = writer.open(Tag.sequence)
  writer.integer(paged.size).octets(paged.cookie).close(start)
  return { type: Oid.pagedResults, isCritical: false, value: writer.view() }
}
