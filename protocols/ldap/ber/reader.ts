import { isUtf8 } from 'node:buffer'
import { LdapError } from '../errors.ts'
import { MAX_BER_DEPTH, MAX_BER_ELEMENTS, MAX_TEXT_BYTES } from '../limits.ts'
import { Recurring } from './recurring.ts'

/** Universal tags of X.690, and the bits other tags are made of. */
export const Tag = {
  boolean: 0x01,
  integer: 0x02,
  octetString: 0x04,
  enumerated: 0x0a,
  sequence: 0x30,
  set: 0x31,
  /** Context-specific, primitive: the number is added. */
  context: 0x80,
  /** Context-specific, constructed. */
  contextConstructed: 0xa0,
  /** Application, primitive. */
  application: 0x40,
  /** Application, constructed. */
  applicationConstructed: 0x60,
} as const

const MULTI_BYTE_TAG = 0x1f
const INDEFINITE = 0x80
const MAX_LENGTH_OCTETS = 4

const names = new Recurring<string>()

/**
 * Reads definite-length BER (RFC 4511 §5.1) without copying and never past the innermost element
 * entered.
 *
 * `enter` narrows the reader to an element's contents and gives back the end it had before;
 * `leave` restores it and skips what was not read, which RFC 4511 §4 asks for (unknown trailing
 * components are ignored), but only if it is well-formed.
 *
 * @throws {LdapError} `LDAP_MALFORMED` from every method; `LDAP_LIMIT` when a message has too many
 *   elements
 */
export class BerReader {
  readonly #bytes: Buffer
  #at: number
  #end: number
  #depth = 0
  #elements = 0

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#end
  }

  /** The next tag without taking it, or -1 at the end of the element. */
  peekTag(): number {
    return this.#at < this.#end ? (this.#bytes[this.#at] as number) : -1
  }

  /** Enters the constructed element `tag`; pass the result to {@link leave}. */
  enter(tag: number): number {
    const length = this.#header(tag)
    if (++this.#depth > MAX_BER_DEPTH) throw new LdapError('LDAP_MALFORMED', 'BER nested too deep')
    const outer = this.#end
    this.#end = this.#at + length
    return outer
  }

  leave(outer: number): void {
    while (this.#at < this.#end) this.skip()
    this.#end = outer
    this.#depth--
  }

  /** Steps over one element of any tag. */
  skip(): void {
    const length = this.#header(this.peekTag())
    this.#at += length
  }

  boolean(tag: number = Tag.boolean): boolean {
    if (this.#header(tag) !== 1) throw new LdapError('LDAP_MALFORMED', 'BOOLEAN of another length')
    return this.#bytes[this.#at++] !== 0
  }

  /** A signed integer of at most 4 bytes, which is all LDAP has (maxInt, RFC 4511 §4.1.1). */
  integer(tag: number = Tag.integer): number {
    const length = this.#header(tag)
    if (length < 1 || length > 4)
      throw new LdapError('LDAP_MALFORMED', `INTEGER of ${length} bytes`)
    let value = ((this.#bytes[this.#at++] as number) << 24) >> 24
    for (let left = length - 1; left > 0; left--) {
      value = (value << 8) | (this.#bytes[this.#at++] as number)
    }
    return value
  }

  enumerated(): number {
    return this.integer(Tag.enumerated)
  }

  /** A view of an OCTET STRING's contents. */
  octets(tag: number = Tag.octetString): Buffer {
    const length = this.#header(tag)
    const start = this.#at
    this.#at = start + length
    return this.#bytes.subarray(start, this.#at)
  }

  /**
   * An LDAPString (RFC 4511 §4.1.2).
   *
   * @throws {LdapError} `LDAP_PROTOCOL` when it isn't UTF-8, `LDAP_LIMIT` when it is too long: the
   *   structure is sound all the same
   */
  text(tag: number = Tag.octetString): string {
    return this.#text(this.#header(tag))
  }

  /**
   * As {@link text}, for names from a small stock such as attribute types and search bases: a name
   * seen before is neither read nor hashed again.
   */
  name(tag: number = Tag.octetString): string {
    const length = this.#header(tag)
    const start = this.#at
    const end = start + length
    const known = names.find(this.#bytes, start, end)
    if (known === undefined) return names.keep(this.#bytes, { start, end }, this.#text(length))
    this.#at = end
    return known
  }

  /**
   * Reads the element `tag` as `read` does, which gets the reader inside it; contents that were seen
   * before give what was read then.
   */
  recurring<T>(tag: number, seen: Recurring<T>, read: (reader: BerReader) => T): T {
    const outer = this.enter(tag)
    const start = this.#at
    const end = this.#end
    const known = seen.find(this.#bytes, start, end)
    if (known !== undefined) this.#at = end
    const value = known ?? seen.keep(this.#bytes, { start, end }, read(this))
    this.leave(outer)
    return value
  }

  #text(length: number): string {
    const start = this.#at
    const end = start + length
    this.#at = end
    if (length > MAX_TEXT_BYTES) throw new LdapError('LDAP_LIMIT', 'a string is too long')
    for (let at = start; at < end; at++) {
      if ((this.#bytes[at] as number) > 0x7f) return this.#utf8(start, end)
    }
    return this.#bytes.toString('latin1', start, end)
  }

  #utf8(start: number, end: number): string {
    if (!isUtf8(this.#bytes.subarray(start, end))) {
      throw new LdapError('LDAP_PROTOCOL', 'a string is not UTF-8')
    }
    return this.#bytes.toString('utf8', start, end)
  }

  #header(tag: number): number {
    const bytes = this.#bytes
    const end = this.#end
    let at = this.#at
    if (++this.#elements > MAX_BER_ELEMENTS) throw new LdapError('LDAP_LIMIT', 'too many elements')
    if (end - at < 2) throw new LdapError('LDAP_MALFORMED', 'an element is missing or cut off')
    const found = bytes[at++] as number
    if (found !== tag) {
      throw new LdapError('LDAP_MALFORMED', `tag ${found} where ${tag} is due`)
    }
    if ((found & MULTI_BYTE_TAG) === MULTI_BYTE_TAG) {
      throw new LdapError('LDAP_MALFORMED', 'tag of several bytes')
    }
    let length = bytes[at++] as number
    if (length >= INDEFINITE) {
      const octets = length - INDEFINITE
      length = readLength(bytes, { at, octets, end })
      at += octets
    }
    if (length > end - at)
      throw new LdapError('LDAP_MALFORMED', 'an element passes its parent’s end')
    this.#at = at
    return length
  }
}

/** The long form of a length (X.690 §8.1.3.5); 0 octets would be the indefinite form. */
function readLength(bytes: Buffer, field: { at: number; octets: number; end: number }): number {
  const { at, octets, end } = field
  if (octets === 0 || octets > MAX_LENGTH_OCTETS || octets > end - at) {
    throw new LdapError('LDAP_MALFORMED', 'indefinite, overlong or cut-off length')
  }
  return bytes.readUIntBE(at, octets)
}
