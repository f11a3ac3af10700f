import { type RawBuilder, sql } from 'kysely'
import type { Mastered } from '../provisioning/desired.ts'
import { type GroupFacts, memberAttribute, refusalOfGroup } from '../provisioning/membership.ts'
import type { Tx } from './sync-batch.ts'

/** What a push is refused as that waits for an admin's yes. */
export const HELD = 'held'

/** One group that is decided on here, as it concerns one person. */
export interface GroupRow {
  readonly group: string
  readonly isMember: boolean
  readonly isTold: boolean
  readonly facts: GroupFacts
}

/**
 * Groups of source `s` that are decided on here and concern the person of link `l`, principal `p`:
 * she belongs to one here or there, or something was written about it.
 */
export const GROUPS_HERE: RawBuilder<unknown> = sql`(
  select jsonb_agg(jsonb_build_object('group', gl.external_id, 'isMember', m.member_no is not null,
    'isTold', e.member_external_id is not null, 'facts', gl.attributes))
  from source_link gl join directory_group g on g.id = gl.group_id and g.lifecycle = 'active'
  left join membership m on m.group_no = g.no and m.member_no = p.no
  left join source_member e on e.source_id = gl.source_id
    and e.group_external_id = gl.external_id and e.member_external_id = l.external_id
  where gl.source_id = l.source_id and gl.members_here and gl.removed_at is null
    and (m.member_no is not null or e.member_external_id is not null
      or exists (select from push x where x.source_id = l.source_id
        and x.principal_id = p.id and x.attribute = 'member:' || gl.external_id)))`

/** Whether a membership of the person of link `l`, principal `p` is decided on here. */
export const HAS_GROUPS_HERE: RawBuilder<unknown> = sql`exists (
  select from source_link gl join directory_group g on g.id = gl.group_id
  where gl.source_id = l.source_id and gl.members_here and gl.removed_at is null
    and (exists (select from membership m where m.group_no = g.no and m.member_no = p.no)
      or exists (select from source_member e where e.source_id = gl.source_id
        and e.group_external_id = gl.external_id and e.member_external_id = l.external_id)))`

/** Her memberships as they are to be written. */
export function membershipsOf(groups: readonly GroupRow[]): readonly Mastered[] {
  return groups.map(({ group, isMember, facts }) => {
    const refusal = refusalOfGroup(facts)
    const write = { attribute: memberAttribute(group), value: isMember }
    return refusal === null ? write : { ...write, refusal }
  })
}

/** People of these edges whose membership is decided on here, and told otherwise by the source. */
export async function markMembers(
  tx: Tx,
  sourceId: string,
  edges: readonly { readonly group: string; readonly member: string }[],
): Promise<void> {
  if (edges.length === 0) return
  await sql`
    insert into push_dirty (source_id, principal_id)
    select distinct l.source_id, l.principal_id
    from jsonb_to_recordset(${JSON.stringify(edges)}::jsonb) as r ("group" text, member text)
    join source_link gl on gl.source_id = ${sourceId}::uuid and gl.object_kind = 'group'
      and gl.external_id = r."group" and gl.members_here and gl.removed_at is null
    join directory_group g on g.id = gl.group_id
    join source_link l on l.source_id = gl.source_id and l.object_kind = 'person'
      and l.external_id = r.member and l.removed_at is null
    join principal p on p.id = l.principal_id
    where exists (select from membership m where m.group_no = g.no and m.member_no = p.no)
      <> exists (select from source_member e where e.source_id = gl.source_id
        and e.group_external_id = r."group" and e.member_external_id = r.member)
    on conflict (source_id, principal_id) do update set mark = default,
      due_at = least(push_dirty.due_at, excluded.due_at)`.execute(tx)
}
