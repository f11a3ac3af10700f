import { sql } from 'kysely'
import type { Actor } from '../directory/ports/people.ts'
import { journal } from './journal.ts'
import type { Tx } from './written.ts'

export interface Member {
  readonly no: number
  readonly kind: 'person' | 'group'
}

interface MemberChange {
  readonly members: readonly Member[]
  readonly isMember: boolean
  readonly actor: Actor
}

/**
 * Adds or removes direct edges; those that are so already are left. The group gets a new version and
 * its journal row comes before those of its edges, so that a reader knows the group when they come.
 *
 * @returns how many edges changed
 */
export async function writeMembers(
  tx: Tx,
  group: { readonly id: string; readonly no: number },
  change: MemberChange,
): Promise<number> {
  const changed = change.isMember
    ? await addEdges(tx, group.no, change.members)
    : await removeEdges(tx, group.no, change.members)
  if (changed.length === 0) return 0
  const { version } = await tx
    .updateTable('directory_group')
    .set({
      version: sql`nextval('entity_version')`,
      members_version: sql`nextval('entity_version')`,
      changed_at: sql`clock_timestamp()`,
    })
    .where('id', '=', group.id)
    .returning('version')
    .executeTakeFirstOrThrow()
  const { actor } = change
  journal(tx, { kind: 'group', entity: group.id, version, actor })
  for (const memberNo of changed) {
    journal(tx, {
      kind: 'membership',
      entity: group.id,
      edge: { groupNo: group.no, memberNo },
      actor,
    })
  }
  return changed.length
}

async function addEdges(
  tx: Tx,
  groupNo: number,
  members: readonly Member[],
): Promise<readonly number[]> {
  const { rows } = await sql<{ member_no: number }>`
    insert into membership (group_no, member_no, member_kind)
    select ${groupNo}, no, kind
    from unnest(${members.map(({ no }) => no)}::integer[],
                ${members.map(({ kind }) => kind)}::text[]) as added (no, kind)
    on conflict do nothing returning member_no`.execute(tx)
  return rows.map((row) => row.member_no)
}

async function removeEdges(
  tx: Tx,
  groupNo: number,
  members: readonly Member[],
): Promise<readonly number[]> {
  const { rows } = await sql<{ member_no: number }>`
    delete from membership
    where group_no = ${groupNo} and member_no = any (${members.map(({ no }) => no)}::integer[])
    returning member_no`.execute(tx)
  return rows.map((row) => row.member_no)
}
