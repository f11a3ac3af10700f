import { sql } from 'kysely'
import type { Tx } from './sync-batch.ts'

export type ChangeAct = 'created' | 'changed' | 'removed' | 'restored' | 'held' | 'freed'

/** One thing that a round did, as it is kept to be taken back. */
export interface Change {
  readonly kind: 'person' | 'group' | 'membership'
  readonly act: ChangeAct
  /** In the source's ids; of a membership our id of the group. */
  readonly subject: string
  readonly memberNo?: number
  /** Values by name, of what changed only. */
  readonly before?: Readonly<Record<string, unknown>>
  readonly after?: Readonly<Record<string, unknown>>
}

/**
 * Keeps what a batch of a round did, in its transaction. Memberships of a group that the same round
 * made are left out: they go with it.
 */
export async function recordChanges(
  tx: Tx,
  roundId: string,
  changes: readonly Change[],
): Promise<void> {
  if (changes.length === 0) return
  // Each group is looked up by its keys: a first import fills these tables faster than the planner is told.
  await sql`
    with r as materialized (
      select * from jsonb_to_recordset(${JSON.stringify(changes)}::jsonb)
        as r (kind text, act text, subject text, "memberNo" integer, before jsonb, after jsonb)),
    made as materialized (
      select g.id::text from (select distinct subject::uuid as id from r where kind = 'membership') g
        cross join (select source_id from sync_round where id = ${roundId}::uuid) of_round
        cross join lateral (select external_id from source_link
          where source_id = of_round.source_id and group_id = g.id limit 1) link
        cross join lateral (select from sync_change
          where round_id = ${roundId}::uuid and subject = link.external_id
            and act = 'created' and object_kind = 'group' limit 1) created)
    insert into sync_change (round_id, object_kind, act, subject, member_no, before, after)
    select ${roundId}::uuid, r.kind, r.act, r.subject, r."memberNo", r.before, r.after
    from r where r.kind <> 'membership' or not exists (select from made where made.id = r.subject)`.execute(
    tx,
  )
}

const ENDED: Readonly<Record<string, ChangeAct>> = {
  create: 'created',
  remove: 'removed',
  restore: 'restored',
}

/** What a verdict of a round did to whom it is about, beside holds. */
export function didOf(
  kind: 'person' | 'group',
  verdict: {
    readonly externalId: string
    readonly act: string
    readonly changed: readonly string[]
    readonly values: object
  },
  before: object | null,
): Change[] {
  const { externalId: subject, act, changed, values } = verdict
  const ended = ENDED[act]
  return [
    ...(ended === undefined ? [] : [{ kind, act: ended, subject }]),
    ...(before !== null && changed.length > 0
      ? [{ kind, act: 'changed' as const, subject, ...valuesOf(before, values, changed) }]
      : []),
  ]
}

/** Before and after of some names. */
export function valuesOf(
  before: object,
  after: object,
  names: readonly string[],
): Pick<Change, 'before' | 'after'> {
  const from = before as Readonly<Record<string, unknown>>
  const to = after as Readonly<Record<string, unknown>>
  const pick = (values: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(names.map((name) => [name, values[name] ?? null]))
  return { before: pick(from), after: pick(to) }
}

/** What was kept of rounds that ended long ago; a slice. @returns false when nothing is left */
export async function pruneChanges(
  tx: Tx,
  sourceId: string,
  options: { readonly days: number; readonly limit: number },
): Promise<boolean> {
  const { numAffectedRows } = await sql`
    delete from sync_change where (round_id, id) in (
      select c.round_id, c.id from sync_change c join sync_round r on r.id = c.round_id
      where r.source_id = ${sourceId}::uuid and r.state in ('done', 'abandoned')
        and r.finished_at < clock_timestamp() - make_interval(days => ${options.days})
      limit ${options.limit})`.execute(tx)
  return numAffectedRows === BigInt(options.limit)
}
