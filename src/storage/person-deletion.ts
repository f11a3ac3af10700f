import { type Kysely, sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import type { PrincipalId } from '../directory/id.ts'
import type { Actor, DeletedPerson } from '../directory/ports/people.ts'
import type { PersonValues } from '../sources/source.ts'
import type { Database } from './connection.ts'
import type { Tables } from './database.ts'
import { hintDenial } from './journal.ts'
import { quarantineNames } from './name-quarantine.ts'
import { lockMastered } from './person-edits.ts'
import { touch } from './principal-rows.ts'
import { RETENTION_DAYS } from './retention.ts'
import { returnNames } from './sync-lifecycle.ts'
import { writeLoginNames } from './sync-login-names.ts'
import { personRow, updatePeople } from './sync-person-rows.ts'
import type { Tx } from './written.ts'

interface DeletedRow {
  readonly id: string
  readonly username: string
  readonly username_folded: string
  readonly before: string
}

/**
 * Makes tombstones of people, and lets them in no more. Links, memberships, holds and numbers stay,
 * unseen, so that all of it is there when they are restored. Those who are deleted already stay so.
 *
 * @returns how many principals changed
 */
export async function deletePeople(
  tx: Tx,
  ids: readonly PrincipalId[],
  actor: Actor,
): Promise<number> {
  await lockSourcesOf(tx, ids)
  await requirePeople(tx, ids)
  const { rows } = await sql<DeletedRow>`
    update principal p set lifecycle = 'deleted', deleted_at = clock_timestamp(),
      is_deleted_here = true, lifecycle_before = p.lifecycle
    from person n
    where n.id = p.id and p.id = any (${ids}::uuid[]) and p.lifecycle <> 'deleted'
    returning p.id, n.username, n.username_folded, p.lifecycle_before as before`.execute(tx)
  for (const { id } of rows) hintDenial(tx, id)
  const others = await writeLoginNames(
    tx,
    rows.map(({ id }) => ({ principalId: id, names: new Map() })),
  )
  await quarantineNames(
    tx,
    'username',
    rows.map((row) => [row.username_folded, row.id]),
  )
  const details = rows.map(({ id, before }) => [
    id,
    { before: { lifecycle: before }, after: { lifecycle: 'deleted' } },
  ])
  const touched = [...rows, ...[...others].map((id) => ({ id }))]
  return await touch(tx, touched, actor, Object.fromEntries(details))
}

interface RestorableRow {
  readonly id: string
  readonly username: string
  readonly username_folded: string
  readonly display_name: string
  readonly lifecycle_before: string
  readonly manager_id: string | null
  readonly is_deleted_here: boolean
  readonly is_forgotten: boolean
  /** Of the source that has deleted her as well; null while one knows her, or none ever did. */
  readonly deleted_by: string | null
  /** No source that is connected masters her. */
  readonly is_orphan: boolean
  /** The last word of the source she comes from; null for whom no source knows. */
  readonly told: PersonValues | null
}

/**
 * Brings people back whom somebody has deleted here, as they were, and with what their source has
 * told since. The forgotten whom their source still knows begin anew, staged. Those who live stay.
 *
 * @throws {DirectoryError} `DIRECTORY_REFUSED` for the forgotten no source knows, and for whom a source has deleted
 */
export async function restoreDeleted(
  tx: Tx,
  ids: readonly PrincipalId[],
  actor: Actor,
): Promise<number> {
  await lockSourcesOf(tx, ids)
  await requirePeople(tx, ids)
  const rows = await readDeleted(tx, ids)
  for (const row of rows) refuseLost(row)
  const restored = rows.map(({ id }) => id)
  await sql`
    update principal p set lifecycle = r.lifecycle, lifecycle_before = null, deleted_at = null,
      is_deleted_here = false
    from unnest(${restored}::uuid[], ${rows.map((row) => row.lifecycle_before)}::text[])
      as r (id, lifecycle) where p.id = r.id`.execute(tx)
  await catchUp(tx, rows)
  await readAnew(
    tx,
    rows.filter((row) => row.is_forgotten).map(({ id }) => id),
  )
  const others = await returnNames(tx, restored)
  const details = rows.map(({ id, lifecycle_before }) => [
    id,
    { before: { lifecycle: 'deleted' }, after: { lifecycle: lifecycle_before } },
  ])
  const touched = [...new Set([...restored, ...others])].map((id) => ({ id }))
  return await touch(tx, touched, actor, Object.fromEntries(details))
}

async function readDeleted(
  db: Kysely<Tables>,
  ids: readonly PrincipalId[],
): Promise<readonly RestorableRow[]> {
  const { rows } = await sql<RestorableRow>`
    select p.id, n.username, n.username_folded, n.display_name,
      case when n.username_folded = 'deleted-' || n.uid_number then 'staged'
        else coalesce(p.lifecycle_before, (select nullif(l.lifecycle_before, 'deleted')
          from source_link l where l.principal_id = p.id and l.is_master
          order by l.removed_at desc nulls last limit 1), 'staged') end as lifecycle_before,
      n.manager_id, p.is_deleted_here, n.username_folded = 'deleted-' || n.uid_number as is_forgotten,
      case when not exists (select 1 from source_link l
          where l.principal_id = p.id and l.removed_at is null) then (
        select s.name from source_link l join source s on s.id = l.source_id
        where l.principal_id = p.id and l.is_master and s.leave_people is null
        order by l.linked_at limit 1) end as deleted_by,
      not exists (select 1 from source_link l join source s on s.id = l.source_id
        where l.principal_id = p.id and l.is_master and s.leave_people is null) as is_orphan,
      told.attributes as told
    from principal p join person n on n.id = p.id
    left join lateral (select l.attributes from source_link l
      where l.principal_id = p.id and l.removed_at is null and l.is_master
      order by l.linked_at limit 1) told on true
    where p.id = any (${ids}::uuid[]) and p.lifecycle = 'deleted'`.execute(db)
  return rows
}

/** @throws {DirectoryError} `DIRECTORY_REFUSED` if one of those who are deleted cannot be restored */
export async function refuseAnyLost(
  db: Kysely<Tables>,
  ids: readonly PrincipalId[],
): Promise<void> {
  for (const row of await readDeleted(db, ids)) refuseLost(row)
}

/** What the source has told meanwhile was kept with the link alone. */
async function catchUp(tx: Tx, rows: readonly RestorableRow[]): Promise<void> {
  const mastered = await lockMastered(
    tx,
    rows.map(({ id }) => id),
  )
  const behind = rows.flatMap(({ id, username, manager_id: managerId, told }) => {
    if (told === null) return []
    return [{ ...personRow({ ...told, ...mastered.get(id) }, { username, managerId }), id }]
  })
  if (behind.length === 0) return
  await updatePeople(tx, behind)
  await sql`
    update source_link set manager_pending = true
    where principal_id = any (${behind.map(({ id }) => id)}::uuid[]) and removed_at is null
      and is_master`.execute(tx)
}

/** Of the forgotten nothing is left here: their sources are to be read in full once. */
async function readAnew(tx: Tx, ids: readonly string[]): Promise<void> {
  await sql`
    update sync_token set needs_full = true
    where source_id in (select l.source_id from source_link l
      where l.principal_id = any (${ids}::uuid[]) and l.removed_at is null)`.execute(tx)
}

function refuseLost(row: RestorableRow): void {
  const { username, is_deleted_here, is_forgotten, is_orphan, deleted_by, told } = row
  if (is_forgotten && told === null) {
    const why = `${username} was deleted more than ${RETENTION_DAYS.tombstone} days ago: what was known of her is gone`
    throw new DirectoryError('DIRECTORY_REFUSED', why)
  }
  if ((is_deleted_here || is_orphan) && deleted_by === null) return
  throw new DirectoryError(
    'DIRECTORY_REFUSED',
    `${username} is deleted in ${deleted_by ?? 'her source'}: restore her there first`,
  )
}

/**
 * No batch of a round comes between: one that has read somebody as alive would write her anew, and
 * one that has read her as dead would not.
 */
async function lockSourcesOf(tx: Tx, ids: readonly string[]): Promise<void> {
  await sql`
    select 1 from source s
    where s.id in (select l.source_id from source_link l where l.principal_id = any (${ids}::uuid[]))
    order by s.id for no key update`.execute(tx)
}

/** @throws {DirectoryError} `DIRECTORY_NOT_FOUND` for an id that is no person's */
async function requirePeople(tx: Tx, ids: readonly string[]): Promise<void> {
  const { rows } = await sql`
    select 1 from principal where id = any (${ids}::uuid[]) and kind = 'person'
    order by id for update`.execute(tx)
  if (rows.length === new Set(ids).size) return
  throw new DirectoryError('DIRECTORY_NOT_FOUND', 'there is no person with such an id')
}

/** The dead who may still come back, the latest first. */
export async function listDeleted(
  { kysely }: Database,
  filter: { readonly name: string | null; readonly limit: number },
): Promise<readonly DeletedPerson[]> {
  const { rows } = await sql<{
    id: PrincipalId
    username: string
    display_name: string
    deleted_at: Date
    until: Date
    deleted_by: string | null
  }>`
    select p.id, n.username, n.display_name, p.deleted_at,
      p.deleted_at + make_interval(days => ${RETENTION_DAYS.tombstone}) as until,
      case when p.is_deleted_here then null else (
        select s.name from source_link l join source s on s.id = l.source_id
        where l.principal_id = p.id and s.leave_people is null
        order by l.removed_at desc limit 1) end as deleted_by
    from principal p join person n on n.id = p.id
    where p.lifecycle = 'deleted' and n.username_folded <> 'deleted-' || n.uid_number
      and (${filter.name}::text is null or p.id::text = ${filter.name}
        or n.username_folded = ${filter.name} or n.user_principal_name_folded = ${filter.name}
        or n.mail_folded = ${filter.name})
    order by p.deleted_at desc, p.no limit ${filter.limit}`.execute(kysely)
  return rows.map((row) => ({
    id: row.id,
    username: row.username,
    displayName: row.display_name,
    deletedAtMs: row.deleted_at.getTime(),
    restorableUntilMs: row.until.getTime(),
    deletedBy: row.deleted_by,
  }))
}
