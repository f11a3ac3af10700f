import { sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import type { Tx } from './written.ts'

/**
 * Called after a change that may have taken the last owner away, who could then let nobody in any more.
 *
 * @throws {DirectoryError} `DIRECTORY_REFUSED`, which undoes the change
 */
export async function keepOwner(tx: Tx): Promise<void> {
  const { rows } = await sql<{ owners: number; able: number }>`
    select count(*) as owners,
           count(*) filter (where pr.lifecycle = 'active' and not exists (
             select from hold h where h.principal_id = a.id)) as able
    from administrator a join principal pr on pr.id = a.id where a.role = 'owner'`.execute(tx)
  const { owners = 0, able = 0 } = rows[0] ?? {}
  if (owners === 0 || able > 0) return
  throw new DirectoryError(
    'DIRECTORY_REFUSED',
    'the last owner can be neither held nor removed; make another administrator an owner first',
  )
}
