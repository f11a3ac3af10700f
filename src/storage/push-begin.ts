import { type Kysely, sql } from 'kysely'
import type { Planned } from '../provisioning/desired.ts'
import { groupOf, isMemberWrite } from '../provisioning/membership.ts'
import type { Begun, Claim } from '../provisioning/push-store.ts'
import type { MemberWrite } from '../provisioning/target.ts'
import { remainingAllowance } from '../sources/guard.ts'
import type { Database } from './connection.ts'
import type { Tables } from './database.ts'
import { HELD } from './push-members.ts'
import type { Tx } from './sync-batch.ts'
import { IN_WINDOW, recordRemovals } from './sync-removals.ts'

/** A request may take this long; a claim that ends sooner is not good for another one. */
const REQUEST_SECONDS = 15

/**
 * As {@link PushStore.begin}. A removal from a group is judged, counted and begun in one transaction,
 * so that an approval is spent with exactly one of them.
 */
export async function beginPush(db: Database, claim: Claim, planned: Planned): Promise<Begun> {
  const { write } = planned
  if (!isMemberWrite(write) || write.value)
    return (await beginOne(db.kysely, claim, planned)) ? 'begun' : 'lost'
  const { value } = await db.write(async (tx): Promise<Begun> => {
    const judged = await judgeRemoval(tx, claim, write)
    if (judged.waits !== null) return judged
    if (!(await beginOne(tx, claim, planned))) return 'lost'
    await countRemoval(tx, claim, judged)
    return 'begun'
  })
  return value
}

/** @returns whether the claim is still ours, and what is about to be sent is written down */
async function beginOne(
  db: Kysely<Tables>,
  claim: Claim,
  { write, repeats }: Planned,
): Promise<boolean> {
  const wanted = JSON.stringify(write.value)
  const { rows } = await sql`
    with mine as (
      select 1 from push_dirty
      where source_id = ${claim.sourceId}::uuid and principal_id = ${claim.principalId}::uuid
        and claim = ${claim.id}::uuid and mark = ${claim.mark}
        and exists (select from source s where s.id = source_id and s.state <> 'paused'
          and coalesce(s.config ->> 'tier', 'read') <> 'read')
        and claimed_until > clock_timestamp() + make_interval(secs => ${REQUEST_SECONDS})
      for update)
    insert into push (source_id, principal_id, attribute, status, wanted, repeats)
    select ${claim.sourceId}::uuid, ${claim.principalId}::uuid, ${write.attribute}, 'sending',
      ${wanted}::jsonb, ${repeats} from mine
    on conflict (source_id, principal_id, attribute) do update set status = 'sending',
      wanted = excluded.wanted, repeats = excluded.repeats,
      changed_at = clock_timestamp()
    returning 1 as begun`.execute(db)
  return rows.length > 0
}

interface GuardRow {
  readonly id: string
  readonly name: string
  readonly approved: number
  readonly living: number
  readonly removed: number
  readonly is_counted: boolean
  readonly is_held: boolean
}

/** Why a removal waits for an admin, in words; or what it costs to begin it. */
type RemovalJudgement =
  | { readonly waits: string }
  | {
      readonly waits: null
      readonly groupId: string | null
      /** Nothing for one that was counted before: it is begun once more, or was refused there. */
      readonly costs: 'nothing' | 'room' | 'approval'
    }

const FREE: RemovalJudgement = { waits: null, groupId: null, costs: 'nothing' }

/** Judges a removal, with the group locked until it is counted by {@link countRemoval}, or is not. */
async function judgeRemoval(
  tx: Tx,
  claim: Claim,
  { attribute }: MemberWrite,
): Promise<RemovalJudgement> {
  const { rows } = await sql<GuardRow>`
    select g.id, g.name, gl.removals_approved as approved,
      (select count(*)::integer from membership m where m.group_no = g.no) as living,
      (select count(*)::integer from removal r where r.source_id = gl.source_id
        and r.group_id = g.id and ${IN_WINDOW}) as removed,
      coalesce(x.wanted = 'false' and (x.status in ('sending', 'undecided')
        or x.status = 'refused' and x.reason not like ${`${HELD}:%`}), false)
        and exists (
          select from removal r where r.source_id = gl.source_id and r.group_id = g.id
            and r.kind = 'membership' and r.subject = ${claim.externalId} and ${IN_WINDOW})
        as is_counted,
      coalesce(x.status = 'refused' and x.reason like ${`${HELD}:%`}, false) as is_held
    from source_link gl join directory_group g on g.id = gl.group_id
    left join push x on x.source_id = gl.source_id
      and x.principal_id = ${claim.principalId}::uuid and x.attribute = ${attribute}
    where gl.source_id = ${claim.sourceId}::uuid and gl.object_kind = 'group'
      and gl.external_id = ${groupOf(attribute)} for update of gl`.execute(tx)
  const [row] = rows
  if (row === undefined || row.is_counted) return FREE
  if (!row.is_held && remainingAllowance(row.living, row.removed) > 0)
    return { waits: null, groupId: row.id, costs: 'room' }
  if (row.approved > 0) return { waits: null, groupId: row.id, costs: 'approval' }
  const waits =
    `${HELD}: too many people would leave ${row.name} within a day: look at gatehouse group ` +
    `pushes ${row.name}, then gatehouse group approve ${row.name}`
  return { waits }
}

/** Counts a removal that begins, in the transaction that says so: one approval is one removal. */
async function countRemoval(
  tx: Tx,
  claim: Claim,
  { groupId, costs }: Extract<RemovalJudgement, { readonly waits: null }>,
): Promise<void> {
  if (costs === 'nothing') return
  if (costs === 'approval') {
    await sql`
      update source_link set removals_approved = removals_approved - 1
      where source_id = ${claim.sourceId}::uuid and object_kind = 'group'
        and group_id = ${groupId}::uuid`.execute(tx)
  }
  const { sourceId, externalId: subject } = claim
  await recordRemovals(tx, sourceId, [{ kind: 'membership', subject, groupId }])
}
