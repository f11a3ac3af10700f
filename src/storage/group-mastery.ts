import type { Kysely } from 'kysely'
import { sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import type {
  Actor,
  GroupMaster,
  GroupMastery,
  GroupPushes,
  PushedMember,
} from '../directory/ports/people.ts'
import { type GroupFacts, refusalOfGroup } from '../provisioning/membership.ts'
import type { Tables } from './database.ts'
import { journal } from './journal.ts'
import { type Member, writeMembers } from './memberships.ts'
import { HELD } from './push-members.ts'
import type { Tx } from './written.ts'

/** People who may differ when a group is given back; more are for the pushes to settle first. */
const MAX_DIFFERENCES = 500

interface MirroredRow {
  readonly no: number
  readonly source_id: string
  readonly source: string
  readonly external_id: string
  readonly members_here: boolean
  readonly is_written: boolean
  readonly facts: GroupFacts
}

/** The group as a source has it, locked. */
async function lockMirrored(tx: Tx, id: string): Promise<MirroredRow> {
  const { rows } = await sql<MirroredRow>`
    select g.no, gl.source_id, s.name as source, gl.external_id, gl.members_here,
      gl.attributes as facts,
      coalesce(s.config -> 'extras' @> '"groups"', false)
        and s.config ->> 'tier' in ('write-back', 'password') as is_written
    from directory_group g join source_link gl on gl.group_id = g.id and gl.removed_at is null
    join source s on s.id = gl.source_id
    where g.id = ${id}::uuid and g.lifecycle = 'active' for update of gl, g`.execute(tx)
  const [row] = rows
  if (row === undefined) throw refused('no source has this group: its members are decided on here')
  return row
}

/**
 * Says who decides on the people of a group that comes from a source. Decided on here it begins with
 * those it has; given back it has those whom the source has told of last.
 *
 * @returns how many memberships changed, or 1 for the decision alone; 0 when it stood so already
 * @throws {DirectoryError} `DIRECTORY_REFUSED` where the source may not, or cannot, be written
 */
export async function setMaster(
  tx: Tx,
  id: string,
  change: { readonly master: GroupMaster; readonly actor: Actor },
): Promise<number> {
  const { master, actor } = change
  const group = await lockMirrored(tx, id)
  if (group.members_here === (master === 'here')) return 0
  if (master === 'here') refuseUnwritable(group)
  await sql`
    update source_link set members_here = ${master === 'here'}, removals_approved = 0,
      edges_pending = edges_pending or ${master === 'source'}
    where source_id = ${group.source_id}::uuid and object_kind = 'group'
      and external_id = ${group.external_id}`.execute(tx)
  await sql`
    delete from removal_waiting where source_id = ${group.source_id}::uuid and kind = 'membership'
      and group_external_id = ${group.external_id}`.execute(tx)
  const left = master === 'source' ? await takeBack(tx, { id, group }, actor) : 0
  await markAll(tx, group)
  journal(tx, { kind: 'admin.group-master-set', entity: id, actor, detail: { master } })
  return Math.max(1, left)
}

function refuseUnwritable({ source, is_written, facts }: MirroredRow): void {
  if (!is_written)
    throw refused(
      `${source} is not written: gatehouse source set-tier ${source} write-back, then gatehouse ` +
        `source set-extra ${source} groups`,
    )
  const refusal = refusalOfGroup(facts)
  if (refusal !== null) throw refused(refusal)
}

/** Those whom the source has not told of leave; those who were missing come with the next round. */
async function takeBack(
  tx: Tx,
  what: { readonly id: string; readonly group: MirroredRow },
  actor: Actor,
): Promise<number> {
  const { id, group } = what
  const { rows } = await sql<Member>`
    select p.no, 'person' as kind from membership m join principal p on p.no = m.member_no
    where m.group_no = ${group.no} and m.member_kind = 'person'
      and not exists (select from source_member e join source_link l
          on l.source_id = e.source_id and l.external_id = e.member_external_id
        where e.source_id = ${group.source_id}::uuid and l.principal_id = p.id
          and e.group_external_id = ${group.external_id})
    limit ${MAX_DIFFERENCES + 1}`.execute(tx)
  if (rows.length > MAX_DIFFERENCES)
    throw refused(`more than ${MAX_DIFFERENCES} people differ: let them be written first`)
  return writeMembers(tx, { id, no: group.no }, { members: rows, isMember: false, actor })
}

/** Whatever was written of the group is looked at anew: it is given back, or goes on. */
async function markAll(tx: Tx, group: MirroredRow): Promise<void> {
  await markPushed(tx, group, sql`true`)
}

async function markPushed(
  tx: Tx,
  { source_id, external_id }: MirroredRow,
  which: ReturnType<typeof sql<boolean>>,
): Promise<void> {
  await sql`
    insert into push_dirty (source_id, principal_id)
    select x.source_id, x.principal_id from push x
    where x.source_id = ${source_id}::uuid and x.attribute = ${`member:${external_id}`} and ${which}
    on conflict (source_id, principal_id) do update set mark = default, attempts = 0,
      due_at = clock_timestamp()`.execute(tx)
}

const IS_HELD = sql<boolean>`x.status = 'refused' and x.reason like ${`${HELD}:%`}`

/**
 * Lets removals go that were too many within a day.
 *
 * @param count how many were seen to wait
 * @throws {DirectoryError} `DIRECTORY_CONFLICT` when they are no longer so many
 */
export async function approveRemovals(
  tx: Tx,
  id: string,
  change: { readonly count: number; readonly actor: Actor },
): Promise<number> {
  const { count, actor } = change
  const group = await lockMirrored(tx, id)
  const { rows } = await sql<{ held: number }>`
    select count(*)::integer as held from push x
    where x.source_id = ${group.source_id}::uuid
      and x.attribute = ${`member:${group.external_id}`} and ${IS_HELD}`.execute(tx)
  const held = rows[0]?.held ?? 0
  if (held === 0) throw refused('nobody waits to leave this group')
  if (held !== count)
    throw new DirectoryError('DIRECTORY_CONFLICT', `${held} people wait to leave, and not ${count}`)
  await sql`
    update source_link set removals_approved = ${count}
    where source_id = ${group.source_id}::uuid and object_kind = 'group'
      and external_id = ${group.external_id}`.execute(tx)
  await markPushed(tx, group, IS_HELD)
  journal(tx, { kind: 'admin.group-removals-approved', entity: id, actor, detail: { count } })
  return count
}

/** Who decides on the people of a group; null for one of our own. */
export async function readMastery(db: Kysely<Tables>, id: string): Promise<GroupMastery | null> {
  const { rows } = await sql<{ source: string; members_here: boolean }>`
    select s.name as source, gl.members_here
    from source_link gl join source s on s.id = gl.source_id
    where gl.group_id = ${id}::uuid and gl.removed_at is null limit 1`.execute(db)
  const [row] = rows
  return row === undefined
    ? null
    : { source: row.source, master: row.members_here ? 'here' : 'source' }
}

/** What was written of a group where it comes from: first what was not taken, and how much there is. */
export async function readPushes(
  db: Kysely<Tables>,
  id: string,
  limit: number,
): Promise<GroupPushes> {
  const of = sql`
    from source_link gl join push x on x.source_id = gl.source_id
      and x.attribute = 'member:' || gl.external_id
    where gl.group_id = ${id}::uuid and gl.removed_at is null`
  const { rows: counts } = await sql<{ total: number; held: number }>`
    select count(*)::integer as total, (count(*) filter (where ${IS_HELD}))::integer as held
    ${of}`.execute(db)
  const { rows: pushes } = await sql<PushedMember>`
    select n.username as person, p.wanted as "isMember", p.status, p.reason
    from (select x.principal_id, x.wanted, x.status, x.reason ${of}) p
    join person n on n.id = p.principal_id
    order by p.status = 'written', n.username limit ${limit}`.execute(db)
  return { ...(counts[0] ?? { total: 0, held: 0 }), pushes }
}

function refused(why: string): DirectoryError {
  return new DirectoryError('DIRECTORY_REFUSED', why)
}
