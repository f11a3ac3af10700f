import { type RawBuilder, sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import type { PrincipalId } from '../directory/id.ts'
import type { Actor, DatedAct, LifecycleDate, NewDate } from '../directory/ports/people.ts'
import type { Database } from './connection.ts'
import { hintDenial, journal } from './journal.ts'
import { deletePeople } from './person-deletion.ts'
import { alike, touch } from './principal-rows.ts'
import type { Tx } from './written.ts'

/** Carried out in one transaction; a deletion touches names and quarantine as well. */
const AT_ONCE = 100

/**
 * Sets a date, in the place of one of its kind; a leave that moves lets her in again until then. One
 * that has begun, and is said once more to have begun, stays as it is.
 */
export async function setDate(
  tx: Tx,
  id: PrincipalId,
  { act, atMs }: NewDate,
  actor: Actor,
): Promise<number> {
  if (act === 'suspend' && (await hasBegun(tx, id, atMs))) return 0
  if (act === 'delete') await refusePast(tx, atMs)
  const { rows } = await sql<{ is_to_come: boolean }>`
    insert into lifecycle_date (principal_id, act, due_at, set_by, reason)
    select p.id, ${act}, to_timestamp(${atMs / 1_000}), ${actor.name}, ${actor.reason}
    from principal p where p.id = ${id}::uuid and p.kind = 'person' and p.lifecycle <> 'deleted'
    on conflict (principal_id, act) do update set due_at = excluded.due_at,
      set_by = excluded.set_by, reason = excluded.reason, refused = null
    returning due_at > clock_timestamp() as is_to_come`.execute(tx)
  if (rows.length === 0)
    throw new DirectoryError('DIRECTORY_NOT_FOUND', 'there is no living person with such an id')
  const detail = { act, at: new Date(atMs).toISOString() }
  journal(tx, { kind: 'admin.date-set', entity: id, actor, detail })
  if (act === 'suspend' && rows[0]?.is_to_come) await liftHold(tx, id, actor)
  return 1
}

/** Of `principal p`: whether the date is not set already. */
export function isNewDate({ act, atMs }: NewDate): RawBuilder<boolean> {
  return sql`not exists (select from lifecycle_date d where d.principal_id = p.id and d.act = ${act}
    and d.due_at = to_timestamp(${atMs / 1_000}) and d.refused is null)`
}

/** A slip of a year would delete her within the second. */
async function refusePast(tx: Tx, atMs: number): Promise<void> {
  const { rows } = await sql<{ is_past: boolean }>`
    select to_timestamp(${atMs / 1_000}) <= clock_timestamp() as is_past`.execute(tx)
  if (rows[0]?.is_past !== true) return
  const why = `${new Date(atMs).toISOString()} is past: delete her now with \`person delete\`, or name a time to come`
  throw new DirectoryError('DIRECTORY_REFUSED', why)
}

async function hasBegun(tx: Tx, id: PrincipalId, atMs: number): Promise<boolean> {
  const { rows } = await sql`
    select 1 from hold h join principal p on p.id = h.principal_id
    where p.id = ${id}::uuid and p.lifecycle <> 'deleted' and h.reason = 'schedule'
      and to_timestamp(${atMs / 1_000}) <= clock_timestamp()`.execute(tx)
  return rows.length > 0
}

/** Takes a date back; of a leave that has come, its hold as well. @returns how many changed */
export async function cancelDate(
  tx: Tx,
  id: PrincipalId,
  act: DatedAct,
  actor: Actor,
): Promise<number> {
  const { rows } = await sql`
    delete from lifecycle_date where principal_id = ${id}::uuid and act = ${act}
    returning 1`.execute(tx)
  const lifted = act === 'suspend' ? await liftHold(tx, id, actor) : 0
  if (rows.length === 0) return lifted
  journal(tx, { kind: 'admin.date-cancelled', entity: id, actor, detail: { act } })
  return 1
}

async function liftHold(tx: Tx, id: PrincipalId, actor: Actor): Promise<number> {
  const { rows } = await sql<{ id: string }>`
    delete from hold where principal_id = ${id}::uuid and reason = 'schedule'
    returning principal_id as id`.execute(tx)
  const detail = { before: { hold: 'schedule' }, after: { hold: null } }
  return touch(tx, rows, actor, alike(rows, detail))
}

interface Due {
  readonly id: PrincipalId
  readonly act: DatedAct
}

/**
 * Does what is due by the database's clock, however long ago: each date once, since its row goes in
 * the transaction that carries it out. Of two daemons that lead, one finds nothing.
 *
 * @returns how many dates that were
 */
export async function carryOutDates(database: Database): Promise<number> {
  const { value } = await database.write(async (tx) => {
    await refuseProtected(tx)
    const { rows } = await sql<Due>`
      delete from lifecycle_date where (principal_id, act) in (
        select principal_id, act from lifecycle_date
        where refused is null and due_at <= clock_timestamp()
        order by due_at, principal_id limit ${AT_ONCE} for update skip locked)
      returning principal_id as id, act`.execute(tx)
    const of = (act: DatedAct) => rows.filter((due) => due.act === act).map(({ id }) => id)
    // First, since it locks the sources, as a round does before it locks people.
    if (of('delete').length > 0) await deleteDue(tx, of('delete'))
    await activate(tx, of('activate'))
    await suspend(tx, of('suspend'))
    return rows.length
  })
  return value
}

/** Of the protected nothing is carried out; an admin is told, in the list of dates and in the log. */
async function refuseProtected(tx: Tx): Promise<void> {
  const { rows } = await sql<Due & { readonly due_at: Date }>`
    update lifecycle_date d set refused = 'she is protected'
    from principal p
    where p.id = d.principal_id and p.is_protected and d.act <> 'activate' and d.refused is null
      and d.due_at <= clock_timestamp()
      and (d.principal_id, d.act) in (
        select principal_id, act from lifecycle_date
        where refused is null and due_at <= clock_timestamp()
        order by due_at, principal_id limit ${AT_ONCE})
    returning d.principal_id as id, d.act, d.due_at`.execute(tx)
  for (const { id, act, due_at: dueAt } of rows)
    journal(tx, {
      kind: 'admin.date-refused',
      entity: id,
      actor: { name: 'system', reason: 'she is protected' },
      detail: { act, at: dueAt.toISOString() },
    })
}

/**
 * Whoever is protected no longer: what came due meanwhile is not made up for unasked, and says what
 * to do.
 */
export async function tellRefused(tx: Tx, ids: readonly string[]): Promise<void> {
  await sql`
    update lifecycle_date
    set refused = 'she was protected when it came: set it again, or take it back'
    where principal_id = any (${[...ids]}::uuid[]) and refused = 'she is protected'`.execute(tx)
}

const SCHEDULE: Actor = { name: 'system', reason: 'its date has come' }

/** Whom her source has deleted just before is deleted here as well: its restoring her is not ours. */
async function deleteDue(tx: Tx, ids: readonly PrincipalId[]): Promise<void> {
  await deletePeople(tx, ids, SCHEDULE)
  const { rows } = await sql<{ id: string }>`
    update principal p set is_deleted_here = true, lifecycle_before = coalesce((
      select nullif(l.lifecycle_before, 'deleted') from source_link l
      where l.principal_id = p.id and l.is_master
      order by l.removed_at desc nulls last limit 1), 'staged')
    where p.id = any (${ids}::uuid[]) and p.lifecycle = 'deleted' and not p.is_deleted_here
    returning p.id`.execute(tx)
  await touch(tx, rows, SCHEDULE)
}

async function activate(tx: Tx, ids: readonly PrincipalId[]): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    update principal set lifecycle = 'active'
    where id = any (${ids}::uuid[]) and lifecycle = 'staged' returning id`.execute(tx)
  const detail = { before: { lifecycle: 'staged' }, after: { lifecycle: 'active' } }
  await touch(tx, rows, SCHEDULE, alike(rows, detail))
  // Whoever is deleted meanwhile comes back as what she would be by now.
  await sql`
    update principal set lifecycle_before = 'active'
    where id = any (${ids}::uuid[]) and lifecycle_before = 'staged'`.execute(tx)
}

async function suspend(tx: Tx, ids: readonly PrincipalId[]): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    insert into hold (principal_id, reason)
    select id, 'schedule' from unnest(${ids}::uuid[]) as due (id)
    on conflict do nothing returning principal_id as id`.execute(tx)
  for (const { id } of rows) hintDenial(tx, id)
  const detail = { before: { hold: null }, after: { hold: 'schedule' } }
  await touch(tx, rows, SCHEDULE, alike(rows, detail))
}

/** What is to come, and what could not be carried out, the next first. */
export async function listDates(
  { kysely }: Database,
  limit: number,
): Promise<readonly (LifecycleDate & { readonly username: string })[]> {
  const { rows } = await sql<LifecycleDate & { username: string }>`
    select n.username, d.act, (extract(epoch from d.due_at) * 1000)::float8 as "atMs",
      d.set_by as "setBy", d.reason, d.refused
    from lifecycle_date d join person n on n.id = d.principal_id
    order by d.due_at, n.username limit ${limit}`.execute(kysely)
  return rows
}
