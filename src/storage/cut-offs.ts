import { type RawBuilder, sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import type { PrincipalId } from '../directory/id.ts'
import type { Actor } from '../directory/ports/people.ts'
import {
  COMMANDS_WINDOW_MS,
  remainingAllowance,
  WINDOW_MINIMUM,
  WINDOW_SHARE,
} from '../sources/guard.ts'
import type { Tx } from './written.ts'

const RECENT = sql`c.at > clock_timestamp() - make_interval(secs => ${sql.lit(COMMANDS_WINDOW_MS / 1_000)})`

export interface CutOffs {
  readonly ids: readonly PrincipalId[]
  /** Of `principal p`: whether the command changes anything for her. */
  readonly changes: RawBuilder<boolean>
  /** As in: this _suspends_ 3 of 20 people. */
  readonly verb: string
  readonly actor: Actor
  /** How many the actor has said she means; null for nothing said, `'any'` for nobody to be asked. */
  readonly count: number | 'any' | null
}

interface Tally {
  /** People of the command who count for the actor, and for all actors, and did not before. */
  readonly new_of_mine: number
  readonly new_of_all: number
  /** Everybody of the command and of the window: by this actor; by all, without what was meant. */
  readonly mine: number
  readonly all: number
}

/**
 * Counts people who are about to lose their access, in the transaction that takes it from (the first
 * of) them. Commands take turns here, on whatever daemon, so that two of them do not both find room.
 * Whoever was counted within the window counts no more; nor does anybody for whom nothing changes.
 *
 * @throws {DirectoryError} `DIRECTORY_APPROVAL_NEEDED` where they are too many and `count` does not say so
 */
export async function countCutOffs(tx: Tx, cutOffs: CutOffs): Promise<void> {
  if (cutOffs.count === 'any') return
  await sql`select pg_advisory_xact_lock(hashtext('cut-offs'))`.execute(tx)
  const { new_of_mine: newOfMine, new_of_all: newOfAll, ...tally } = await readTally(tx, cutOffs)
  if (newOfMine === 0) return
  const judged = newOfAll === 0 ? { ...tally, all: 0 } : tally
  const { isMany, living, told } = await judge(tx, judged)
  if (isMany && !isMeant(cutOffs, told))
    throw approvalNeeded(cutOffs, { living, tally: judged, told })
  await sql`
    insert into cut_off as c (actor, principal_id, is_meant)
    select ${cutOffs.actor.name}, p.id, ${isMany} from ${affected(cutOffs)}
    on conflict (actor, principal_id) do update set at = excluded.at,
      is_meant = excluded.is_meant or (c.is_meant and ${RECENT})`.execute(tx)
}

/**
 * The number itself; where others are in it whom the actor cut off before, up to twice of it, so that
 * whoever is closing many accounts one by one has not to say each next number.
 */
function isMeant({ ids, count }: CutOffs, told: number): boolean {
  if (typeof count !== 'number') return false
  const isOneList = told === new Set(ids).size
  return isOneList ? count === told : count >= told && count <= 2 * told
}

function affected({ ids, changes }: CutOffs): RawBuilder<unknown> {
  return sql`principal p
    where p.id = any (${ids}::uuid[]) and p.lifecycle <> 'deleted' and ${changes}`
}

async function readTally(tx: Tx, cutOffs: CutOffs): Promise<Tally> {
  const { rows } = await sql<Tally>`
    with asked as (select unnest(${cutOffs.ids}::uuid[]) as id),
    affected as (select p.id from ${affected(cutOffs)}),
    recent as (select c.principal_id as id, c.actor, c.is_meant from cut_off c where ${RECENT}),
    mine as (select id from recent where actor = ${cutOffs.actor.name})
    select
      (select count(*)::integer from (select id from affected except select id from mine) n)
        as new_of_mine,
      (select count(*)::integer from (select id from affected except select id from recent) n)
        as new_of_all,
      (select count(*)::integer from (select id from asked union select id from mine) n) as mine,
      (select count(*)::integer from (
        select id from asked union select id from recent where not is_meant) n) as all`.execute(tx)
  const [tally] = rows
  if (tally === undefined) throw new Error('a tally without a row')
  return tally
}

interface Judgement {
  readonly isMany: boolean
  /** Exact where that is many; else as far as it was needed to know. */
  readonly living: number
  /** What has to be said for it to go on. */
  readonly told: number
}

/** No more people are counted than it takes to know: of a large directory only a part. */
async function judge(tx: Tx, { mine, all }: Pick<Tally, 'mine' | 'all'>): Promise<Judgement> {
  const most = Math.max(mine, all)
  if (most <= WINDOW_MINIMUM) return { isMany: false, living: 0, told: most }
  const enough = Math.ceil(most / WINDOW_SHARE) + 1
  const { rows } = await sql<{ living: number }>`
    select count(*)::integer as living from (
      select from principal where kind = 'person' and lifecycle <> 'deleted'
      limit ${enough}) p`.execute(tx)
  const living = rows[0]?.living ?? 0
  const limit = remainingAllowance(living, 0)
  return { isMany: most > limit, living, told: mine > limit ? mine : all }
}

function approvalNeeded(
  { ids, verb }: CutOffs,
  { living, tally, told }: { living: number; tally: Pick<Tally, 'mine' | 'all'>; told: number },
): DirectoryError {
  const asked = new Set(ids).size
  const share = Math.round((100 * told) / Math.max(1, living))
  const minutes = COMMANDS_WINDOW_MS / 60_000
  const whose = told === tally.mine ? 'you' : 'all administrators and tokens'
  const sum =
    told === asked
      ? `this ${verb} ${asked} of ${living} people (${share} %)`
      : `this ${verb} ${asked} of ${living} people; with what ${whose} did within ${minutes} ` +
        `minutes that takes access from ${told} (${share} %), more than go without a word ` +
        `(${remainingAllowance(living, 0)})`
  return new DirectoryError(
    'DIRECTORY_APPROVAL_NEEDED',
    `${sum}: say that you mean so many, with count (--count ${told})`,
  )
}
