/**
 * DER (X.690 §10) as much of it as CRLs, OCSP and PKCS#12 need. Reading is for bytes from strangers:
 * definite lengths only, nothing beyond the buffer, and no recursion, so depth is the caller's.
 */

export const Tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const

/** Bytes that are no DER, or not of the shape that was asked for. */
export class DerError extends Error {
  override readonly name = 'DerError'
}

export interface DerValue {
  readonly tag: number
  readonly content: Buffer
  /** Tag and length included. */
  readonly whole: Buffer
}

/** Takes values off a buffer, one after the other. */
export class DerReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  /** The tag of what comes next; -1 at the end. */
  get nextTag(): number {
    return this.#bytes[this.#at] ?? -1
  }

  /** @throws {DerError} */
  read(tag?: number): DerValue {
    const start = this.#at
    const found = this.#octet()
    if (tag !== undefined && found !== tag)
      throw new DerError(`expected tag ${tag.toString(16)}, found ${found.toString(16)}`)
    if ((found & 0x1f) === 0x1f) throw new DerError('a tag of several octets')
    const length = this.#length()
    const from = this.#at
    if (length > this.#bytes.length - from) throw new DerError('a length beyond the end')
    this.#at = from + length
    return {
      tag: found,
      content: this.#bytes.subarray(from, this.#at),
      whole: this.#bytes.subarray(start, this.#at),
    }
  }

  /** The content of what comes next, to be read in its turn. */
  enter(tag: number = Tag.sequence): DerReader {
    return new DerReader(this.read(tag).content)
  }

  /** What comes next if it has this tag; null otherwise. */
  readIf(tag: number): DerValue | null {
    return this.nextTag === tag ? this.read(tag) : null
  }

  #octet(): number {
    const octet = this.#bytes[this.#at]
    if (octet === undefined) throw new DerError('it ends too early')
    this.#at += 1
    return octet
  }

  #length(): number {
    const first = this.#octet()
    if (first < 0x80) return first
    const octets = first & 0x7f
    if (octets === 0 || octets > 4) throw new DerError('a length that cannot be')
    let length = 0
    for (let count = 0; count < octets; count++) length = length * 256 + this.#octet()
    return length
  }
}

export function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents)
  return Buffer.concat([Buffer.of(tag), lengthOf(content.length), content])
}

export function sequence(...items: readonly Buffer[]): Buffer {
  return der(Tag.sequence, ...items)
}

/** EXPLICIT context tag. */
export function explicit(number: number, ...contents: readonly Buffer[]): Buffer {
  return der(0xa0 | number, ...contents)
}

/** INTEGER of an unsigned big-endian number. */
export function unsigned(bytes: Buffer): Buffer {
  let from = 0
  while (from < bytes.length - 1 && bytes[from] === 0) from += 1
  const digits = bytes.subarray(from)
  const isHigh = ((digits[0] ?? 0) & 0x80) !== 0
  return der(Tag.integer, ...(isHigh ? [Buffer.of(0)] : []), digits)
}

export function integer(value: number): Buffer {
  const hex = value.toString(16)
  return unsigned(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex'))
}

export function octets(bytes: Buffer): Buffer {
  return der(Tag.octetString, bytes)
}

/** Without unused bits. */
export function bits(bytes: Buffer): Buffer {
  return der(Tag.bitString, Buffer.of(0), bytes)
}

/** @param text in dotted decimal */
export function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  const encoded = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      groups.unshift((left & 0x7f) | 0x80)
    return groups
  })
  return der(Tag.oid, Buffer.from(encoded))
}

export const nothing = der(Tag.null)

/** UTCTime until 2049, GeneralizedTime from then on (RFC 5280 §4.1.2.5). */
export function time(atMs: number): Buffer {
  const date = new Date(atMs)
  if (date.getUTCFullYear() >= 2050) return generalizedTime(atMs)
  return der(Tag.utcTime, Buffer.from(digitsOf(date).slice(2)))
}

export function generalizedTime(atMs: number): Buffer {
  return der(Tag.generalizedTime, Buffer.from(digitsOf(new Date(atMs))))
}

/** Milliseconds since 1970 of a UTCTime or GeneralizedTime in whole seconds. @throws {DerError} */
export function readTime({ tag, content }: DerValue): number {
  const text = content.toString('latin1')
  const year = tag === Tag.utcTime ? `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}` : ''
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(year + text)
  if (match === null) throw new DerError('a time that is none')
  const [, y, mo, d, h, mi, s] = match
  return Date.parse(`${y}-${mo}-${d}T${h}:${mi}:${s}Z`)
}

function digitsOf(date: Date): string {
  return `${date.toISOString().slice(0, 19).replaceAll(/[-T:]/g, '')}Z`
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length)
  const hex = length.toString(16)
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
  return Buffer.concat([Buffer.of(0x80 | bytes.length), bytes])
}
