import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { foldText } from '../directory/fold.ts'
import { fallbackName, groupNameBase } from '../directory/names.ts'
import type { GroupVerdict, KnownGroup } from '../sources/judge-groups.ts'
import type { GroupValues, SourceItem } from '../sources/source.ts'
import type { BatchResult, GroupBatch, JudgeGroups, Round } from '../sources/sync-store.ts'
import type { Database } from './connection.ts'
import {
  advanceRound,
  BATCH_WEIGHT,
  lockRound,
  sourceActor,
  type Tx,
  touchGroups,
} from './sync-batch.ts'
import { type Change, didOf, recordChanges } from './sync-changes.ts'
import { noteReturns } from './sync-gone.ts'
import { removeGroups, restoreGroups } from './sync-lifecycle.ts'
import { addMembers, type Edge, forgetMembers } from './sync-members.ts'
import { proposeGroupNames } from './sync-names.ts'
import { allocateNumbers } from './sync-posix.ts'
import { awaitApproval, endWaiting, readAllowance, recordRemovals } from './sync-removals.ts'

interface BatchRow {
  readonly seq: number
  readonly body: SourceItem
  readonly external_id: string
  readonly group_id: string | null
  readonly attributes: GroupValues | null
  readonly is_removed: boolean | null
  readonly removal_waits: boolean
}

export interface LinkedGroup extends KnownGroup {
  readonly groupId: string
}

export interface ReadGroupBatch extends GroupBatch {
  readonly linked: ReadonlyMap<string, LinkedGroup>
  readonly lastSeq: number
}

/** The next items of a round, cut by the number of members they tell of; null at the end. */
export async function readGroupBatch(
  tx: Tx,
  round: Round,
  afterSeq: number,
): Promise<ReadGroupBatch | null> {
  const { rows } = await sql<BatchRow>`
    with ahead as (
      select seq, external_id, body, weight from sync_item
      where round_id = ${round.id}::uuid and seq > ${afterSeq} order by seq limit ${BATCH_WEIGHT}),
    weighed as (select *, sum(weight) over (order by seq) - weight as before from ahead),
    batch as (select * from weighed where before + weight <= ${BATCH_WEIGHT} or before = 0)
    select b.seq, b.body, b.external_id, l.group_id, l.attributes,
      l.removed_at is not null as is_removed, w.subject is not null as removal_waits
    from batch b
    left join lateral (select * from source_link x
      where x.source_id = ${round.sourceId}::uuid and x.object_kind = 'group'
        and x.external_id = b.external_id limit 1) l on true
    left join removal_waiting w on w.source_id = l.source_id and w.kind = 'group'
      and w.subject = b.external_id and w.group_external_id = ''
    order by b.seq`.execute(tx)
  const last = rows.at(-1)
  if (!last) return null
  const linked = new Map(rows.flatMap(toLinked))
  return {
    items: rows.map((row) => row.body),
    known: linked,
    linked,
    lastSeq: last.seq,
    allowed: rows.some((row) => row.body.kind === 'gone')
      ? await readAllowance(tx, round.sourceId, 'group')
      : Number.POSITIVE_INFINITY,
  }
}

function toLinked(row: BatchRow): [string, LinkedGroup][] {
  if (row.group_id === null) return []
  const linked: LinkedGroup = {
    groupId: row.group_id,
    values: row.attributes ?? {},
    isRemoved: row.is_removed === true,
    isRemovalWaiting: row.removal_waits,
  }
  return [[row.external_id, linked]]
}

export async function applyGroups(
  db: Database,
  round: Round,
  judge: JudgeGroups,
): Promise<BatchResult | null> {
  const { value } = await db.write(async (tx) => {
    const appliedTo = await lockRound(tx, round)
    const batch = await readGroupBatch(tx, round, appliedTo)
    if (batch === null) return null
    const result = await new GroupWriter(tx, round, batch).write(judge(batch))
    await advanceRound(tx, round, batch.lastSeq)
    return { ...result, items: batch.items.length }
  })
  return value
}

class GroupWriter {
  readonly #tx: Tx
  readonly #round: Round
  readonly #linked: ReadonlyMap<string, LinkedGroup>
  readonly #touched = new Set<string>()

  constructor(tx: Tx, round: Round, batch: ReadGroupBatch) {
    this.#tx = tx
    this.#round = round
    this.#linked = batch.linked
  }

  async write(verdicts: readonly GroupVerdict[]): Promise<Omit<BatchResult, 'items'>> {
    const { sourceId } = this.#round
    const created = verdicts.filter(({ act }) => act === 'create')
    const restored = verdicts.filter(({ act }) => act === 'restore')
    const removed = verdicts.filter(({ act }) => act === 'remove')
    const updated = verdicts.filter(({ act, changed }) => act === 'update' && isShown(changed))
    await noteReturns(this.#tx, this.#round, verdicts)

    await this.#create(created)
    await this.#writeLinks(verdicts)
    await this.#update([...updated, ...restored])
    await restoreGroups(this.#tx, sourceId, restored.map(idOf))
    await removeGroups(this.#tx, sourceId, removed.map(idOf))
    const waiting = await this.#writeWaiting(verdicts)
    await touchGroups(this.#tx, this.#touched, sourceActor(sourceId))
    await recordChanges(
      this.#tx,
      this.#round.id,
      verdicts.flatMap((verdict) => this.#did(verdict)),
    )

    const edges = verdicts.flatMap(({ externalId, members }) =>
      members.map((member): Edge & { isMember: boolean } => ({
        group: externalId,
        member: member.externalId,
        type: member.type,
        isMember: member.isMember,
      })),
    )
    const added = await addMembers(
      this.#tx,
      this.#round,
      edges.filter(({ isMember }) => isMember),
    )
    const gone = edges.filter(({ isMember }) => !isMember)
    const left = await forgetMembers(this.#tx, sourceId, gone, {
      isBelieved: true,
      roundId: this.#round.id,
    })
    return {
      counts: {
        created: created.length,
        updated: updated.length,
        restored: restored.length,
        removed: removed.length,
        membersAdded: added,
        membersRemoved: left.removed,
        waiting: waiting + left.waiting,
      },
    }
  }

  /** What a verdict did, for the day the round is taken back. */
  #did(verdict: GroupVerdict): Change[] {
    const linked = this.#linked.get(verdict.externalId)
    return didOf('group', verdict, linked?.values ?? null)
  }

  async #create(verdicts: readonly GroupVerdict[]): Promise<void> {
    if (verdicts.length === 0) return
    const { sourceId, generation } = this.#round
    const bases = verdicts.map(({ externalId, values }) =>
      groupNameBase(values.displayName ?? null, fallbackName('group', externalId)),
    )
    const names = await proposeGroupNames(this.#tx, bases)
    const numbers = await allocateNumbers(this.#tx, verdicts.length)
    const rows = verdicts.map(({ externalId, values }, at) => {
      const id = randomUUID()
      this.#touched.add(id)
      const name = names[at] ?? ''
      return {
        ...groupRow(values, name),
        id,
        external_id: externalId,
        name,
        number: numbers[at],
        attributes: values,
      }
    })
    await sql`
      with r as (
        select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r (id uuid,
          external_id text, name text, number integer, attributes jsonb, display_name text,
          display_name_folded text, description text, mail text)),
      links as (
        insert into source_link (source_id, object_kind, external_id, group_id, attributes,
          generation, edges_pending)
        select ${sourceId}::uuid, 'group', external_id, id, attributes, ${generation},
          exists (select 1 from source_member m
            where m.source_id = ${sourceId}::uuid and m.member_external_id = r.external_id)
        from r)
      insert into directory_group (id, name, name_folded, display_name, display_name_folded,
        description, mail, origin, gid_number, lifecycle)
      select id, name, name, display_name, display_name_folded, description, mail, 'mirrored',
        number, 'active'
      from r`.execute(this.#tx)
  }

  async #update(verdicts: readonly GroupVerdict[]): Promise<void> {
    const rows = verdicts.flatMap(({ externalId, values }) => {
      const linked = this.#linked.get(externalId)
      if (!linked) return []
      this.#touched.add(linked.groupId)
      return [{ ...groupRow(values, externalId), id: linked.groupId }]
    })
    if (rows.length === 0) return
    await sql`
      update directory_group g set display_name = r.display_name,
        display_name_folded = r.display_name_folded, description = r.description, mail = r.mail
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        as r (id uuid, display_name text, display_name_folded text, description text, mail text)
      where g.id = r.id`.execute(this.#tx)
  }

  async #writeLinks(verdicts: readonly GroupVerdict[]): Promise<void> {
    const { sourceId, generation, mode } = this.#round
    const known = verdicts.filter(({ externalId }) => this.#linked.has(externalId))
    const rows = known
      .filter(({ changed }) => changed.length > 0)
      .map(({ externalId, values }) => ({ external_id: externalId, attributes: values }))
    if (rows.length > 0) {
      await sql`
        update source_link l set attributes = r.attributes
        from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
          as r (external_id text, attributes jsonb)
        where l.source_id = ${sourceId}::uuid and l.object_kind = 'group'
          and l.external_id = r.external_id`.execute(this.#tx)
    }
    const seen = known.filter(({ act }) => act !== 'remove' && act !== 'wait').map(idOf)
    if (mode === 'delta' || seen.length === 0) return
    await sql`
      update source_link set generation = ${generation}
      where source_id = ${sourceId}::uuid and object_kind = 'group' and generation <> ${generation}
        and external_id = any(${seen}::text[])`.execute(this.#tx)
  }

  async #writeWaiting(verdicts: readonly GroupVerdict[]): Promise<number> {
    const { sourceId } = this.#round
    const key = ({ externalId }: GroupVerdict) =>
      ({ kind: 'group', subject: externalId, group: '' }) as const
    const removed = verdicts.filter(({ act }) => act === 'remove')
    await recordRemovals(
      this.#tx,
      sourceId,
      removed.map(({ externalId }) => ({ kind: 'group', subject: externalId, groupId: null })),
    )
    const isOver = verdicts.filter(({ isWaitingOver }) => isWaitingOver)
    await endWaiting(this.#tx, sourceId, [...removed, ...isOver].map(key))
    return awaitApproval(this.#tx, sourceId, verdicts.filter(({ act }) => act === 'wait').map(key))
  }
}

function idOf(verdict: GroupVerdict): string {
  return verdict.externalId
}

const SHOWN = new Set(['displayName', 'description', 'mail'])

function isShown(changed: readonly string[]): boolean {
  return changed.some((name) => SHOWN.has(name))
}

export function groupRow(values: GroupValues, fallback: string) {
  const displayName = values.displayName || fallback
  return {
    display_name: displayName,
    display_name_folded: foldText(displayName),
    description: values.description ?? null,
    mail: values.mail ?? null,
  }
}
