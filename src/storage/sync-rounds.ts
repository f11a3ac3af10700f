import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import type { SourceItem, Stream } from '../sources/source.ts'
import type {
  Blanks,
  Disappearance,
  Judgement,
  KeptHealth,
  OpenRound,
  Round,
  SourceState,
  StreamToken,
  SyncCounts,
  SyncState,
} from '../sources/sync-store.ts'
import type { Database } from './connection.ts'
import { rethrow } from './fault.ts'
import { lockSource, objectKind } from './sync-batch.ts'
import { pruneChanges } from './sync-changes.ts'
import { readAllowance } from './sync-removals.ts'

/** Members told of one group, in one staged item: more are cut into several items. */
const MEMBERS_PER_ITEM = 200
/** So often everything is read and compared. */
const FULL_EVERY_SECONDS = 7 * 24 * 60 * 60
const STAGING_DAYS = 7
const PRUNE_ITEMS = 5_000

interface StateRow {
  readonly state: SourceState
  readonly tokens: readonly (StreamToken & { readonly stream: Stream })[]
  readonly rounds: readonly OpenRound[]
  readonly has_unsettled: boolean
  readonly is_verification_due: boolean
}

/** Everything a run needs to know first, in one statement: most rounds bring nothing. */
export async function readState(db: Database, sourceId: string): Promise<SyncState> {
  const { rows } = await sql<StateRow>`
    select s.state,
      (select coalesce(jsonb_agg(jsonb_build_object(
         'stream', t.stream, 'deltaLink', t.delta_link, 'fingerprint', t.fingerprint,
         'generation', t.generation, 'needsFull', t.needs_full,
         'isFullDue', not exists (select 1 from sync_round f where f.source_id = t.source_id
           and f.stream = t.stream and f.mode = 'full' and f.state = 'done'
           and f.finished_at > clock_timestamp() - make_interval(secs => ${FULL_EVERY_SECONDS})),
         'confirmedAtMs', (extract(epoch from t.confirmed_at) * 1000)::bigint)), '[]')
       from sync_token t where t.source_id = s.id) as tokens,
      (select coalesce(jsonb_agg(jsonb_build_object(
         'id', r.id, 'sourceId', r.source_id, 'stream', r.stream, 'mode', r.mode, 'state', r.state,
         'fingerprint', r.fingerprint, 'generation', r.generation,
         'judgement', jsonb_build_object('isBelieved', r.is_believed, 'needsFull', r.needs_full,
           'note', r.note))), '[]')
       from sync_round r
       where r.source_id = s.id and r.state in ('fetching', 'applying')
         and r.mode <> 'undo') as rounds,
      s.admission_due
        or exists (select 1 from source_link l where l.source_id = s.id and l.edges_pending)
        or exists (select 1 from source_link l where l.source_id = s.id and l.manager_pending)
        or exists (select 1 from removal_waiting w
                   where w.source_id = s.id and w.approved_at is not null) as has_unsettled,
      coalesce(s.verified_at, s.created_at)
        < clock_timestamp() - make_interval(secs => ${FULL_EVERY_SECONDS}) as is_verification_due
    from source s where s.id = ${sourceId}::uuid`
    .execute(db.kysely)
    .catch(rethrow)
  const row = rows[0]
  if (!row) throw new DirectoryError('DIRECTORY_NOT_FOUND', `there is no source ${sourceId}`)
  return {
    state: row.state,
    tokens: Object.fromEntries(row.tokens.map((token) => [token.stream, token])),
    openRounds: row.rounds,
    hasUnsettled: row.has_unsettled,
    isVerificationDue: row.is_verification_due,
  }
}

/** A source that was disconnected meanwhile has none. */
export async function keepHealth(
  db: Database,
  sourceId: string,
  health: KeptHealth,
): Promise<void> {
  await sql`
    insert into source_health as h (source_id, kept)
    select id, ${JSON.stringify(health)}::jsonb from source
    where id = ${sourceId}::uuid and leave_people is null
    on conflict (source_id) do update set kept = excluded.kept, at = excluded.at`
    .execute(db.kysely)
    .catch(rethrow)
}

export async function confirmToken(
  db: Database,
  key: { readonly sourceId: string; readonly stream: Stream },
  links: { readonly from: string; readonly to: string },
): Promise<void> {
  await sql`
    update sync_token set delta_link = ${links.to}, confirmed_at = clock_timestamp()
    where source_id = ${key.sourceId}::uuid and stream = ${key.stream}
      and delta_link = ${links.from}`
    .execute(db.kysely)
    .catch(rethrow)
}

/** @throws {DirectoryError} `DIRECTORY_CONFLICT` when the stream has an open round, or the source is gone */
export async function openRound(db: Database, round: Omit<Round, 'id'>): Promise<Round> {
  const id = randomUUID()
  const opened = await db.transaction(async (tx) => {
    await lockSource(tx, round.sourceId)
    return tx
      .insertInto('sync_round')
      .values({
        id,
        source_id: round.sourceId,
        stream: round.stream,
        mode: round.mode,
        state: 'fetching',
        fingerprint: round.fingerprint,
        generation: round.generation,
      })
      .onConflict((conflict) => conflict.doNothing())
      .returning('id')
      .executeTakeFirst()
  })
  if (!opened) throw new DirectoryError('DIRECTORY_CONFLICT', 'another sync round is under way')
  return { ...round, id }
}

/** Cuts a group with many members into items of a bounded weight. */
function split(item: SourceItem): readonly SourceItem[] {
  if (item.kind !== 'group' || item.members.length <= MEMBERS_PER_ITEM) return [item]
  const slices: SourceItem[] = []
  for (let at = 0; at < item.members.length; at += MEMBERS_PER_ITEM) {
    slices.push({ ...item, members: item.members.slice(at, at + MEMBERS_PER_ITEM) })
  }
  return slices
}

export async function stagePage(
  db: Database,
  round: Round,
  at: { readonly page: number; readonly items: readonly SourceItem[] },
): Promise<void> {
  const rows = at.items.flatMap(split)
  for (let from = 0; from < Math.max(1, rows.length); from += 500) {
    const slice = rows.slice(from, from + 500)
    const weights = slice.map((item) => (item.kind === 'group' ? 1 + item.members.length : 1))
    const ids = slice.map((item) => item.externalId)
    const bodies = slice.map((item) => JSON.stringify(item))
    await db.transaction(async (tx) => {
      const { numAffectedRows } = await sql`
        update sync_round set pages = ${at.page}
        where id = ${round.id}::uuid and state = 'fetching'`.execute(tx)
      if (numAffectedRows !== 1n) {
        throw new DirectoryError('DIRECTORY_CONFLICT', 'the sync round was taken over')
      }
      await sql`
        insert into sync_item (round_id, page, external_id, body, weight)
        select ${round.id}::uuid, ${at.page}, r.external_id, r.body::jsonb, r.weight
        from unnest(${ids}::text[], ${bodies}::text[], ${weights}::integer[])
          with ordinality as r (external_id, body, weight, place)
        order by r.place`.execute(tx)
    })
  }
}

export async function sealRound(
  db: Database,
  round: Round,
  end: { readonly deltaLink: string; readonly judgement: Judgement },
): Promise<void> {
  const { isBelieved, needsFull, note } = end.judgement
  await db.transaction(async (tx) => {
    await sql`
      update sync_round set state = 'applying', delta_link = ${end.deltaLink}, note = ${note},
        is_believed = ${isBelieved}, needs_full = ${needsFull}
      where id = ${round.id}::uuid and state = 'fetching'`.execute(tx)
  })
}

export async function abandonRound(db: Database, round: Round, why: string): Promise<void> {
  await db.transaction(async (tx) => {
    await sql`
      update sync_round set state = 'abandoned', delta_link = null, note = ${why},
        finished_at = clock_timestamp()
      where id = ${round.id}::uuid and state = 'fetching'`.execute(tx)
  })
}

export async function finishRound(db: Database, round: Round, counts: SyncCounts): Promise<void> {
  await db.transaction(async (tx) => {
    const { rows } = await sql<{ delta_link: string; needs_full: boolean }>`
      update sync_round set state = 'done', finished_at = clock_timestamp(),
        counts = ${JSON.stringify(counts)}::jsonb
      where id = ${round.id}::uuid and state = 'applying' returning delta_link, needs_full`.execute(
      tx,
    )
    const [end] = rows
    if (end === undefined) return
    await sql`
      insert into sync_token (source_id, stream, delta_link, fingerprint, generation, needs_full)
      values (${round.sourceId}::uuid, ${round.stream}, ${end.delta_link}, ${round.fingerprint},
        ${round.generation}, ${end.needs_full})
      on conflict (source_id, stream) do update set delta_link = excluded.delta_link,
        fingerprint = excluded.fingerprint, generation = excluded.generation,
        confirmed_at = clock_timestamp(),
        needs_full = ${end.needs_full} or (sync_token.needs_full and ${round.mode} <> 'full')`.execute(
      tx,
    )
  })
}

export async function countBlanked(db: Database, round: Round): Promise<Blanks> {
  return db.transaction(async (tx) => {
    const { rows } = await sql<Blanks>`
      select count(distinct i.external_id) filter (where
          i.body->'values' ? 'userPrincipalName' and l.attributes->>'userPrincipalName' <> ''
            and coalesce(i.body->'values'->>'userPrincipalName', '') = ''
          or i.body->'values' ? 'displayName' and l.attributes->>'displayName' <> ''
            and coalesce(i.body->'values'->>'displayName', '') = '') as blanked,
        count(distinct l.external_id) as known,
        count(distinct i.external_id) filter (where i.body->'values'->'isEnabled' = 'null')
          as unsaid,
        count(distinct i.external_id) as told
      from sync_item i left join source_link l on l.source_id = ${round.sourceId}::uuid
        and l.object_kind = 'person' and l.external_id = i.external_id and l.removed_at is null
      where i.round_id = ${round.id}::uuid and i.body->>'kind' = 'person'`.execute(tx)
    return rows[0] ?? { blanked: 0, known: 0, unsaid: 0, told: 0 }
  })
}

export async function readDisappearance(db: Database, round: Round): Promise<Disappearance> {
  const kind = objectKind(round.stream)
  return db.transaction(async (tx) => {
    const { rows } = await sql<Omit<Disappearance, 'allowed'>>`
      select (select count(distinct external_id) from sync_item
              where round_id = ${round.id}::uuid and body->>'kind' <> 'gone') as seen,
        count(*) as known,
        count(*) filter (where l.generation < ${round.generation} and seen.external_id is null)
          as missing
      from source_link l
      left join (select distinct external_id from sync_item
                 where round_id = ${round.id}::uuid and body->>'kind' <> 'gone') seen
        on seen.external_id = l.external_id
      where l.source_id = ${round.sourceId}::uuid and l.object_kind = ${kind}
        and l.removed_at is null`.execute(tx)
    const allowed = await readAllowance(tx, round.sourceId, kind)
    return { ...(rows[0] ?? { seen: 0, known: 0, missing: 0 }), allowed }
  })
}

/**
 * A slice of what was staged long ago. Rounds go once they are empty, but for the full ones: they
 * tell since when everything was in view.
 */
export async function pruneStaging(db: Database, sourceId: string): Promise<boolean> {
  return db.transaction(async (tx) => {
    const { numAffectedRows } = await sql`
      delete from sync_item where (round_id, seq) in (
        select i.round_id, i.seq from sync_item i join sync_round r on r.id = i.round_id
        where r.source_id = ${sourceId}::uuid and r.state in ('done', 'abandoned')
          and r.finished_at < clock_timestamp() - make_interval(days => ${STAGING_DAYS})
        limit ${PRUNE_ITEMS})`.execute(tx)
    if (numAffectedRows === BigInt(PRUNE_ITEMS)) return true
    if (await pruneChanges(tx, sourceId, { days: STAGING_DAYS, limit: PRUNE_ITEMS })) return true
    await sql`
      delete from sync_round r where r.source_id = ${sourceId}::uuid
        and r.state in ('done', 'abandoned') and not (r.mode = 'full' and r.state = 'done')
        and r.finished_at < clock_timestamp() - make_interval(days => ${STAGING_DAYS})`.execute(tx)
    return false
  })
}
