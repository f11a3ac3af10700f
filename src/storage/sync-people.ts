import { sql } from 'kysely'
import type { Edits } from '../directory/attributes.ts'
import type { KnownPerson, PersonVerdict } from '../sources/judge-people.ts'
import type { PersonValues, SourceItem } from '../sources/source.ts'
import type { BatchResult, JudgePeople, PeopleBatch, Round } from '../sources/sync-store.ts'
import type { Database } from './connection.ts'
import { IS_DISABLED_BY_US } from './disabled-by-us.ts'
import { hintDenial } from './journal.ts'
import { lockMastered } from './person-edits.ts'
import { markContradicted } from './push-store.ts'
import {
  advanceRound,
  BATCH_WEIGHT,
  lockRound,
  REMOVAL_BATCH,
  sourceActor,
  sourceHold,
  type Tx,
  touchPrincipals,
} from './sync-batch.ts'
import { dropCandidates, writeCandidates } from './sync-candidates.ts'
import { type Change, didOf, recordChanges } from './sync-changes.ts'
import { callManaged, createPeople, namesOf, readManagers } from './sync-create.ts'
import { noteReturns } from './sync-gone.ts'
import { removePeople, restorePeople } from './sync-lifecycle.ts'
import { type NameClaims, writeLoginNames } from './sync-login-names.ts'
import { personRow, SHOWN_NAMES, updatePeople } from './sync-person-rows.ts'
import { awaitApproval, endWaiting, readAllowance, recordRemovals } from './sync-removals.ts'

interface BatchRow {
  readonly seq: number
  readonly body: SourceItem
  readonly external_id: string
  readonly principal_id: string | null
  readonly username: string | null
  readonly attributes: PersonValues | null
  readonly is_removed: boolean | null
  readonly is_held: boolean
  readonly removal_waits: boolean
  readonly suspension_waits: boolean
  readonly is_disabled_by_us: boolean
  readonly is_chosen: boolean
  readonly is_master: boolean | null
  /** What was told of her while she is not imported. */
  readonly proposed: PersonValues | null
  readonly is_protected: boolean
  readonly is_deleted_here: boolean
  readonly is_forgotten: boolean
}

/** A person the source has told of before. */
export interface LinkedPerson extends KnownPerson {
  readonly principalId: string
  readonly username: string
  /** Her attributes are this source's. */
  readonly isMaster: boolean
}

export interface ReadBatch extends PeopleBatch {
  readonly linked: ReadonlyMap<string, LinkedPerson>
  readonly lastSeq: number
}

/** The next items of a round with what is known of each; null at the end. */
export async function readPeopleBatch(
  tx: Tx,
  round: Round,
  afterSeq: number,
): Promise<ReadBatch | null> {
  const { rows } = await sql<BatchRow>`
    with batch as (
      select seq, external_id, body from sync_item
      where round_id = ${round.id}::uuid and seq > ${afterSeq} order by seq limit ${BATCH_WEIGHT})
    select b.seq, b.body, b.external_id, l.principal_id, p.username, l.attributes,
      l.removed_at is not null as is_removed, h.principal_id is not null as is_held,
      wr.subject is not null as removal_waits, ws.subject is not null as suspension_waits,
      ${IS_DISABLED_BY_US} as is_disabled_by_us,
      l.admitted_by is not null as is_chosen, l.is_master, c.attributes as proposed,
      coalesce(pr.is_protected, false) as is_protected,
      coalesce(pr.is_deleted_here, false) as is_deleted_here,
      coalesce(p.username_folded = 'deleted-' || p.uid_number, false) as is_forgotten
    from batch b
    left join lateral (select * from source_link x
      where x.source_id = ${round.sourceId}::uuid and x.object_kind = 'person'
        and x.external_id = b.external_id limit 1) l on true
    left join source_candidate c on c.source_id = ${round.sourceId}::uuid
      and c.external_id = b.external_id
    left join person p on p.id = l.principal_id
    left join principal pr on pr.id = l.principal_id
    left join hold h on h.principal_id = l.principal_id
      and h.reason = ${sourceHold(round.sourceId)}
    left join source src on src.id = ${round.sourceId}::uuid
    left join push x on x.source_id = l.source_id and x.principal_id = l.principal_id
      and x.attribute = 'enabled'
    left join removal_waiting wr on wr.source_id = l.source_id and wr.kind = 'person'
      and wr.subject = b.external_id and wr.group_external_id = ''
    left join removal_waiting ws on ws.source_id = l.source_id and ws.kind = 'suspension'
      and ws.subject = b.external_id and ws.group_external_id = ''
    order by b.seq`.execute(tx)
  const last = rows.at(-1)
  if (!last) return null
  const linked = new Map(rows.flatMap(toLinked))
  const items = cutRemovals(rows)
  return {
    items: items.map((row) => row.body),
    known: { people: linked, candidates: new Map(rows.flatMap(toCandidate)) },
    linked,
    lastSeq: items.at(-1)?.seq ?? last.seq,
    allowed: items.some(mayRemove)
      ? await readAllowance(tx, round.sourceId, 'person')
      : Number.POSITIVE_INFINITY,
  }
}

function toLinked(row: BatchRow): [string, LinkedPerson][] {
  if (row.principal_id === null) return []
  const linked: LinkedPerson = {
    principalId: row.principal_id,
    username: row.username ?? '',
    values: row.attributes ?? {},
    isRemoved: row.is_removed === true,
    isHeld: row.is_held,
    isRemovalWaiting: row.removal_waits,
    isSuspensionWaiting: row.suspension_waits,
    isDisabledByUs: row.is_disabled_by_us,
    isChosen: row.is_chosen,
    isMaster: row.is_master === true,
    isProtected: row.is_protected,
    isDeletedHere: row.is_deleted_here,
    isForgotten: row.is_forgotten,
  }
  return [[row.external_id, linked]]
}

function toCandidate(row: BatchRow): [string, PersonValues][] {
  return row.proposed === null ? [] : [[row.external_id, row.proposed]]
}

function mayRemove(row: BatchRow): boolean {
  if (row.principal_id === null || row.is_removed === true) return false
  const { body } = row
  if (body.kind === 'gone') return true
  return body.kind === 'person' && (body.values.isEnabled === false || body.values.isGuest === true)
}

/** Removals weigh more than anything else: a batch ends when it has its share of them. */
function cutRemovals(rows: readonly BatchRow[]): readonly BatchRow[] {
  let removals = 0
  const end = rows.findIndex((row) => {
    if (mayRemove(row)) removals += 1
    return removals > REMOVAL_BATCH
  })
  return end === -1 ? rows : rows.slice(0, end)
}

export async function applyPeople(
  db: Database,
  round: Round,
  judge: JudgePeople,
): Promise<BatchResult | null> {
  const { value } = await db.write(async (tx) => {
    const appliedTo = await lockRound(tx, round)
    const batch = await readPeopleBatch(tx, round, appliedTo)
    if (batch === null) return null
    const verdicts = judge(batch)
    const result = await new PeopleWriter(tx, round, batch).write(verdicts)
    await advanceRound(tx, round, batch.lastSeq)
    return { ...result, items: batch.items.length }
  })
  return value
}

/** Writes one batch of verdicts, statement by statement for all of them at once. */
class PeopleWriter {
  readonly #tx: Tx
  readonly #round: Round
  readonly #linked: ReadonlyMap<string, LinkedPerson>
  readonly #candidates: ReadonlyMap<string, PersonValues>
  readonly #touched = new Set<string>()
  readonly #details = new Map<string, Readonly<Record<string, unknown>>>()
  /** What is mastered here of those who are updated, by principal. */
  #mastered: ReadonlyMap<string, Edits> = new Map()

  constructor(tx: Tx, round: Round, batch: ReadBatch) {
    this.#tx = tx
    this.#round = round
    this.#linked = batch.linked
    this.#candidates = batch.known.candidates
  }

  async write(verdicts: readonly PersonVerdict[]): Promise<Omit<BatchResult, 'items'>> {
    const { sourceId } = this.#round
    const created = verdicts.filter(({ act }) => act === 'create')
    const restored = verdicts.filter(({ act }) => act === 'restore')
    const removed = verdicts.filter(({ act }) => act === 'remove')
    const proposed = verdicts.filter(({ act }) => act === 'propose')
    const updated = verdicts.filter(({ act, changed }) => act === 'update' && isShown(changed))
    const mastered = [...updated, ...restored].filter((verdict) => this.#isMastered(verdict))
    const arrivals = verdicts.filter(
      ({ externalId, isUnknownGone }) => isUnknownGone || !this.#candidates.has(externalId),
    )
    await noteReturns(this.#tx, this.#round, arrivals)

    const claims = await this.#create(created)
    await this.#writeLinks(verdicts)
    await this.#update(mastered)
    const returned = await restorePeople(this.#tx, sourceId, restored.map(idOf))
    for (const id of returned) this.#touched.add(id)
    const renamed = mastered.filter(
      ({ act, changed }) => act === 'update' && changed.some(isAddress),
    )
    claims.push(...renamed.flatMap((verdict) => this.#claims(verdict)))
    for (const id of await writeLoginNames(this.#tx, claims)) this.#touched.add(id)
    await callManaged(this.#tx, sourceId, [...created, ...restored].map(idOf))
    const holds = await this.#writeHolds(verdicts)
    await removePeople(this.#tx, sourceId, removed.map(idOf))
    const waiting = await this.#writeWaiting(verdicts)
    for (const id of removed.flatMap((verdict) => this.#principal(verdict)))
      this.#touched.delete(id)
    await touchPrincipals(this.#tx, this.#touched, sourceActor(sourceId), this.#details)
    await recordChanges(
      this.#tx,
      this.#round.id,
      verdicts.flatMap((verdict) => this.#did(verdict)),
    )
    const isNew = ({ externalId }: PersonVerdict) => !this.#candidates.has(externalId)
    await this.#writeCandidates(verdicts)
    return {
      counts: {
        created: created.length,
        updated: updated.length,
        restored: restored.length,
        removed: removed.length,
        ...holds,
        waiting,
        proposed: proposed.filter(isNew).length,
      },
    }
  }

  /** What a verdict did, for the day the round is taken back. */
  #did(verdict: PersonVerdict): Change[] {
    const { externalId: subject, act, hold } = verdict
    const linked = this.#linked.get(subject)
    const kind = 'person'
    return [
      ...didOf(kind, verdict, linked?.values ?? null),
      ...(hold === 'set' && act !== 'create' ? [{ kind, act: 'held', subject } as const] : []),
      ...(hold === 'lift' ? [{ kind, act: 'freed', subject } as const] : []),
    ]
  }

  #principal(verdict: PersonVerdict): string[] {
    const linked = this.#linked.get(verdict.externalId)
    return linked ? [linked.principalId] : []
  }

  #note(id: string, detail: Readonly<Record<string, unknown>>): void {
    this.#details.set(id, { ...this.#details.get(id), ...detail })
  }

  /** Whoever is deleted here already counts for no window. */
  #isAlive({ externalId }: PersonVerdict): boolean {
    return this.#linked.get(externalId)?.isDeletedHere !== true
  }

  #claims(verdict: PersonVerdict): NameClaims[] {
    const linked = this.#linked.get(verdict.externalId)
    if (!linked) return []
    const { principalId, username } = linked
    const values = { ...verdict.values, ...this.#mastered.get(principalId) }
    return [{ principalId, names: namesOf(username, values) }]
  }

  #isMastered(verdict: PersonVerdict): boolean {
    return this.#linked.get(verdict.externalId)?.isMaster === true
  }

  async #create(verdicts: readonly PersonVerdict[]): Promise<NameClaims[]> {
    const { sourceId, generation } = this.#round
    const newcomers = verdicts.map(({ externalId, values, hold }) => ({
      externalId,
      values,
      generation,
      isHeld: hold === 'set',
      isActive: false,
      admittedBy: null,
    }))
    const claims = await createPeople(this.#tx, sourceId, newcomers)
    for (const { principalId } of claims) this.#touched.add(principalId)
    return [...claims]
  }

  /** Who stays outside, as she was told of last; whoever came in, or is gone, is none any more. */
  async #writeCandidates(verdicts: readonly PersonVerdict[]): Promise<void> {
    const isKnown = ({ externalId }: PersonVerdict) => this.#candidates.has(externalId)
    const ended = verdicts.filter((verdict) => verdict.act !== 'propose' && isKnown(verdict))
    await dropCandidates(this.#tx, this.#round.sourceId, ended.map(idOf))
    const proposed = verdicts.filter(({ act }) => act === 'propose')
    await writeCandidates(this.#tx, this.#round, {
      told: proposed.filter((verdict) => !isKnown(verdict) || verdict.changed.length > 0),
      seen: proposed.map(idOf),
    })
  }

  async #update(verdicts: readonly PersonVerdict[]): Promise<void> {
    const managers = await readManagers(this.#tx, this.#round.sourceId, verdicts)
    const ids = verdicts.flatMap(
      ({ externalId }) => this.#linked.get(externalId)?.principalId ?? [],
    )
    this.#mastered = await lockMastered(this.#tx, ids)
    const rows = verdicts.flatMap((verdict) => {
      const linked = this.#linked.get(verdict.externalId)
      if (!linked || linked.isDeletedHere) return []
      const kept = this.#mastered.get(linked.principalId) ?? {}
      const told = managers.get(verdict.values.managerExternalId ?? '') ?? null
      const managerId = kept.managerId === undefined ? told : kept.managerId
      const values = { ...verdict.values, ...kept }
      const row = personRow(values, { username: linked.username, managerId })
      this.#touched.add(linked.principalId)
      this.#details.set(linked.principalId, changesOf(linked.values, verdict, kept))
      return [{ ...row, id: linked.principalId }]
    })
    if (rows.length > 0) await updatePeople(this.#tx, rows)
  }

  /** What the source said last, and that it was seen; created links have it already. */
  async #writeLinks(verdicts: readonly PersonVerdict[]): Promise<void> {
    const { sourceId, generation, mode } = this.#round
    const known = verdicts.filter(({ externalId }) => this.#linked.has(externalId))
    const changed = known.filter((verdict) => verdict.changed.length > 0)
    const rows = changed.map(({ externalId, values }) => ({
      external_id: externalId,
      attributes: values,
      manager: values.managerExternalId ?? null,
    }))
    if (rows.length > 0) {
      await sql`
        update source_link l set attributes = r.attributes, manager_external_id = r.manager
        from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
          as r (external_id text, attributes jsonb, manager text)
        where l.source_id = ${sourceId}::uuid and l.object_kind = 'person'
          and l.external_id = r.external_id`.execute(this.#tx)
    }
    await markContradicted(this.#tx, sourceId, known.map(idOf))
    const seen = known.filter(({ act }) => act !== 'remove' && act !== 'wait').map(idOf)
    if (mode === 'delta' || seen.length === 0) return
    await sql`
      update source_link set generation = ${generation}
      where source_id = ${sourceId}::uuid and object_kind = 'person'
        and external_id = any(${seen}::text[])`.execute(this.#tx)
  }

  async #writeHolds(verdicts: readonly PersonVerdict[]) {
    const reason = sourceHold(this.#round.sourceId)
    const set = verdicts.filter(({ hold, act }) => hold === 'set' && act !== 'create')
    const lifted = verdicts.filter(({ hold }) => hold === 'lift')
    const held = set.flatMap((verdict) => this.#principal(verdict))
    const freed = lifted.flatMap((verdict) => this.#principal(verdict))
    if (held.length > 0) {
      await sql`
        insert into hold (principal_id, reason)
        select id, ${reason} from unnest(${held}::uuid[]) as r (id)
        on conflict do nothing`.execute(this.#tx)
    }
    if (freed.length > 0) {
      await sql`
        delete from hold where reason = ${reason} and principal_id = any(${freed}::uuid[])`.execute(
        this.#tx,
      )
    }
    for (const id of held) hintDenial(this.#tx, id)
    for (const id of held) this.#note(id, { hold: { before: null, after: reason } })
    for (const id of freed) this.#note(id, { hold: { before: reason, after: null } })
    for (const id of [...held, ...freed]) this.#touched.add(id)
    const suspended = set.filter((verdict) => verdict.act !== 'restore' && this.#isAlive(verdict))
    await recordRemovals(
      this.#tx,
      this.#round.sourceId,
      suspended.map(({ externalId }) => ({
        kind: 'suspension',
        subject: externalId,
        groupId: null,
      })),
    )
    return { suspended: suspended.length, resumed: lifted.length }
  }

  async #writeWaiting(verdicts: readonly PersonVerdict[]): Promise<number> {
    const { sourceId } = this.#round
    const key = (kind: 'person' | 'suspension') => (verdict: PersonVerdict) =>
      ({ kind, subject: verdict.externalId, group: '' }) as const
    const removed = verdicts.filter(({ act }) => act === 'remove')
    const lost = removed.filter((verdict) => this.#isAlive(verdict))
    await recordRemovals(
      this.#tx,
      sourceId,
      lost.map(({ externalId }) => ({ kind: 'person', subject: externalId, groupId: null })),
    )
    await endWaiting(this.#tx, sourceId, [
      ...removed.flatMap((verdict) => [key('person')(verdict), key('suspension')(verdict)]),
      ...verdicts.filter(({ isWaitingOver }) => isWaitingOver).map(key('person')),
      ...verdicts
        .filter(({ isWaitingOver, values }) => isWaitingOver && values.isEnabled !== false)
        .map(key('suspension')),
    ])
    return awaitApproval(this.#tx, sourceId, [
      ...verdicts.filter(({ act }) => act === 'wait').map(key('person')),
      ...verdicts.filter(({ hold }) => hold === 'wait').map(key('suspension')),
    ])
  }
}

function idOf(verdict: PersonVerdict): string {
  return verdict.externalId
}

function isShown(changed: readonly string[]): boolean {
  return changed.some((name) => SHOWN_NAMES.has(name))
}

function isAddress(name: string): boolean {
  return name === 'mail' || name === 'userPrincipalName'
}

/**
 * Before and after of what changed, for the log.
 *
 * @param kept what is mastered here, and so has not changed
 */
function changesOf(
  before: PersonValues,
  verdict: PersonVerdict,
  kept: Edits,
): Record<string, unknown> {
  const from = before as Readonly<Record<string, unknown>>
  const to = verdict.values as Readonly<Record<string, unknown>>
  const isKept = (name: string) =>
    name === 'managerExternalId' ? kept.managerId !== undefined : name in kept
  const shown = verdict.changed.filter((name) => SHOWN_NAMES.has(name) && !isKept(name))
  return Object.fromEntries(
    shown.map((name) => [name, { before: from[name] ?? null, after: to[name] ?? null }]),
  )
}
