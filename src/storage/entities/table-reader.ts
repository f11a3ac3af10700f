import { sql } from 'kysely'
import { lastJournalRow } from './principal-columns.ts'
import {
  type EntityReader,
  type Found,
  type LastChange,
  lastChange,
  readVersions,
} from './reader.ts'

/** What a long table of its own has besides what the kind is about. */
export interface OwnRow {
  readonly id: string
  readonly version: number
  readonly created_at: Date
}

/** Reads a kind that is one long table, whose rows are looked up one by one by their id. */
export function makeTableReader<Row extends OwnRow>(
  kind: EntityReader['kind'],
  table: string,
  toValue: (row: Row) => Found['value'],
): EntityReader {
  return {
    kind,
    versions(db) {
      return readVersions(db, sql`select id, version from ${sql.table(table)}`)
    },
    async read(db, ids) {
      const { rows } = await sql<Row & LastChange>`
        select r.*, j.usn, j.stamped_at
        from unnest(${ids}::uuid[]) as asked (id)
        join ${sql.table(table)} r on r.id = asked.id ${lastJournalRow('r.id')}`.execute(db)
      return rows.map((row) => ({
        id: row.id,
        value: toValue(row),
        ...lastChange(row, row.created_at),
      }))
    },
  }
}
