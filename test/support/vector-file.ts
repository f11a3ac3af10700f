import { readFileSync } from 'node:fs'

/** One case of a vector file: bytes to decode, and what must come of them. */
export interface Vector {
  readonly name: string
  readonly decode: Buffer
  /** Code of the error; null when it decodes. */
  readonly error: string | null
  /** JSON of the value; null for an error. */
  readonly value: unknown
  /** What encoding the value gives; null for an error. */
  readonly encode: Buffer | null
}

/** Reads `test/vectors/<path>`, each block a case to decode and encode. */
export function readVectors(path: string): Vector[] {
  return readBlocks(path).map(parseBlock)
}

/** Reads `test/vectors/<path>`: blocks of `key value` lines parted by blank lines, `#` for comments. */
export function readBlocks(path: string): ReadonlyMap<string, string>[] {
  const text = readFileSync(new URL(`../vectors/${path}`, import.meta.url), 'utf8')
  return text
    .split(/\n\s*\n/)
    .map((block) => block.split('\n').filter((line) => line !== '' && !line.startsWith('#')))
    .filter((lines) => lines.length > 0)
    .map((lines) => new Map(lines.map(parseLine)))
}

function parseLine(line: string): [string, string] {
  const [key = ''] = line.split(/\s/, 1)
  return [key, line.slice(key.length).trim()]
}

function parseBlock(fields: ReadonlyMap<string, string>): Vector {
  const decode = parseHex(fields.get('decode') ?? '')
  const encode = fields.get('encode')
  return {
    name: fields.get('name') ?? '',
    decode,
    error: fields.get('error') ?? null,
    value: JSON.parse(fields.get('value') ?? 'null'),
    encode: encode === undefined ? null : encode === 'same' ? decode : parseHex(encode),
  }
}

export function parseHex(text: string): Buffer {
  return Buffer.from(text.replace(/\s/g, ''), 'hex')
}
