import type { Readable } from 'node:stream'
import { readBody } from '../read-body.ts'

/** More than a long password written in percent-encoding, and a few names beside it. */
const MAX_FORM_BYTES = 16 * 1024
const MAX_FIELDS = 20
const AMPERSAND = 0x26
const EQUALS = 0x3d
const PERCENT = 0x25
const PLUS = 0x2b
const SPACE = 0x20

/** Fields by name, as bytes: what may be a password never becomes a string. */
export class Form {
  readonly #fields: ReadonlyMap<string, Buffer>

  constructor(fields: ReadonlyMap<string, Buffer>) {
    this.#fields = fields
  }

  /** Empty where there is no such field. */
  bytes(name: string): Buffer {
    return this.#fields.get(name) ?? Buffer.alloc(0)
  }

  text(name: string): string {
    return this.bytes(name).toString('utf8')
  }

  wipe(): void {
    for (const value of this.#fields.values()) value.fill(0)
  }
}

/**
 * Reads a form (application/x-www-form-urlencoded) and wipes what it came in.
 *
 * @returns null when it is too long, has too many fields, or is cut off in an escape
 */
export async function readForm(body: Readable): Promise<Form | null> {
  const whole = await readBody(body, MAX_FORM_BYTES)
  if (whole === null) return null
  try {
    return parseForm(whole)
  } finally {
    whole.fill(0)
  }
}

/** @param body stays the caller's; each field has bytes of its own */
export function parseForm(body: Buffer): Form | null {
  const fields = new Map<string, Buffer>()
  for (let start = 0; start < body.length; ) {
    const found = body.indexOf(AMPERSAND, start)
    const end = found === -1 ? body.length : found
    const pair = body.subarray(start, end)
    const equals = pair.indexOf(EQUALS)
    const name = decode(equals === -1 ? pair : pair.subarray(0, equals))
    const value = decode(equals === -1 ? pair.subarray(pair.length) : pair.subarray(equals + 1))
    if (name === null || value === null || fields.size === MAX_FIELDS) return null
    // Of a name given twice the first counts, as everywhere here.
    if (!fields.has(name.toString('utf8'))) fields.set(name.toString('utf8'), value)
    start = end + 1
  }
  return new Form(fields)
}

function decode(encoded: Buffer): Buffer | null {
  const decoded = Buffer.alloc(encoded.length)
  let length = 0
  for (let at = 0; at < encoded.length; at += 1) {
    const byte = encoded[at] ?? 0
    if (byte === PERCENT) {
      const high = hexDigit(encoded[at + 1])
      const low = hexDigit(encoded[at + 2])
      if (high === null || low === null) return null
      decoded[length++] = high * 16 + low
      at += 2
    } else decoded[length++] = byte === PLUS ? SPACE : byte
  }
  return decoded.subarray(0, length)
}

function hexDigit(byte: number | undefined): number | null {
  if (byte === undefined) return null
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : null
}
