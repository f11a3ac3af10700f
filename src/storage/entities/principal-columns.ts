import { sql } from 'kysely'
import type { Hold, HoldReason } from '../../directory/hold.ts'

/** Holds of principal `pr` as JSON, in a stable order. */
export const HOLDS_OF_PRINCIPAL = sql`
  (select coalesce(json_agg(json_build_object(
            'reason', h.reason, 'since', floor(extract(epoch from h.since) * 1000), 'note', h.note)
          order by h.reason), '[]')
   from hold h where h.principal_id = pr.id)`

/** Journal rows `j` of changes. Kinds with a dot are decisions: what is shown stays as it was. */
export const IS_CHANGE = sql`position('.' in j.kind) = 0`

/** The last change of the entity of `key` in the journal, as columns `usn` and `stamped_at` of `j`. */
export function lastJournalRow(key: string) {
  return sql`
    left join lateral (
      select j.usn, j.at as stamped_at from journal j
      where j.entity = ${sql.ref(key)} and ${IS_CHANGE} order by j.usn desc limit 1) j on true`
}

export interface HoldJson {
  readonly reason: string
  readonly since: number
  readonly note: string | null
}

export function toHolds(rows: readonly HoldJson[]): readonly Hold[] {
  return rows.map(({ reason, since, note }) => ({
    reason: reason as HoldReason,
    sinceMs: since,
    note,
  }))
}
