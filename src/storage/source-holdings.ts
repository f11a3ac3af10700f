import { sql } from 'kysely'
import type { Stream } from '../sources/source.ts'
import type { Holdings, Verification } from '../sources/verify.ts'
import type { Database } from './connection.ts'

/** What is here of a source, by stream. */
export async function readHoldings(
  db: Database,
  sourceId: string,
): Promise<Readonly<Record<Stream, Holdings>>> {
  const { rows } = await sql<{ people: Holdings; groups: Holdings }>`
    with links as (
      select object_kind, count(*) as n from source_link
      where source_id = ${sourceId}::uuid and removed_at is null group by object_kind),
    waits as (
      select kind, count(*) as n from removal_waiting
      where source_id = ${sourceId}::uuid and kind in ('person', 'group') group by kind)
    select jsonb_build_object(
        'here', coalesce((select n from links where object_kind = 'person'), 0)
          + (select count(*) from source_candidate where source_id = ${sourceId}::uuid),
        'waiting', coalesce((select n from waits where kind = 'person'), 0)) as people,
      jsonb_build_object(
        'here', coalesce((select n from links where object_kind = 'group'), 0),
        'waiting', coalesce((select n from waits where kind = 'group'), 0)) as groups`.execute(
    db.kysely,
  )
  const [row] = rows
  if (row === undefined) throw new Error('a count gave no row')
  return row
}

export async function keepVerification(
  db: Database,
  sourceId: string,
  verification: Verification,
): Promise<void> {
  await sql`
    update source set verified_at = clock_timestamp(),
      verification = ${JSON.stringify(verification)}::jsonb
    where id = ${sourceId}::uuid and leave_people is null`.execute(db.kysely)
}
