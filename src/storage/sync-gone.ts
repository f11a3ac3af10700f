import { sql } from 'kysely'
import type { Round } from '../sources/sync-store.ts'
import type { Tx } from './sync-batch.ts'

/** A source's clock and ours may differ, and its copies lag behind. */
const CREATED_BEFORE_MARGIN_MS = 60 * 60_000

interface Arrival {
  readonly externalId: string
  readonly act: string
  readonly values: { readonly createdAt?: string | null }
  readonly isUnknownGone: boolean
}

/**
 * Somebody came back: restored, or new to us though older than our first look. The source told of
 * her memberships while she was away, or not at all, and no delta will: the groups are to be read
 * whole. Those deleted before they were ever imported are remembered for that day.
 */
export async function noteReturns(
  tx: Tx,
  round: Round,
  arrivals: readonly Arrival[],
): Promise<void> {
  const { sourceId } = round
  const created = arrivals.filter(({ act }) => act === 'create' || act === 'propose')
  await rememberGone(
    tx,
    sourceId,
    arrivals.filter(({ isUnknownGone }) => isUnknownGone).map(({ externalId }) => externalId),
  )
  const hasReturned = await takeGone(
    tx,
    sourceId,
    created.map(({ externalId }) => externalId),
  )
  const isRestored = arrivals.some(({ act }) => act === 'restore')
  if (hasReturned || isRestored || (await isOld(tx, round, created))) {
    await sql`
      update sync_token set needs_full = true
      where source_id = ${sourceId}::uuid and stream = 'groups'`.execute(tx)
  }
}

async function isOld(tx: Tx, round: Round, created: readonly Arrival[]): Promise<boolean> {
  if (created.length === 0) return false
  const { rows } = await sql<{ at: Date | null }>`
    select min(started_at) as at from sync_round
    where source_id = ${round.sourceId}::uuid and stream = ${round.stream}
      and mode = 'full' and state = 'done'`.execute(tx)
  const sinceMs = (rows[0]?.at?.getTime() ?? 0) - CREATED_BEFORE_MARGIN_MS
  // A source that tells no time of creation is taken at its word: what is new to us is new.
  return created.some(({ values }) => Date.parse(values.createdAt ?? '') < sinceMs)
}

async function rememberGone(tx: Tx, sourceId: string, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await sql`
    insert into source_gone (source_id, external_id)
    select distinct ${sourceId}::uuid, id from unnest(${ids}::text[]) as r (id)
    on conflict do nothing`.execute(tx)
}

async function takeGone(tx: Tx, sourceId: string, ids: readonly string[]): Promise<boolean> {
  if (ids.length === 0) return false
  const { rows } = await sql<{ one: number }>`
    delete from source_gone
    where source_id = ${sourceId}::uuid and external_id = any(${ids}::text[])
    returning 1 as one`.execute(tx)
  return rows.length > 0
}
