import { sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import type { Tx } from './written.ts'

export type NameScope = 'username' | 'group'

interface OwnedName {
  readonly folded: string
  readonly owner: string
}

/** Keeps a name that was given up from everybody but its last owner, for a year. */
export function quarantineName(tx: Tx, scope: NameScope, name: OwnedName): Promise<void> {
  return quarantineNames(tx, scope, [[name.folded, name.owner]])
}

/** The same for several names at once. */
export async function quarantineNames(
  tx: Tx,
  scope: NameScope,
  names: readonly (readonly [folded: string, owner: string])[],
): Promise<void> {
  if (names.length === 0) return
  await sql`
    insert into name_quarantine (scope, folded, until, owner)
    select ${scope}, r.folded, clock_timestamp() + interval '1 year', r.owner
    from unnest(${names.map(([folded]) => folded)}::text[],
                ${names.map(([, owner]) => owner)}::uuid[]) as r (folded, owner)
    on conflict (scope, folded) do update set until = excluded.until, owner = excluded.owner`.execute(
    tx,
  )
}

/** @throws {DirectoryError} `DIRECTORY_CONFLICT`, in words that say for how long */
export async function checkNameIsFree(tx: Tx, scope: NameScope, name: OwnedName): Promise<void> {
  const taken =
    scope === 'username'
      ? await sql<{ id: string }>`
          select p.id from person p join principal pr on pr.id = p.id
          where p.username_folded = ${name.folded} and pr.lifecycle <> 'deleted' and p.id <> ${name.owner}
          union all
          select l.principal_id from login_name l
          where l.folded = ${name.folded} and l.principal_id <> ${name.owner}
          union all
          select a.id from administrator a
          where a.username_folded = ${name.folded} and a.id <> ${name.owner}
          union all
          select s.id from service s
          where s.name_folded = ${name.folded} and s.id <> ${name.owner}`.execute(tx)
      : await sql<{ id: string }>`
          select id from directory_group
          where name_folded = ${name.folded} and lifecycle = 'active' and id <> ${name.owner}`.execute(
          tx,
        )
  if (taken.rows.length > 0) {
    throw new DirectoryError('DIRECTORY_CONFLICT', `the name ${name.folded} is taken`)
  }
  const kept = await tx
    .selectFrom('name_quarantine')
    .select('until')
    .where('scope', '=', scope)
    .where('folded', '=', name.folded)
    .where('owner', '<>', name.owner)
    .where('until', '>', sql<Date>`clock_timestamp()`)
    .executeTakeFirst()
  if (!kept) return
  throw new DirectoryError(
    'DIRECTORY_CONFLICT',
    `the name ${name.folded} belonged to somebody else and is kept from others until ` +
      kept.until.toISOString().slice(0, 10),
  )
}
