import { isUtf8 } from 'node:buffer'
import { BerReader } from '../ber/reader.ts'
import { LdapError } from '../errors.ts'
import { MAX_DN_BYTES, MAX_RDNS } from '../limits.ts'
import type { AttributeTypeAndValue, Dn, Rdn } from './dn.ts'

const TYPE = /^(?:[A-Za-z][A-Za-z0-9-]*|(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))+)$/
const HEX = /^(?:[0-9A-Fa-f]{2})+$/
const SPECIAL = new Set(' "#+,;<=>\\')
/** These can't stand in a value without a backslash. */
const NEEDS_ESCAPE = new Set('";<>\0')
/** UTF8String, PrintableString, IA5String, OCTET STRING */
const STRING_TAGS = [0x0c, 0x13, 0x16, 0x04]

/**
 * Parses the string form of a DN (RFC 4514 §3). Spaces around `,`, `+` and `=` are tolerated, as
 * RFC 2253 §4 had them.
 *
 * @throws {LdapError} `LDAP_BAD_DN`
 */
export function parseDn(text: string): Dn {
  if (text.length > MAX_DN_BYTES) throw bad('DN too long')
  const parser = new DnParser(text)
  return parser.parse()
}

class DnParser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  parse(): Dn {
    if (this.#text.trim() === '') return []
    const dn: Rdn[] = []
    do {
      if (dn.length === MAX_RDNS) throw bad('too many RDNs')
      dn.push(this.#rdn())
    } while (this.#take(','))
    if (this.#at < this.#text.length) throw bad('unexpected character')
    return dn
  }

  #rdn(): Rdn {
    const rdn: AttributeTypeAndValue[] = []
    do {
      if (rdn.length === MAX_RDNS) throw bad('too many values in an RDN')
      rdn.push(this.#attribute())
    } while (this.#take('+'))
    return rdn
  }

  #attribute(): AttributeTypeAndValue {
    const equals = this.#text.indexOf('=', this.#at)
    if (equals < 0) throw bad('no attribute value')
    const type = this.#text.slice(this.#at, equals).trim()
    if (!TYPE.test(type)) throw bad('no attribute type')
    this.#at = equals + 1
    while (this.#text[this.#at] === ' ') this.#at++
    return { type, value: this.#text[this.#at] === '#' ? this.#hexValue() : this.#stringValue() }
  }

  #hexValue(): string | Buffer {
    const end = this.#endOfPlain(this.#at)
    const digits = this.#text.slice(this.#at + 1, end).trimEnd()
    if (!HEX.test(digits)) throw bad('no hex value')
    this.#at = end
    return valueOfBer(Buffer.from(digits, 'hex'))
  }

  #stringValue(): string {
    const start = this.#at
    const end = this.#endOfPlain(start)
    if (this.#text[end] !== '\\') {
      this.#at = end
      return this.#text.slice(start, end).trimEnd()
    }
    return this.#escapedValue()
  }

  /** Escaped bytes may be parts of one character, so the value is put together as bytes. */
  #escapedValue(): string {
    const parts: Buffer[] = []
    for (;;) {
      const end = this.#endOfPlain(this.#at)
      const isLast = this.#text[end] !== '\\'
      const plain = this.#text.slice(this.#at, end)
      parts.push(Buffer.from(isLast ? plain.trimEnd() : plain))
      this.#at = end
      if (isLast) break
      parts.push(this.#escape())
    }
    const bytes = Buffer.concat(parts)
    if (!isUtf8(bytes)) throw bad('a value is not UTF-8')
    return bytes.toString()
  }

  #escape(): Buffer {
    const next = this.#text[this.#at + 1] ?? ''
    if (SPECIAL.has(next)) {
      this.#at += 2
      return Buffer.from(next)
    }
    const pair = this.#text.slice(this.#at + 1, this.#at + 3)
    if (!HEX.test(pair)) throw bad('bad escape')
    this.#at += 3
    return Buffer.from(pair, 'hex')
  }

  /** The next `,`, `+` or backslash, or the end. */
  #endOfPlain(from: number): number {
    let at = from
    for (; at < this.#text.length; at++) {
      const character = this.#text[at] as string
      if (character === ',' || character === '+' || character === '\\') break
      if (NEEDS_ESCAPE.has(character)) throw bad('character needs a backslash')
    }
    return at
  }

  #take(separator: string): boolean {
    if (this.#text[this.#at] !== separator) return false
    this.#at++
    return true
  }
}

function valueOfBer(bytes: Buffer): string | Buffer {
  const tag = bytes[0] ?? 0
  if (!STRING_TAGS.includes(tag)) return bytes
  try {
    const reader = new BerReader(bytes)
    const text = reader.text(tag)
    if (reader.isAtEnd) return text
  } catch (error) {
    if (!(error instanceof LdapError)) throw error
  }
  throw bad('damaged hex value')
}

function bad(reason: string): LdapError {
  return new LdapError('LDAP_BAD_DN', reason)
}
