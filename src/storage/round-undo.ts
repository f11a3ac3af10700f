import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import type { Actor } from '../directory/ports/people.ts'
import { remainingAllowance } from '../sources/guard.ts'
import {
  type EndedRound,
  NO_UNDO,
  type UndoBegun,
  type UndoCounts,
  type UndoOutlook,
  type UndoStore,
} from '../sources/round-undo.ts'
import type { Stream } from '../sources/source.ts'
import type { Database } from './connection.ts'
import { journal } from './journal.ts'
import { judgeUndo, readUndoables, type Verdict } from './round-undo-judge.ts'
import { type Judged, type UndoRound, UndoWriter } from './round-undo-writer.ts'
import { REMOVAL_BATCH, type Tx } from './sync-batch.ts'
import { settleEdges } from './sync-members.ts'
import { settleManagers } from './sync-sweep.ts'

/** Looked at in one transaction that writes nothing. */
const LOOK_BATCH = 400
const KEPT_SHOWN = 20
/** Above every id there is. */
const FROM_THE_END = Number.MAX_SAFE_INTEGER

/** Rounds that are taken back. */
export class PostgresUndoStore implements UndoStore {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  async rounds(sourceId: string, limit: number): Promise<readonly EndedRound[]> {
    const { rows } = await sql<EndedRound>`
      select r.id, r.stream, r.mode, r.note, r.undoes, r.counts,
        (extract(epoch from r.finished_at) * 1000)::float8 as "finishedAtMs",
        (select count(*)::integer from sync_change c where c.round_id = r.id) as changes
      from sync_round r where r.source_id = ${sourceId}::uuid and r.state = 'done'
      order by r.finished_at desc, r.id limit ${limit}`.execute(this.#db.kysely)
    return rows
  }

  async outlook(roundId: string): Promise<UndoOutlook> {
    const round = await this.#db.transaction((tx) => readRound(tx, roundId))
    const { sourceId, source, stream } = round
    const kept: { name: string; why: string }[] = []
    let counts = NO_UNDO
    for (let before = FROM_THE_END; ; ) {
      const judged = await this.#db.transaction((tx) =>
        judge(tx, { id: roundId, sourceId }, { before, limit: LOOK_BATCH }),
      )
      const last = judged.at(-1)
      if (last === undefined) return { round: roundId, source, stream, counts, kept }
      before = last.change.id
      counts = count(counts, judged)
      for (const { change, verdict } of judged) {
        const why = whyKept(verdict)
        if (why !== null && kept.length < KEPT_SHOWN) kept.push({ name: change.name, why })
      }
    }
  }

  async begin(
    { roundId, count: meant }: { readonly roundId: string; readonly count: number | null },
    actor: Actor,
  ): Promise<UndoBegun> {
    const undo = randomUUID()
    const { value } = await this.#db.write(async (tx): Promise<UndoBegun> => {
      const { sourceId, stream } = await readRound(tx, roundId)
      await sql`select 1 from source where id = ${sourceId}::uuid for update`.execute(tx)
      await refuseBusy(tx, sourceId, roundId)
      const { affected, all } = await countCutOff(tx, sourceId, roundId)
      const isMany = affected > remainingAllowance(all, 0)
      if ((isMany || meant !== null) && meant !== affected) return { ok: false, affected, all }
      await sql`
        update sync_round set state = 'abandoned', note = 'another round is taken back',
          finished_at = clock_timestamp()
        where source_id = ${sourceId}::uuid and state = 'fetching'`.execute(tx)
      await sql`
        insert into sync_round (id, source_id, stream, mode, state, fingerprint, generation,
          applied_to, counts, undoes, undone_by, undo_note)
        values (${undo}::uuid, ${sourceId}::uuid, ${stream}, 'undo', 'applying', '', 0,
          ${FROM_THE_END}, ${JSON.stringify(NO_UNDO)}::jsonb, ${roundId}::uuid, ${actor.name},
          ${actor.reason})`.execute(tx)
      const { rows } = await sql<{ version: number }>`
        update source set state = 'paused', state_reason = ${`round ${roundId} was taken back`},
          version = nextval('entity_version')
        where id = ${sourceId}::uuid returning version`.execute(tx)
      // What the source says by the day it is resumed is to be found, whatever it has told before.
      await sql`
        update sync_token set needs_full = true where source_id = ${sourceId}::uuid`.execute(tx)
      const detail = { round: roundId, undo }
      for (const { version } of rows)
        journal(tx, { kind: 'source.round-undone', entity: sourceId, version, actor, detail })
      return { ok: true, undo }
    })
    return value
  }

  async step(undoId: string): Promise<boolean> {
    const { value } = await this.#db.write(async (tx) => {
      const round = await lockUndo(tx, undoId)
      if (round === null) return null
      const judged = await judge(
        tx,
        { id: round.undoes, sourceId: round.sourceId },
        { before: round.appliedTo, limit: REMOVAL_BATCH },
      )
      const last = judged.at(-1)
      if (last === undefined) return { sourceId: round.sourceId }
      await new UndoWriter(tx, round).write(judged)
      await sql`
        update sync_round set applied_to = ${last.change.id},
          counts = ${JSON.stringify(count(round.counts, judged))}::jsonb
        where id = ${undoId}::uuid`.execute(tx)
      return { sourceId: null }
    })
    if (value === null) return false
    if (value.sourceId !== null) await this.#settle(undoId, value.sourceId)
    return true
  }

  async unfinished(): Promise<readonly string[]> {
    const { rows } = await sql<{ id: string }>`
      select r.id from sync_round r join source s on s.id = r.source_id and s.leave_people is null
      where r.mode = 'undo' and r.state = 'applying' order by r.started_at`.execute(this.#db.kysely)
    return rows.map(({ id }) => id)
  }

  async counts(undoId: string): Promise<UndoCounts> {
    const { rows } = await sql<{ counts: UndoCounts }>`
      select counts from sync_round where id = ${undoId}::uuid`.execute(this.#db.kysely)
    return { ...NO_UNDO, ...rows[0]?.counts }
  }

  /** Memberships and managers of those who came back; then it is done. */
  async #settle(undoId: string, sourceId: string): Promise<void> {
    while ((await settleManagers(this.#db, sourceId)) !== null);
    while ((await settleEdges(this.#db, sourceId)) !== null);
    await sql`
      update sync_round set state = 'done', finished_at = clock_timestamp()
      where id = ${undoId}::uuid and state = 'applying'`.execute(this.#db.kysely)
  }
}

interface LockedUndo extends UndoRound {
  readonly undoes: string
  readonly appliedTo: number
  readonly counts: UndoCounts
}

/** Two daemons take turns, and so does whoever takes people in meanwhile. */
async function lockUndo(tx: Tx, undoId: string): Promise<LockedUndo | null> {
  const { rows } = await sql<{
    source_id: string
    undoes: string
    applied_to: number
    counts: UndoCounts
    undone_by: string
    undo_note: string | null
  }>`
    select r.source_id, r.undoes, r.applied_to, r.counts, r.undone_by, r.undo_note
    from sync_round r join source s on s.id = r.source_id and s.leave_people is null
    where r.id = ${undoId}::uuid and r.state = 'applying' and r.mode = 'undo'
    for no key update`.execute(tx)
  const [row] = rows
  if (row === undefined) return null
  const { source_id: sourceId, undoes, applied_to: appliedTo, counts } = row
  const reason = row.undo_note ?? `round ${undoes} was taken back`
  return { id: undoId, sourceId, undoes, appliedTo, counts, actor: { name: row.undone_by, reason } }
}

interface RoundRow {
  readonly sourceId: string
  readonly source: string
  readonly stream: Stream
  readonly has_changes: boolean
}

/** @throws {DirectoryError} `DIRECTORY_NOT_FOUND`, `DIRECTORY_REFUSED` when nothing is kept of it */
async function readRound(tx: Tx, roundId: string): Promise<RoundRow> {
  const { rows } = await sql<RoundRow>`
    select s.id as "sourceId", s.name as source, r.stream,
      exists (select from sync_change c where c.round_id = r.id) as has_changes
    from sync_round r join source s on s.id = r.source_id and s.leave_people is null
    where r.id::text = ${roundId} and r.state = 'done'`.execute(tx)
  const [row] = rows
  if (row === undefined) {
    const why = `there is no round ${roundId} that has ended: see \`source rounds\``
    throw new DirectoryError('DIRECTORY_NOT_FOUND', why)
  }
  if (row.has_changes) return row
  const why = `of round ${roundId} nothing is kept to be taken back: it changed nothing, or ended more than seven days ago`
  throw new DirectoryError('DIRECTORY_REFUSED', why)
}

/** @throws {DirectoryError} `DIRECTORY_CONFLICT` */
async function refuseBusy(tx: Tx, sourceId: string, roundId: string): Promise<void> {
  const { rows } = await sql<{ id: string; is_this: boolean }>`
    select r.id, r.state = 'done' as is_this from sync_round r
    where r.source_id = ${sourceId}::uuid and (r.state = 'applying'
      or r.state = 'done' and r.undoes::text = ${roundId} and not exists (select from sync_round u
        where u.undoes = r.id and u.state = 'done'))
    order by r.state limit 1`.execute(tx)
  const [row] = rows
  if (row === undefined) return
  const why = row.is_this
    ? `round ${roundId} was taken back already; to take that back, undo round ${row.id}`
    : 'a round is being applied just now: try again in a moment'
  throw new DirectoryError('DIRECTORY_CONFLICT', why)
}

/** People whom an undo deletes or holds, of all who live. */
async function countCutOff(tx: Tx, sourceId: string, roundId: string) {
  const { rows } = await sql<{ affected: number; all: number }>`
    select (select count(distinct c.subject) from sync_change c
        join source_link l on l.source_id = ${sourceId}::uuid and l.object_kind = 'person'
          and l.external_id = c.subject and l.removed_at is null
        join principal p on p.id = l.principal_id and not p.is_protected
        where c.round_id::text = ${roundId} and c.object_kind = 'person'
          and (c.act = 'created' and p.lifecycle = 'staged'
            or c.act = 'restored' and p.lifecycle <> 'deleted'
            or c.act = 'freed' and p.lifecycle <> 'deleted')) as affected,
      (select count(*) from principal where kind = 'person' and lifecycle <> 'deleted')
        as "all"`.execute(tx)
  return rows[0] ?? { affected: 0, all: 0 }
}

async function judge(
  tx: Tx,
  round: { readonly id: string; readonly sourceId: string },
  page: { readonly before: number; readonly limit: number },
): Promise<readonly Judged[]> {
  const changes = await readUndoables(tx, round, page)
  return changes.map((change) => ({ change, verdict: judgeUndo(change) }))
}

const COUNTED: Readonly<Partial<Record<Verdict['do'], keyof UndoCounts>>> = {
  'give-back': 'attributes',
  delete: 'deleted',
  restore: 'restored',
  hold: 'held',
  free: 'freed',
  add: 'membersAdded',
  'take-out': 'membersRemoved',
}

function count(before: UndoCounts, judged: readonly Judged[]): UndoCounts {
  const counts = { ...before }
  for (const { verdict } of judged) {
    const name = COUNTED[verdict.do]
    if (name !== undefined) counts[name] += 1
    if (whyKept(verdict) !== null) counts.kept += 1
  }
  return counts
}

function whyKept(verdict: Verdict): string | null {
  return verdict.do === 'keep' || verdict.do === 'give-back' ? verdict.why : null
}
