import { type Kysely, sql } from 'kysely'
import type { FollowedKind, Position } from '../../directory/change.ts'
import type { Tables } from '../database.ts'
import { stamp } from '../journal.ts'

/** Rows read at once; also what one call of stamp() moves at most. */
export const PAGE_ROWS = 2_000

export interface JournalRow {
  readonly usn: number
  readonly at: Date
  readonly kind: string
  readonly entity: string
  readonly group_no: number | null
  readonly member_no: number | null
}

/** Numbers everything that is committed, and gives where the journal then ends. */
export async function stampAll(db: Kysely<Tables>): Promise<Position> {
  while ((await stamp(db)) >= PAGE_ROWS);
  const { usn, epoch } = await db
    .selectFrom('journal_head')
    .select(['usn', 'epoch'])
    .executeTakeFirstOrThrow()
  return { usn, epoch }
}

export async function readJournal(
  db: Kysely<Tables>,
  range: { readonly after: number; readonly upTo: number },
): Promise<readonly JournalRow[]> {
  const { rows } = await sql<JournalRow>`
    select usn, at, kind, entity, group_no, member_no from journal
    where usn > ${range.after} and usn <= ${range.upTo}
    order by usn limit ${sql.lit(PAGE_ROWS)}`.execute(db)
  return rows
}

/** Where in the order something was last named. */
export interface Place {
  readonly usn: number
  readonly atMs: number
}

export interface Edge extends Place {
  readonly groupNo: number
  readonly memberNo: number
}

export type Key =
  | ({ readonly kind: FollowedKind; readonly id: string } & Place)
  | ({ readonly kind: 'membership' } & Edge)

/**
 * What the rows name, each thing once: in the order in which it first came up, with the last place.
 * Rows of other kinds are decisions for the log and change nothing here.
 */
export function coalesce(
  rows: readonly JournalRow[],
  isFollowed: (kind: string) => kind is FollowedKind,
): readonly Key[] {
  const keys = new Map<string, Key>()
  for (const row of rows) {
    const place = { usn: row.usn, atMs: row.at.getTime() }
    const { group_no: groupNo, member_no: memberNo } = row
    if (row.kind === 'membership' && groupNo !== null && memberNo !== null) {
      keys.set(`${groupNo} ${memberNo}`, { kind: 'membership', groupNo, memberNo, ...place })
    } else if (isFollowed(row.kind)) {
      keys.set(`${row.kind} ${row.entity}`, { kind: row.kind, id: row.entity, ...place })
    }
  }
  return [...keys.values()]
}
