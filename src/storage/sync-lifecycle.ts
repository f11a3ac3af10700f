import { sql } from 'kysely'
import { fallbackName, groupNameBase, usernameBase } from '../directory/names.ts'
import type { Actor } from '../directory/ports/people.ts'
import { hintDenial } from './journal.ts'
import { quarantineNames } from './name-quarantine.ts'
import {
  type ObjectKind,
  sourceActor,
  sourceHold,
  type Tx,
  touchGroups,
  touchPrincipals,
} from './sync-batch.ts'
import { claimedNames, writeLoginNames } from './sync-login-names.ts'
import { proposeGroupNames, proposeUsernames } from './sync-names.ts'

/**
 * Takes people out whom the source has deleted: their links end, and those whom no other source
 * knows become tombstones that can be restored, unless they were here before any source. Memberships are left to the settling of edges.
 */
export async function removePeople(
  tx: Tx,
  sourceId: string,
  externalIds: readonly string[],
  actor: Actor = sourceActor(sourceId),
): Promise<number> {
  if (externalIds.length === 0) return 0
  await endLinks(tx, sourceId, { kind: 'person', externalIds })
  const { rows } = await sql<{ id: string; username: string; username_folded: string }>`
    update principal p set lifecycle = 'deleted', deleted_at = clock_timestamp()
    from source_link l join person n on n.id = l.principal_id
    where l.source_id = ${sourceId}::uuid and l.object_kind = 'person'
      and l.external_id = any(${externalIds}::text[])
      and p.id = l.principal_id and p.lifecycle <> 'deleted'
      and not exists (select 1 from source_link o
        where o.principal_id = p.id and o.removed_at is null)
      and exists (select 1 from source_link o where o.principal_id = p.id and o.is_master)
    returning p.id, n.username, n.username_folded`.execute(tx)
  const ids = rows.map((row) => row.id)
  for (const id of ids) hintDenial(tx, id)
  const others = await writeLoginNames(
    tx,
    ids.map((principalId) => ({ principalId, names: new Map() })),
  )
  await quarantineNames(
    tx,
    'username',
    rows.map((row) => [row.username_folded, row.id]),
  )
  const freed = await liftHolds(tx, sourceId, externalIds)
  await touchPrincipals(tx, [...ids, ...others, ...freed], actor)
  return externalIds.length
}

/**
 * A source that no longer knows somebody has no say about her: its hold goes from those who live on,
 * or may be restored here, unless another account of hers there is disabled.
 */
async function liftHolds(
  tx: Tx,
  sourceId: string,
  externalIds: readonly string[],
): Promise<readonly string[]> {
  const { rows } = await sql<{ id: string }>`
    delete from hold h using source_link l, principal p
    where l.source_id = ${sourceId}::uuid and l.object_kind = 'person'
      and l.external_id = any(${externalIds}::text[])
      and p.id = l.principal_id and (p.lifecycle <> 'deleted' or p.is_deleted_here)
      and h.principal_id = p.id and h.reason = ${sourceHold(sourceId)}
      and not exists (select 1 from source_link o
        where o.principal_id = p.id and o.source_id = l.source_id and o.removed_at is null
          and o.attributes->>'isEnabled' = 'false')
    returning h.principal_id as id`.execute(tx)
  return rows.map((row) => row.id)
}

export async function removeGroups(
  tx: Tx,
  sourceId: string,
  externalIds: readonly string[],
  actor: Actor = sourceActor(sourceId),
): Promise<number> {
  if (externalIds.length === 0) return 0
  await endLinks(tx, sourceId, { kind: 'group', externalIds })
  const { rows } = await sql<{ id: string; name_folded: string }>`
    update directory_group g set lifecycle = 'deleted', deleted_at = clock_timestamp()
    from source_link l
    where l.source_id = ${sourceId}::uuid and l.object_kind = 'group'
      and l.external_id = any(${externalIds}::text[])
      and g.id = l.group_id and g.lifecycle <> 'deleted'
    returning g.id, g.name_folded`.execute(tx)
  await quarantineNames(
    tx,
    'group',
    rows.map((row) => [row.name_folded, row.id]),
  )
  await touchGroups(
    tx,
    rows.map((row) => row.id),
    actor,
  )
  return externalIds.length
}

async function endLinks(
  tx: Tx,
  sourceId: string,
  what: { readonly kind: ObjectKind; readonly externalIds: readonly string[] },
): Promise<void> {
  await sql`
    update source_link l set removed_at = clock_timestamp(), edges_pending = true,
      manager_pending = false, members_here = false,
      lifecycle_before = (select p.lifecycle from principal p where p.id = l.principal_id)
    where l.source_id = ${sourceId}::uuid and l.object_kind = ${what.kind}
      and l.external_id = any(${what.externalIds}::text[]) and l.removed_at is null`.execute(tx)
}

interface Returned {
  readonly id: string
  readonly username: string
  readonly display_name: string
  /** Her personal data went when the grace of tombstones was over; the name with it. */
  readonly is_forgotten: boolean
  readonly user_principal_name: string | null
  readonly mail: string | null
}

/**
 * Brings people back whom the source shows again under the same id: as they were, with their name
 * if nobody has got it since. Their attributes must have been written before.
 *
 * @returns principals whose names changed on the way
 */
export async function restorePeople(
  tx: Tx,
  sourceId: string,
  externalIds: readonly string[],
): Promise<ReadonlySet<string>> {
  if (externalIds.length === 0) return new Set()
  const { rows } = await sql<{ id: string }>`
    update principal p set lifecycle = coalesce(l.lifecycle_before, 'staged'), deleted_at = null
    from source_link l
    where l.source_id = ${sourceId}::uuid and l.object_kind = 'person' and l.is_master
      and l.external_id = any(${externalIds}::text[])
      and p.id = l.principal_id and p.lifecycle = 'deleted' and not p.is_deleted_here
      and coalesce(l.lifecycle_before, 'staged') <> 'deleted'
    returning p.id`.execute(tx)
  await reopenLinks(tx, sourceId, { kind: 'person', externalIds })
  const ids = rows.map((row) => row.id)
  return new Set([...ids, ...(await returnNames(tx, ids))])
}

/**
 * Gives people who came back the names they had, if nobody has got them since.
 *
 * @returns other principals whose names changed by it
 */
export async function returnNames(tx: Tx, ids: readonly string[]): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set()
  const { rows } = await sql<Returned>`
    select id, username, display_name, user_principal_name, mail,
      username_folded = 'deleted-' || uid_number as is_forgotten
    from person where id = any(${ids}::uuid[]) order by id`.execute(tx)
  await sql`delete from name_quarantine where scope = 'username' and owner = any(${ids}::uuid[])`.execute(
    tx,
  )
  const names = await keepOrRename(tx, rows)
  const claims = rows.map((row) => ({
    principalId: row.id,
    names: claimedNames({
      username: names.get(row.id) ?? row.username,
      userPrincipalName: row.user_principal_name,
      mail: row.mail,
    }),
  }))
  return writeLoginNames(tx, claims)
}

/** The old name, unless somebody has it by now or it was forgotten: then another, written here. */
async function keepOrRename(tx: Tx, rows: readonly Returned[]): Promise<Map<string, string>> {
  const chosen = await proposeUsernames(tx, rows.map(nameToAskFor))
  const names = new Map(rows.map((row, at) => [row.id, chosen[at] ?? row.username]))
  for (const { id, username, is_forgotten } of rows) {
    const name = names.get(id) ?? ''
    if (name === username) continue
    await sql`
      update person set username = ${name}, username_folded = ${name},
        home_directory = case when ${is_forgotten} then '/home/' || ${name} else home_directory end
      where id = ${id}::uuid`.execute(tx)
  }
  return names
}

function nameToAskFor(row: Returned): string {
  if (!row.is_forgotten) return row.username
  const { user_principal_name: userPrincipalName, mail } = row
  const displayName = row.display_name === row.username ? null : row.display_name
  return usernameBase({ userPrincipalName, mail, displayName }, fallbackName('user', row.id))
}

export async function restoreGroups(
  tx: Tx,
  sourceId: string,
  externalIds: readonly string[],
): Promise<void> {
  if (externalIds.length === 0) return
  const { rows } = await sql<{ id: string; name: string }>`
    select g.id, g.name from source_link l join directory_group g on g.id = l.group_id
    where l.source_id = ${sourceId}::uuid and l.object_kind = 'group'
      and l.external_id = any(${externalIds}::text[]) and g.lifecycle = 'deleted'`.execute(tx)
  const ids = rows.map((row) => row.id)
  await sql`delete from name_quarantine where scope = 'group' and owner = any(${ids}::uuid[])`.execute(
    tx,
  )
  const chosen = await proposeGroupNames(
    tx,
    rows.map((row) => groupNameBase(row.name, row.name)),
  )
  await sql`
    update directory_group g set lifecycle = 'active', deleted_at = null, name = r.name,
      name_folded = r.name
    from unnest(${ids}::uuid[], ${chosen}::text[]) as r (id, name) where g.id = r.id`.execute(tx)
  await mirrorAgain(tx, sourceId, externalIds)
  await reopenLinks(tx, sourceId, { kind: 'group', externalIds })
}

/**
 * Groups of a source that was disconnected were changed here meanwhile. They are its own again: of
 * the members who are known there, whom it does not name is swept as any other.
 */
async function mirrorAgain(
  tx: Tx,
  sourceId: string,
  externalIds: readonly string[],
): Promise<void> {
  await sql`
    with again as (
      update directory_group g set origin = 'mirrored' from source_link l
      where l.source_id = ${sourceId}::uuid and l.object_kind = 'group' and l.removed_at is not null
        and l.external_id = any(${externalIds}::text[]) and g.id = l.group_id
        and g.origin = 'static'
      returning g.no, l.external_id)
    insert into source_member (source_id, group_external_id, member_external_id, member_type)
    select ${sourceId}::uuid, a.external_id, ml.external_id,
      case ml.object_kind when 'person' then 'person' else 'group' end
    from again a join membership m on m.group_no = a.no
    left join principal p on p.no = m.member_no
    left join directory_group g on g.no = m.member_no
    join source_link ml on ml.source_id = ${sourceId}::uuid
      and (ml.principal_id = p.id or ml.group_id = g.id)
    on conflict do nothing`.execute(tx)
}

async function reopenLinks(
  tx: Tx,
  sourceId: string,
  what: { readonly kind: ObjectKind; readonly externalIds: readonly string[] },
): Promise<void> {
  await sql`
    update source_link set removed_at = null, edges_pending = true, lifecycle_before = null
    where source_id = ${sourceId}::uuid and object_kind = ${what.kind}
      and external_id = any(${what.externalIds}::text[])`.execute(tx)
}
