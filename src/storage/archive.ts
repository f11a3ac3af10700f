import { createHash } from 'node:crypto'
import { StorageError } from './fault.ts'
import type { WrappedKeys } from './key-wrapping.ts'

/**
 * A portable archive: gzip of JSON lines. First the header, then for each table a line that names it
 * with its columns and a line for each row, all values as PostgreSQL's text or null; last the end
 * with the digest of every line before it. Tables come after those they refer to.
 */
export const ARCHIVE_FORMAT = 1
/** A row is a person or a staged object, some kilobytes; anything near this is no archive of ours. */
const MAX_LINE_CHARACTERS = 32 * 1024 * 1024

export interface ArchiveHeader {
  readonly archive: 'gatehouse'
  readonly format: number
  readonly schemaVersion: number
  readonly createdAt: string
  readonly engine: string
  readonly epoch: string
  readonly usn: number
  /** Ids of the keys its sealed values need; the keys themselves only under a passphrase. */
  readonly keyIds: readonly string[]
  readonly wrappedKeys: WrappedKeys | null
}

export interface ArchiveTable {
  readonly table: string
  readonly columns: readonly string[]
}

export type ArchiveRow = readonly (string | null)[]

export interface ArchiveEnd {
  readonly end: true
  readonly rows: number
  readonly sequences: Readonly<Record<string, number>>
  readonly sha256: string
}

export type ArchiveLine = ArchiveHeader | ArchiveTable | ArchiveRow | ArchiveEnd

/** Writes lines and keeps their digest. */
export class ArchiveEncoder {
  readonly #hash = createHash('sha256')

  encode(line: ArchiveHeader | ArchiveTable | ArchiveRow): string {
    const text = `${JSON.stringify(line)}\n`
    this.#hash.update(text)
    return text
  }

  encodeEnd(end: Omit<ArchiveEnd, 'end' | 'sha256'>): string {
    const sha256 = this.#hash.digest('hex')
    return `${JSON.stringify({ end: true, ...end, sha256 } satisfies ArchiveEnd)}\n`
  }
}

/**
 * Reads lines, and checks the digest at the end.
 *
 * @throws {StorageError} `STORAGE_ARCHIVE` for anything that is not a whole, unchanged archive
 */
export async function* decodeArchive(text: AsyncIterable<string>): AsyncGenerator<ArchiveLine> {
  const hash = createHash('sha256')
  let hasEnded = false
  for await (const line of splitLines(text)) {
    if (hasEnded) throw damaged('something follows its end')
    const value = parseLine(line)
    if (isEnd(value)) {
      if (value.sha256 !== hash.digest('hex')) throw damaged('its digest does not fit')
      hasEnded = true
    } else hash.update(`${line}\n`)
    yield value
  }
  if (!hasEnded) throw damaged('it is cut short')
}

export function isHeader(line: ArchiveLine): line is ArchiveHeader {
  return 'archive' in line && line.archive === 'gatehouse'
}

export function isTable(line: ArchiveLine): line is ArchiveTable {
  return 'table' in line && Array.isArray(line.columns)
}

export function isEnd(line: ArchiveLine): line is ArchiveEnd {
  return 'end' in line && line.end
}

export function isRow(line: ArchiveLine): line is ArchiveRow {
  return Array.isArray(line)
}

export function damaged(why: string): StorageError {
  return new StorageError(
    'STORAGE_ARCHIVE',
    `this is not a whole backup: ${why}. Take another copy, or the backup before it`,
  )
}

async function* splitLines(text: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of text) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > MAX_LINE_CHARACTERS) throw damaged('a line is too long')
    yield* lines
  }
  if (rest !== '') throw damaged('its last line is cut short')
}

function parseLine(line: string): ArchiveLine {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null) return value as ArchiveLine
  } catch {
    // Told below, in words.
  }
  throw damaged('a line cannot be read')
}
