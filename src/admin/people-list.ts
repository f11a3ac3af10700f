import { CsvError, parse } from 'csv-parse/sync'
import { ApiError } from './error.ts'

/** A row as it came; `line` is where, for whoever has to mend it. */
export interface ListedRow {
  readonly line: number
  readonly person: string
  readonly action: string
  readonly start: string
  readonly leave: string
  readonly reason: string
}

export const MAX_ROWS = 5_000
export const MAX_CSV_BYTES = 2 * 1024 * 1024
const MAX_RECORD_CHARACTERS = 4_096
const COLUMNS = ['person', 'action', 'start', 'leave', 'reason'] as const
/** What else a sheet may call the column of whom. */
const ALIASES: Readonly<Record<string, string>> = {
  username: 'person',
  mail: 'person',
  id: 'person',
  userprincipalname: 'person',
}

/**
 * Rows of a sheet: RFC 4180, with commas, semicolons or tabs, in UTF-8.
 *
 * @throws {ApiError} 400 `bad-csv`, with the line and how to mend it
 */
export function readPeopleCsv(bytes: Buffer): readonly ListedRow[] {
  const text = decode(bytes)
  const [header, ...records] = readRecords(text)
  if (header === undefined) throw badCsv('it is empty: the first line names the columns')
  const columns = header.record.map((name) => columnOf(name))
  for (const needed of ['person', 'action'])
    if (!columns.includes(needed))
      throw badCsv(`line 1: there is no column "${needed}"; columns are ${COLUMNS.join(', ')}`)
  const twice = columns.find((name, at) => columns.indexOf(name) !== at)
  if (twice !== undefined) throw badCsv(`line 1: two columns are "${twice}"`)
  if (records.length > MAX_ROWS)
    throw badCsv(`it has ${records.length} rows: cut it into files of up to ${MAX_ROWS}`)
  return records.map(({ record, info }) => {
    if (record.length !== columns.length) {
      const why = `it has ${record.length} fields, and the first line ${columns.length}; put a field with a comma into quotes`
      throw badCsv(`line ${info.lines}: ${why}`)
    }
    const cell = (name: string) => record[columns.indexOf(name)] ?? ''
    return {
      line: info.lines,
      person: cell('person'),
      action: cell('action').toLowerCase(),
      start: cell('start'),
      leave: cell('leave'),
      reason: cell('reason'),
    }
  })
}

interface Parsed {
  readonly record: readonly string[]
  readonly info: { readonly lines: number }
}

function readRecords(text: string): readonly Parsed[] {
  try {
    return parse(text, {
      delimiter: delimiterOf(text),
      info: true,
      trim: true,
      skip_empty_lines: true,
      relax_column_count: true,
      max_record_size: MAX_RECORD_CHARACTERS,
      // One more than is taken, so that a longer one is seen to be so.
      to: MAX_ROWS + 2,
    }) as unknown as readonly Parsed[]
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    throw badCsv(`${error.message}; a quote within a field is written twice`)
  }
}

/** A sheet of a country whose decimals have commas has semicolons. */
function delimiterOf(text: string): string {
  const [first = ''] = text.split(/\r?\n/, 1)
  return [',', ';', '\t'].find((delimiter) => first.includes(delimiter)) ?? ','
}

function columnOf(name: string): string {
  const folded = name.toLowerCase().replaceAll(/[ _-]/g, '')
  const column = ALIASES[folded] ?? folded
  if ((COLUMNS as readonly string[]).includes(column)) return column
  throw badCsv(`line 1: "${name}" is no column; columns are ${COLUMNS.join(', ')}`)
}

function decode(bytes: Buffer): string {
  const isUtf16 = bytes.length > 1 && [0xfffe, 0xfeff].includes(bytes.readUInt16BE(0))
  if (isUtf16) throw badCsv('it is UTF-16: save it as "CSV UTF-8"')
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    if (!text.includes('\0')) return text
  } catch {
    // As said below.
  }
  throw badCsv('it is not UTF-8: save it as "CSV UTF-8"')
}

function badCsv(why: string): ApiError {
  return new ApiError(400, 'bad-csv', why)
}
