import { sql } from 'kysely'
import type { Actor } from '../directory/ports/people.ts'
import { Allowance, EMPTY_GROUP_LIMIT } from '../sources/guard.ts'
import type { MemberType } from '../sources/source.ts'
import type { BatchResult, Round } from '../sources/sync-store.ts'
import type { Database } from './connection.ts'
import { journal } from './journal.ts'
import { markMembers } from './push-members.ts'
import { BATCH_WEIGHT, lockRound, lockSource, sourceActor, type Tx } from './sync-batch.ts'
import { type Change, recordChanges } from './sync-changes.ts'
import { awaitApproval, endWaiting, readGroupAllowances, recordRemovals } from './sync-removals.ts'

/** A direct membership in the source's own ids. */
export interface Edge {
  readonly group: string
  readonly member: string
  readonly type: MemberType
}

export interface DirectoryEdge {
  readonly group_id: string
  readonly group_no: number
  readonly member_no: number
}

/**
 * The ends of an edge in our numbers, where both are imported and alive. Each lateral is one look
 * at the key, whatever the planner has been told of a table that was empty a second ago.
 */
const BOTH_ENDS = sql`
  cross join lateral (select * from source_link x
    where x.source_id = e.source_id and x.object_kind = 'group'
      and x.external_id = e.group_external_id and x.removed_at is null limit 1) gl
  cross join lateral (select * from directory_group y
    where y.id = gl.group_id and y.lifecycle = 'active' limit 1) g
  cross join lateral (select * from source_link x
    where x.source_id = e.source_id and x.object_kind in ('person', 'group')
      and x.external_id = e.member_external_id and x.removed_at is null limit 1) ml
  left join lateral (select * from principal y where y.id = ml.principal_id limit 1) mp on true
  left join lateral (select * from directory_group y where y.id = ml.group_id limit 1) mg on true`

/** Of people in a group that is decided on here, the source's word is only kept beside ours. */
const IS_THEIRS = sql`not (gl.members_here and ml.object_kind = 'person')`

/** Journals edges, and gives each of their groups a new version of its members. */
export async function journalEdges(
  tx: Tx,
  actor: Actor,
  edges: readonly DirectoryEdge[],
): Promise<void> {
  if (edges.length === 0) return
  const numbers = [...new Set(edges.map((edge) => edge.group_no))]
  const { rows } = await sql<{ no: number; members_version: number }>`
    update directory_group set members_version = members_version + 1
    where no = any(${numbers}::integer[]) returning no, members_version`.execute(tx)
  const versions = new Map(rows.map((row) => [row.no, row.members_version]))
  for (const { group_id, group_no, member_no } of edges) {
    const version = versions.get(group_no)
    journal(tx, {
      kind: 'membership',
      entity: group_id,
      edge: { groupNo: group_no, memberNo: member_no },
      actor,
      ...(version === undefined ? {} : { version }),
    })
  }
}

/** Remembers edges, and makes memberships of those whose ends are both known. */
export async function addMembers(tx: Tx, round: Round, edges: readonly Edge[]): Promise<number> {
  if (edges.length === 0) return 0
  const { sourceId, generation } = round
  const json = JSON.stringify(edges)
  await sql`
    insert into source_member (source_id, group_external_id, member_external_id, member_type, generation)
    select ${sourceId}::uuid, r."group", r.member, r.type, ${generation}
    from jsonb_to_recordset(${json}::jsonb) as r ("group" text, member text, type text)
    on conflict (source_id, group_external_id, member_external_id) do update
      set generation = excluded.generation, member_type = excluded.member_type
      where source_member.generation <> excluded.generation
        or source_member.member_type <> excluded.member_type`.execute(tx)
  await endWaiting(
    tx,
    sourceId,
    edges.map((edge) => ({ kind: 'membership', subject: edge.member, group: edge.group })),
  )
  const { rows } = await sql<DirectoryEdge>`
    with e as (
      select ${sourceId}::uuid as source_id, r."group" as group_external_id,
        r.member as member_external_id
      from jsonb_to_recordset(${json}::jsonb) as r ("group" text, member text)),
    added as (
      insert into membership (group_no, member_no, member_kind)
      select distinct g.no, coalesce(mp.no, mg.no), ml.object_kind from e ${BOTH_ENDS}
      where ${IS_THEIRS}
      on conflict do nothing returning group_no, member_no)
    select g.id as group_id, a.group_no, a.member_no
    from added a join directory_group g on g.no = a.group_no`.execute(tx)
  await journalEdges(tx, sourceActor(sourceId), rows)
  await recordChanges(tx, round.id, rows.map(changeOf('created')))
  await markMembers(tx, sourceId, edges)
  return rows.length
}

function changeOf(act: 'created' | 'removed') {
  return ({ group_id: subject, member_no: memberNo }: Omit<DirectoryEdge, 'group_no'>): Change => ({
    kind: 'membership',
    act,
    subject,
    memberNo,
  })
}

interface KnownEdge {
  readonly group_external_id: string
  readonly member_external_id: string
  readonly group_id: string | null
  readonly group_no: number | null
  readonly member_no: number | null
  readonly waits: boolean
}

/** Edges of this list that we know of, with the membership each has become, if it has. */
async function readEdges(
  tx: Tx,
  sourceId: string,
  edges: readonly Omit<Edge, 'type'>[],
): Promise<readonly KnownEdge[]> {
  const { rows } = await sql<KnownEdge>`
    select e.group_external_id, e.member_external_id, b.group_id, b.group_no, b.member_no,
      w.subject is not null as waits
    from jsonb_to_recordset(${JSON.stringify(edges)}::jsonb) as r ("group" text, member text)
    join source_member e on e.source_id = ${sourceId}::uuid and e.group_external_id = r."group"
      and e.member_external_id = r.member
    left join lateral (
      select g.id as group_id, m.group_no, m.member_no
      from (select e.source_id, e.group_external_id, e.member_external_id) e ${BOTH_ENDS}
      join membership m on m.group_no = g.no and m.member_no = coalesce(mp.no, mg.no)
      where ${IS_THEIRS}) b on true
    left join removal_waiting w on w.source_id = e.source_id and w.kind = 'membership'
      and w.subject = e.member_external_id and w.group_external_id = e.group_external_id`.execute(
    tx,
  )
  return rows
}

/**
 * Takes edges out that the source no longer has. A real membership is removed only while its
 * group's window allows; the others wait for an admin.
 *
 * @param options.isBelieved false: the answer is not trusted, and every real membership waits
 * @param options.roundId of the round that does so
 */
export async function forgetMembers(
  tx: Tx,
  sourceId: string,
  edges: readonly Omit<Edge, 'type'>[],
  options: {
    readonly isBelieved: boolean
    readonly roundId: string
    readonly doubtedGroups?: ReadonlySet<string>
  },
): Promise<{ readonly removed: number; readonly waiting: number }> {
  if (edges.length === 0) return { removed: 0, waiting: 0 }
  const known = await readEdges(tx, sourceId, edges)
  const real = known.filter((edge) => edge.group_id !== null && !edge.waits)
  const groupIds = [...new Set(real.flatMap((edge) => edge.group_id ?? []))]
  const allowed = await readGroupAllowances(tx, sourceId, groupIds)
  const allowances = new Map(groupIds.map((id) => [id, new Allowance(allowed.get(id) ?? 0)]))
  const isTaken = (edge: KnownEdge): boolean =>
    options.isBelieved &&
    !options.doubtedGroups?.has(edge.group_external_id) &&
    (allowances.get(edge.group_id ?? '')?.take() ?? false)
  const taken = real.filter(isTaken)
  const goes = new Set(taken)
  const waiting = await awaitApproval(
    tx,
    sourceId,
    real.filter((edge) => !goes.has(edge)).map(waitingKey),
  )
  const dangling = known.filter((edge) => edge.group_id === null)
  await deleteEdges(tx, sourceId, [...dangling, ...taken])
  await markMembers(tx, sourceId, edges)
  await recordChanges(
    tx,
    options.roundId,
    taken.flatMap(({ group_id, member_no }) =>
      group_id === null || member_no === null ? [] : [changeOf('removed')({ group_id, member_no })],
    ),
  )
  await recordRemovals(
    tx,
    sourceId,
    taken.map((edge) => ({
      kind: 'membership',
      subject: edge.member_external_id,
      groupId: edge.group_id,
    })),
  )
  return { removed: taken.length, waiting }
}

function waitingKey(edge: Omit<KnownEdge, 'waits'>) {
  return {
    kind: 'membership',
    subject: edge.member_external_id,
    group: edge.group_external_id,
  } as const
}

/** Deletes edges and their memberships; approved ones come here without a window. */
async function deleteEdges(tx: Tx, sourceId: string, edges: readonly KnownEdge[]): Promise<void> {
  if (edges.length === 0) return
  const keys = edges.map((edge) => ({ g: edge.group_external_id, m: edge.member_external_id }))
  await sql`
    delete from source_member e
    using jsonb_to_recordset(${JSON.stringify(keys)}::jsonb) as r (g text, m text)
    where e.source_id = ${sourceId}::uuid and e.group_external_id = r.g
      and e.member_external_id = r.m`.execute(tx)
  await endWaiting(tx, sourceId, edges.map(waitingKey))
  await deleteMemberships(
    tx,
    sourceId,
    edges.flatMap((edge) =>
      edge.group_no !== null && edge.member_no !== null
        ? [{ groupNo: edge.group_no, memberNo: edge.member_no }]
        : [],
    ),
  )
}

async function deleteMemberships(
  tx: Tx,
  sourceId: string,
  edges: readonly { readonly groupNo: number; readonly memberNo: number }[],
): Promise<number> {
  if (edges.length === 0) return 0
  const { rows } = await sql<DirectoryEdge>`
    with gone as (
      delete from membership m
      using unnest(${edges.map((edge) => edge.groupNo)}::integer[],
                   ${edges.map((edge) => edge.memberNo)}::integer[]) as r (group_no, member_no)
      where m.group_no = r.group_no and m.member_no = r.member_no
      returning m.group_no, m.member_no)
    select g.id as group_id, gone.group_no, gone.member_no
    from gone join directory_group g on g.no = gone.group_no`.execute(tx)
  await journalEdges(tx, sourceActor(sourceId), rows)
  return rows.length
}

/** An admin has said yes: out they go, whatever the window. */
export async function removeApprovedMembers(
  tx: Tx,
  sourceId: string,
  edges: readonly Omit<Edge, 'type'>[],
): Promise<number> {
  const known = await readEdges(tx, sourceId, edges)
  await deleteEdges(tx, sourceId, known)
  return known.length
}

/** After a full round: edges of groups it showed that it did not name any more. */
export async function sweepMembers(
  db: Database,
  round: Round,
  options: { readonly isBelieved: boolean },
): Promise<BatchResult | null> {
  const { sourceId, generation } = round
  const { rows: stale } = await sql<{ group: string; member: string }>`
    select e.group_external_id as "group", e.member_external_id as member
    from source_member e
    cross join lateral (select 1 from source_link x
      where x.source_id = e.source_id and x.object_kind = 'group'
        and x.external_id = e.group_external_id and x.removed_at is null
        and x.generation = ${generation} limit 1) gl
    where e.source_id = ${sourceId}::uuid and e.generation < ${generation}
      and not exists (select 1 from removal_waiting w where w.source_id = e.source_id
        and w.kind = 'membership' and w.subject = e.member_external_id
        and w.group_external_id = e.group_external_id)
    limit ${BATCH_WEIGHT}`.execute(db.kysely)
  if (stale.length === 0) return null
  const { value } = await db.write(async (tx) => {
    await lockRound(tx, round)
    const doubtedGroups = await readEmptied(tx, round, [
      ...new Set(stale.map((edge) => edge.group)),
    ])
    return forgetMembers(tx, sourceId, stale, { ...options, roundId: round.id, doubtedGroups })
  })
  return {
    counts: { membersRemoved: value.removed, waiting: value.waiting },
    items: stale.length,
  }
}

/**
 * Groups that the round shows without a single member though we know of several: a hidden
 * membership looks just like that to an application without the right to see it.
 */
async function readEmptied(
  tx: Tx,
  round: Round,
  groups: readonly string[],
): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ group: string }>`
    select e.group_external_id as "group" from source_member e
    where e.source_id = ${round.sourceId}::uuid and e.group_external_id = any(${groups}::text[])
    group by e.group_external_id
    having count(*) filter (where e.generation = ${round.generation}) = 0
      and count(*) > ${EMPTY_GROUP_LIMIT}`.execute(tx)
  return new Set(rows.map((row) => row.group))
}

/** Works out the memberships of those who came, came back or went, a slice at a time. */
export async function settleEdges(db: Database, sourceId: string): Promise<BatchResult | null> {
  const { value } = await db.write(async (tx) => {
    await lockSource(tx, sourceId)
    const { rows: pending } = await sql<{ kind: string; external_id: string; is_removed: boolean }>`
      select object_kind as kind, external_id, removed_at is not null as is_removed
      from source_link where source_id = ${sourceId}::uuid and edges_pending
      order by external_id limit ${BATCH_WEIGHT} for update`.execute(tx)
    if (pending.length === 0) return null
    const idsOf = (isRemoved: boolean) =>
      pending.filter((row) => row.is_removed === isRemoved).map((row) => row.external_id)
    const removed = await dropEdgesOf(tx, sourceId, idsOf(true))
    const left = BATCH_WEIGHT - removed
    const added = left > 0 ? await makeEdgesOf(tx, sourceId, { ids: idsOf(false), limit: left }) : 0
    const isDone = removed + added < BATCH_WEIGHT
    if (isDone)
      await clearPending(
        tx,
        sourceId,
        pending.map((row) => row.external_id),
      )
    return { counts: { membersAdded: added }, items: 0 }
  })
  return value
}

async function clearPending(tx: Tx, sourceId: string, ids: readonly string[]): Promise<void> {
  await sql`
    update source_link set edges_pending = false
    where source_id = ${sourceId}::uuid and object_kind in ('person', 'group')
      and external_id = any(${ids}::text[]) and edges_pending`.execute(tx)
}

/**
 * Not counted against any window: these went with the person or group that was counted. Somebody
 * who lives on, as another source has her too, or as she was here before, leaves this one's groups.
 * Groups that are decided on here keep her, as they do when she is deleted here.
 */
async function dropEdgesOf(tx: Tx, sourceId: string, ids: readonly string[]): Promise<number> {
  if (ids.length === 0) return 0
  const { rows } = await sql<{ group_no: number; member_no: number }>`
    with gone as (
      select coalesce(p.no, g.no) as no, p.no is not null as is_person,
        'deleted' in (p.lifecycle, g.lifecycle) as is_dead from source_link l
      left join principal p on p.id = l.principal_id
      left join directory_group g on g.id = l.group_id
      where l.source_id = ${sourceId}::uuid and l.object_kind in ('person', 'group')
        and l.external_id = any(${ids}::text[]))
    select m.group_no, m.member_no from gone join membership m on m.member_no = gone.no
    where not (gone.is_person and exists (select 1 from directory_group x
        join source_link y on y.group_id = x.id and y.members_here and y.removed_at is null
        where x.no = m.group_no))
      and (gone.is_dead or exists (select 1 from directory_group x
      join source_link y on y.group_id = x.id and y.source_id = ${sourceId}::uuid
      where x.no = m.group_no))
    union
    select m.group_no, m.member_no from gone join membership m on m.group_no = gone.no
    where gone.is_dead
    limit ${BATCH_WEIGHT}`.execute(tx)
  const edges = rows.map((row) => ({ groupNo: row.group_no, memberNo: row.member_no }))
  return deleteMemberships(tx, sourceId, edges)
}

async function makeEdgesOf(
  tx: Tx,
  sourceId: string,
  options: { readonly ids: readonly string[]; readonly limit: number },
): Promise<number> {
  if (options.ids.length === 0) return 0
  const { rows } = await sql<DirectoryEdge>`
    with e as (
      select source_id, group_external_id, member_external_id from source_member
      where source_id = ${sourceId}::uuid and member_external_id = any(${options.ids}::text[])
      union
      select source_id, group_external_id, member_external_id from source_member
      where source_id = ${sourceId}::uuid and group_external_id = any(${options.ids}::text[])),
    missing as (
      select g.no as group_no, coalesce(mp.no, mg.no) as member_no, ml.object_kind as kind
      from e ${BOTH_ENDS}
      where ${IS_THEIRS} and not exists (select 1 from membership m
        where m.group_no = g.no and m.member_no = coalesce(mp.no, mg.no))
      limit ${options.limit}),
    added as (
      insert into membership (group_no, member_no, member_kind)
      select group_no, member_no, kind from missing
      on conflict do nothing returning group_no, member_no)
    select g.id as group_id, a.group_no, a.member_no
    from added a join directory_group g on g.no = a.group_no`.execute(tx)
  await journalEdges(tx, sourceActor(sourceId), rows)
  return rows.length
}

/** A membership by our id of the group, and the entry number of the member. */
interface EdgeChange {
  readonly subject: string
  readonly memberNo: number | null
}

/** Adds and removes memberships as an admin says, and what is remembered of the source's edges with them. */
export async function changeEdges(
  tx: Tx,
  round: { readonly sourceId: string; readonly actor: Actor },
  change: { readonly added: readonly EdgeChange[]; readonly removed: readonly EdgeChange[] },
): Promise<void> {
  const { sourceId, actor } = round
  if (change.removed.length > 0) {
    const { rows } = await sql<DirectoryEdge>`
      with gone as (
        delete from membership m using jsonb_to_recordset(${JSON.stringify(change.removed)}::jsonb)
          as r (subject uuid, "memberNo" integer) join directory_group g on g.id = r.subject
        where m.group_no = g.no and m.member_no = r."memberNo"
        returning g.id as group_id, m.group_no, m.member_no),
      forgotten as (
        delete from source_member e using gone, source_link gl, source_link ml
        left join principal p on p.id = ml.principal_id
        left join directory_group y on y.id = ml.group_id
        where gl.source_id = ${sourceId}::uuid and gl.group_id = gone.group_id
          and ml.source_id = gl.source_id and coalesce(p.no, y.no) = gone.member_no
          and e.source_id = gl.source_id and e.group_external_id = gl.external_id
          and e.member_external_id = ml.external_id)
      select group_id, group_no, member_no from gone`.execute(tx)
    await journalEdges(tx, actor, rows)
  }
  if (change.added.length === 0) return
  const { rows } = await sql<DirectoryEdge>`
    with wanted as (
      select g.id as group_id, g.no as group_no, r."memberNo" as member_no, gl.external_id as "group",
        ml.external_id as member, ml.object_kind as kind
      from jsonb_to_recordset(${JSON.stringify(change.added)}::jsonb)
        as r (subject uuid, "memberNo" integer)
      join directory_group g on g.id = r.subject
      join source_link gl on gl.source_id = ${sourceId}::uuid and gl.group_id = g.id
      left join principal p on p.no = r."memberNo"
      left join directory_group y on y.no = r."memberNo"
      join source_link ml on ml.source_id = gl.source_id
        and (ml.principal_id = p.id or ml.group_id = y.id)),
    remembered as (
      insert into source_member (source_id, group_external_id, member_external_id, member_type)
      select ${sourceId}::uuid, "group", member, kind from wanted on conflict do nothing),
    added as (
      insert into membership (group_no, member_no, member_kind)
      select group_no, member_no, kind from wanted
      on conflict do nothing returning group_no, member_no)
    select w.group_id, a.group_no, a.member_no from added a
    join wanted w on w.group_no = a.group_no and w.member_no = a.member_no`.execute(tx)
  await journalEdges(tx, actor, rows)
}
