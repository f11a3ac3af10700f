import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Entity, FollowedKind } from '../../directory/change.ts'
import type { CertificateEntity } from '../../directory/client-certificate.ts'
import type { Credential } from '../../directory/credential.ts'
import type { Tables } from '../database.ts'

/** A row as it is now, with the last journal number that named it. */
export interface Found {
  readonly id: string
  readonly value: Entity | Credential | CertificateEntity
  readonly usn: number
  readonly atMs: number
}

/** How one kind is read. Rows may be newer than the journal number that made somebody ask. */
export interface EntityReader {
  readonly kind: FollowedKind
  /** Every row's id and version, tombstones included. */
  versions(db: Kysely<Tables>): Promise<ReadonlyMap<string, number>>
  /** Those of `ids` that there are, in no order. */
  read(db: Kysely<Tables>, ids: readonly string[]): Promise<readonly Found[]>
}

/** What every row of a reader ends with: the entity's last journal row, if it is still kept. */
export interface LastChange {
  readonly usn: number | null
  readonly stamped_at: Date | null
}

/** For rows whose journal rows were purged; `fallback` is when the row says it was changed. */
export function lastChange(row: LastChange, fallback: Date): { usn: number; atMs: number } {
  return { usn: row.usn ?? 0, atMs: (row.stamped_at ?? fallback).getTime() }
}

/** Enough to be few statements for 100,000 people, and few enough not to hold the event loop. */
const VERSION_ROWS = 10_000
const LOWEST_ID = '00000000-0000-0000-0000-000000000000'

/**
 * Ids and versions of a long table, page by page.
 *
 * @param rows a relation with the columns `id` and `version`, and an index on `id`
 */
export async function readVersions(
  db: Kysely<Tables>,
  rows: RawBuilder<unknown>,
): Promise<ReadonlyMap<string, number>> {
  const versions = new Map<string, number>()
  for (let after = LOWEST_ID; ; ) {
    const page = await sql<{ id: string; version: number }>`
      select id, version from (${rows}) r where id > ${after}::uuid
      order by id limit ${sql.lit(VERSION_ROWS)}`.execute(db)
    for (const { id, version } of page.rows) versions.set(id, version)
    const last = page.rows.at(-1)
    if (last === undefined || page.rows.length < VERSION_ROWS) return versions
    after = last.id
  }
}
