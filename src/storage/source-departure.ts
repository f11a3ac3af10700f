import { type Kysely, sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import type { PrincipalId } from '../directory/id.ts'
import type { Actor } from '../directory/ports/people.ts'
import type {
  Departure,
  DepartureOutlook,
  DepartureStore,
  Leave,
  LeaveBegun,
} from '../sources/departure.ts'
import { remainingAllowance } from '../sources/guard.ts'
import type { Database } from './connection.ts'
import { CHANGED_CREDENTIAL, noteCredentials } from './credential-store.ts'
import type { Tables } from './database.ts'
import { hintDenial, journal } from './journal.ts'
import { deletePeople } from './person-deletion.ts'
import { alike, touch } from './principal-rows.ts'
import { BATCH_WEIGHT, REMOVAL_BATCH, sourceHold, type Tx, touchGroups } from './sync-batch.ts'

/** Names in an outlook, for an admin to recognise. */
const NAMES_SHOWN = 20
/** Rows that are in no use any more, and just go. */
const ROWS_AT_ONCE = 1_000
/** What a source leaves behind that nobody needs once it has left, referring tables first. */
const LEFT_BEHIND = [
  'push_dirty',
  'push_cursor',
  'removal_waiting',
  'source_candidate',
  'source_gone',
  'import_rule',
  'source_subscription',
  'licence_choice',
  'source_health',
] as const

/**
 * Of link `l` and principal `p`: she lives, and came by this source alone, which so decides of her.
 * Protected people are told apart.
 */
const IS_ITS_OWN = sql<boolean>`(p.lifecycle <> 'deleted'
  and exists (select from source_link o where o.principal_id = p.id and o.is_master)
  and not exists (select from source_link o join source s on s.id = o.source_id
    where o.principal_id = p.id and o.source_id <> l.source_id and o.removed_at is null
      and s.leave_people is null))`

/** Sources that are being taken apart. */
export class PostgresDepartureStore implements DepartureStore {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  async outlook(sourceId: string): Promise<DepartureOutlook> {
    const { kysely } = this.#db
    const { rows } = await sql<Omit<DepartureOutlook, 'names' | 'protectedNames'>>`
      with its as (
        select p.id, p.is_protected, ${IS_ITS_OWN} as is_own, x.wanted = 'false' as is_disabled
        from source_link l join principal p on p.id = l.principal_id
        left join push x on x.source_id = l.source_id and x.principal_id = p.id
          and x.attribute = 'enabled' and x.written = 'false'
        where l.source_id = ${sourceId}::uuid and l.object_kind = 'person'
          and l.removed_at is null)
      select count(*) filter (where is_own or exists (select from principal q
          where q.id = its.id and q.lifecycle <> 'deleted')) as people,
        count(*) filter (where is_own and not is_protected) as affected,
        count(*) filter (where not is_own and exists (select from principal q
          where q.id = its.id and q.lifecycle <> 'deleted')) as "linkedOnly",
        count(*) filter (where is_disabled) as "disabledThere",
        count(*) filter (where is_own and not exists (select from credential c
          where c.principal_id = its.id and c.type = 'primary-password')) as "withoutPassword",
        (select count(*) from source_link l where l.source_id = ${sourceId}::uuid
          and l.object_kind = 'group' and l.removed_at is null) as groups,
        (select count(*) from hold h where h.reason = ${sourceHold(sourceId)}) as "heldByIt",
        (select count(*) from source_candidate c where c.source_id = ${sourceId}::uuid)
          as candidates,
        (select count(*) from import_rule r where r.source_id = ${sourceId}::uuid) as rules,
        (select count(*) from push_dirty d where d.source_id = ${sourceId}::uuid)
          as "pendingPushes",
        (select count(*) from removal_waiting w where w.source_id = ${sourceId}::uuid
          and w.approved_at is null) as "waitingRemovals"
      from its`.execute(kysely)
    const [counts] = rows
    if (counts === undefined) throw new Error('a count gave no row')
    return {
      ...counts,
      names: await readNames(kysely, sourceId, { isProtected: false }),
      protectedNames: await readNames(kysely, sourceId, { isProtected: true }),
    }
  }

  async begin(sourceId: string, leave: Leave, actor: Actor): Promise<LeaveBegun> {
    const { value } = await this.#db.write(async (tx): Promise<LeaveBegun> => {
      await lockConnected(tx, sourceId)
      const { affected, all } = await countAffected(tx, sourceId, leave.people)
      const isMany = affected > remainingAllowance(all, 0)
      if ((isMany || leave.count !== null) && leave.count !== affected && leave.people !== 'keep')
        return { ok: false, affected, all }
      const { rows } = await sql<{ version: number }>`
        update source set leave_people = ${leave.people}, leave_by = ${actor.name},
          leave_reason = ${actor.reason}, secret = null, state = 'paused',
          state_reason = 'disconnected', admission_due = false,
          -- which tenant it was, so that it is known again
          config = jsonb_build_object('tenantId', config ->> 'tenantId'),
          version = nextval('entity_version')
        where id = ${sourceId}::uuid returning version`.execute(tx)
      await sql`
        update sync_round set state = 'abandoned', delta_link = null, next_link = null,
          note = 'the source was disconnected', finished_at = clock_timestamp()
        where source_id = ${sourceId}::uuid and state in ('fetching', 'applying')`.execute(tx)
      // The generation goes on, should it come back; where it stood in the tenant is forgotten.
      await sql`
        update sync_token set delta_link = '', needs_full = true
        where source_id = ${sourceId}::uuid`.execute(tx)
      await sql`
        update import_session set state = 'failed', error = 'the source was disconnected',
          finished_at = clock_timestamp()
        where source_id = ${sourceId}::uuid and state in ('draft', 'running')`.execute(tx)
      const detail = { people: leave.people, affected }
      for (const { version } of rows)
        journal(tx, { kind: 'source.disconnecting', entity: sourceId, version, actor, detail })
      return { ok: true, affected }
    })
    return value
  }

  async step(sourceId: string): Promise<boolean> {
    const { value } = await this.#db.write(async (tx) => {
      const leaving = await lockLeaving(tx, sourceId)
      if (leaving === null) return false
      for (const part of PARTS) {
        if (await part(tx, leaving)) return true
      }
      return false
    })
    return value
  }

  async unfinished(): Promise<readonly string[]> {
    const { rows } = await sql<{ id: string }>`
      select id from source where leave_people is not null and left_at is null
      order by id`.execute(this.#db.kysely)
    return rows.map(({ id }) => id)
  }
}

interface Leaving {
  readonly id: string
  readonly name: string
  readonly people: Departure
  readonly actor: Actor
}

/** Each does a batch of its kind of work; true when there was some. */
const PARTS: readonly ((tx: Tx, leaving: Leaving) => Promise<boolean>)[] = [
  partWithPeople,
  giveHoldsToAdmins,
  forgetRememberedPasswords,
  partWithGroups,
  endPending,
  dropStaging,
  dropRows,
  finish,
]

/** @throws {DirectoryError} `DIRECTORY_NOT_FOUND` once it is not connected */
async function lockConnected(tx: Tx, sourceId: string): Promise<void> {
  const { rows } = await sql`
    select 1 from source where id = ${sourceId}::uuid and leave_people is null
    for update`.execute(tx)
  if (rows.length > 0) return
  throw new DirectoryError('DIRECTORY_NOT_FOUND', 'the source is disconnected already')
}

/** Two daemons take turns. */
async function lockLeaving(tx: Tx, sourceId: string): Promise<Leaving | null> {
  const { rows } = await sql<{
    name: string
    leave_people: Departure
    leave_by: string
    leave_reason: string | null
  }>`
    select name, leave_people, leave_by, leave_reason from source
    where id = ${sourceId}::uuid and leave_people is not null and left_at is null
    for update`.execute(tx)
  const [row] = rows
  if (row === undefined) return null
  const { name, leave_people: people, leave_by: by, leave_reason: why } = row
  return { id: sourceId, name, people, actor: { name: by, reason: why ?? `${name} disconnected` } }
}

async function countAffected(tx: Tx, sourceId: string, people: Departure) {
  const { rows } = await sql<{ affected: number; all: number }>`
    select (select count(*) from source_link l join principal p on p.id = l.principal_id
        where l.source_id = ${sourceId}::uuid and l.removed_at is null and ${IS_ITS_OWN}
          and not p.is_protected) as affected,
      (select count(*) from principal where kind = 'person' and lifecycle <> 'deleted')
        as "all"`.execute(tx)
  const { affected = 0, all = 0 } = rows[0] ?? {}
  return { affected: people === 'keep' ? 0 : affected, all }
}

async function readNames(
  db: Kysely<Tables>,
  sourceId: string,
  { isProtected }: { readonly isProtected: boolean },
): Promise<readonly string[]> {
  const { rows } = await sql<{ username: string }>`
    select n.username from source_link l join principal p on p.id = l.principal_id
    join person n on n.id = p.id
    where l.source_id = ${sourceId}::uuid and l.removed_at is null and ${IS_ITS_OWN}
      and p.is_protected = ${isProtected}
    order by n.username_folded limit ${NAMES_SHOWN}`.execute(db)
  return rows.map(({ username }) => username)
}

/** Links end, and with them what the source says of people; who came by it alone goes as was said. */
async function partWithPeople(tx: Tx, leaving: Leaving): Promise<boolean> {
  const { rows } = await sql<{ external_id: string; id: PrincipalId; is_meant: boolean }>`
    select l.external_id, p.id, ${IS_ITS_OWN} and not p.is_protected as is_meant
    from source_link l join principal p on p.id = l.principal_id
    where l.source_id = ${leaving.id}::uuid and l.object_kind = 'person' and l.removed_at is null
    order by p.id limit ${REMOVAL_BATCH} for update of p`.execute(tx)
  if (rows.length === 0) return false
  const meant = rows.filter((row) => row.is_meant).map(({ id }) => id)
  if (leaving.people === 'suspend') await suspend(tx, leaving, meant)
  const externalIds = rows.map((row) => row.external_id)
  await endLinks(tx, leaving, { kind: 'person', externalIds })
  // After the links: what she was before must not be taken for deleted, should she be found again.
  if (leaving.people === 'delete' && meant.length > 0) await deletePeople(tx, meant, leaving.actor)
  return true
}

async function suspend(tx: Tx, leaving: Leaving, ids: readonly string[]): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    insert into hold (principal_id, reason, note)
    select id, 'admin', ${leaving.actor.reason} from unnest(${ids}::uuid[]) as meant (id)
    on conflict do nothing returning principal_id as id`.execute(tx)
  for (const { id } of rows) hintDenial(tx, id)
  const detail = { before: { hold: null }, after: { hold: 'admin' } }
  await touch(tx, rows, leaving.actor, alike(rows, detail))
}

async function endLinks(
  tx: Tx,
  { id }: Leaving,
  what: { readonly kind: 'person' | 'group'; readonly externalIds: readonly string[] },
): Promise<void> {
  await sql`
    update source_link l set removed_at = clock_timestamp(), edges_pending = false,
      manager_pending = false, members_here = false, removals_approved = 0,
      lifecycle_before = (select p.lifecycle from principal p where p.id = l.principal_id)
    where l.source_id = ${id}::uuid and l.object_kind = ${what.kind}
      and l.external_id = any(${what.externalIds}::text[]) and l.removed_at is null`.execute(tx)
}

/** Nobody could lift the hold of a source that is gone. */
async function giveHoldsToAdmins(tx: Tx, { id, name, actor }: Leaving): Promise<boolean> {
  const note = `disabled in ${name} when it was disconnected`
  const { rows } = await sql<{ id: string }>`
    with gone as (
      delete from hold where reason = ${sourceHold(id)} and principal_id in (
        select principal_id from hold where reason = ${sourceHold(id)}
        order by principal_id limit ${REMOVAL_BATCH})
      returning principal_id),
    kept as (
      insert into hold (principal_id, reason, note)
      select principal_id, 'admin', ${note} from gone on conflict do nothing)
    select principal_id as id from gone`.execute(tx)
  const detail = { before: { hold: sourceHold(id) }, after: { hold: 'admin' } }
  await touch(tx, rows, actor, alike(rows, detail))
  return rows.length > 0
}

async function forgetRememberedPasswords(tx: Tx, { id, actor }: Leaving): Promise<boolean> {
  const rows = await tx
    .deleteFrom('credential')
    .where('id', 'in', (query) =>
      query
        .selectFrom('credential as c')
        .select('c.id')
        .where('c.type', '=', 'source-password')
        .where((eb) =>
          eb.exists(
            eb
              .selectFrom('source_link as l')
              .select('l.principal_id')
              .whereRef('l.principal_id', '=', 'c.principal_id')
              .where('l.source_id', '=', id),
          ),
        )
        .limit(REMOVAL_BATCH),
    )
    .returning(CHANGED_CREDENTIAL)
    .execute()
  noteCredentials(tx, rows, actor)
  return rows.length > 0
}

/** Groups stay with their members, and are from then on changed here. */
async function partWithGroups(tx: Tx, leaving: Leaving): Promise<boolean> {
  const { rows } = await sql<{ external_id: string; id: string }>`
    select l.external_id, g.id from source_link l join directory_group g on g.id = l.group_id
    where l.source_id = ${leaving.id}::uuid and l.object_kind = 'group' and l.removed_at is null
    order by g.id limit ${REMOVAL_BATCH} for update of g`.execute(tx)
  if (rows.length === 0) return false
  const ids = rows.map(({ id }) => id)
  await sql`
    update directory_group set origin = 'static'
    where id = any(${ids}::uuid[]) and origin = 'mirrored'`.execute(tx)
  await endLinks(tx, leaving, { kind: 'group', externalIds: rows.map((row) => row.external_id) })
  await touchGroups(tx, ids, leaving.actor)
  return true
}

/** Of people and groups that were gone before: nothing of theirs is worked out any more. */
async function endPending(tx: Tx, { id }: Leaving): Promise<boolean> {
  const { rows } = await sql`
    update source_link set edges_pending = false, manager_pending = false
    where (source_id, object_kind, external_id) in (
      select source_id, object_kind, external_id from source_link
      where source_id = ${id}::uuid and (edges_pending or manager_pending)
      limit ${BATCH_WEIGHT})
    returning 1`.execute(tx)
  return rows.length > 0
}

async function dropStaging(tx: Tx, { id }: Leaving): Promise<boolean> {
  const { numAffectedRows } = await sql`
    delete from sync_item where (round_id, seq) in (
      select i.round_id, i.seq from sync_item i join sync_round r on r.id = i.round_id
      where r.source_id = ${id}::uuid limit ${ROWS_AT_ONCE})`.execute(tx)
  if (numAffectedRows !== 0n && numAffectedRows !== undefined) return true
  const { numAffectedRows: changes } = await sql`
    delete from sync_change where (round_id, id) in (
      select c.round_id, c.id from sync_change c join sync_round r on r.id = c.round_id
      where r.source_id = ${id}::uuid limit ${ROWS_AT_ONCE})`.execute(tx)
  return changes !== 0n && changes !== undefined
}

async function dropRows(tx: Tx, { id }: Leaving): Promise<boolean> {
  for (const table of LEFT_BEHIND) {
    const { numAffectedRows } = await sql`
      delete from ${sql.table(table)} where ctid = any (array(
        select ctid from ${sql.table(table)} where source_id = ${id}::uuid
        limit ${ROWS_AT_ONCE}))`.execute(tx)
    if (numAffectedRows !== 0n && numAffectedRows !== undefined) return true
  }
  return false
}

async function finish(tx: Tx, { id, people, actor }: Leaving): Promise<boolean> {
  const { rows } = await sql<{ version: number }>`
    update source set left_at = clock_timestamp(), version = nextval('entity_version')
    where id = ${id}::uuid returning version`.execute(tx)
  for (const { version } of rows)
    journal(tx, {
      kind: 'source.disconnected',
      entity: id,
      version,
      actor,
      detail: { people },
    })
  return true
}
