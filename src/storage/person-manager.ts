import { sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import type { Tx } from './sync-batch.ts'

/**
 * A person who is to manage somebody.
 *
 * @throws {DirectoryError} `DIRECTORY_REFUSED` for herself, for the dead, and for whoever reports to her,
 *   directly or through others
 */
export async function refuseManager(tx: Tx, id: string, managerId: string): Promise<void> {
  if (id === managerId) throw refused('nobody is her own manager')
  const { rows } = await sql<{ username: string; is_dead: boolean; reports: boolean }>`
    with recursive above (id) as (
      select ${managerId}::uuid
      union
      select p.manager_id from above join person p on p.id = above.id
      where p.manager_id is not null)
    select q.username, p.lifecycle = 'deleted' as is_dead,
      exists (select from above where id = ${id}::uuid) as reports
    from principal p join person q on q.id = p.id where p.id = ${managerId}::uuid`.execute(tx)
  const [manager] = rows
  if (manager === undefined)
    throw new DirectoryError('DIRECTORY_NOT_FOUND', 'there is no person with such an id')
  if (manager.is_dead) throw refused(`${manager.username} is deleted`)
  if (manager.reports)
    throw refused(`${manager.username} reports to her, herself or through others`)
}

/** The manager a source names, by our id; null where it names none, or somebody not imported. */
export async function readToldManager(tx: Tx, id: string): Promise<string | null> {
  const { rows } = await sql<{ id: string }>`
    select m.principal_id as id from source_link l
    join source_link m on m.source_id = l.source_id and m.object_kind = 'person'
      and m.external_id = l.manager_external_id and m.removed_at is null
    where l.principal_id = ${id}::uuid and l.removed_at is null and l.is_master
    order by l.linked_at limit 1`.execute(tx)
  return rows[0]?.id ?? null
}

/** What people are called, for the log. */
export async function nameOf(tx: Tx, id: string | null): Promise<string | null> {
  if (id === null) return null
  const { rows } = await sql<{ username: string }>`
    select username from person where id = ${id}::uuid`.execute(tx)
  return rows[0]?.username ?? id
}

function refused(why: string): DirectoryError {
  return new DirectoryError('DIRECTORY_REFUSED', why)
}
