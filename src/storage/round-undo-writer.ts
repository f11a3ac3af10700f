import { sql } from 'kysely'
import type { Actor } from '../directory/ports/people.ts'
import type { GroupValues, PersonValues } from '../sources/source.ts'
import { hintDenial } from './journal.ts'
import { lockMastered } from './person-edits.ts'
import type { Undoable, Verdict } from './round-undo-judge.ts'
import { sourceHold, type Tx, touchGroups, touchPrincipals } from './sync-batch.ts'
import { type Change, recordChanges, valuesOf } from './sync-changes.ts'
import { namesOf, readManagers } from './sync-create.ts'
import { groupRow } from './sync-groups.ts'
import { removeGroups, removePeople, restoreGroups, restorePeople } from './sync-lifecycle.ts'
import { writeLoginNames } from './sync-login-names.ts'
import { changeEdges } from './sync-members.ts'
import { personRow, updatePeople } from './sync-person-rows.ts'

/** An undo under way: a round of its own. */
export interface UndoRound {
  readonly id: string
  readonly sourceId: string
  readonly actor: Actor
}

export interface Judged {
  readonly change: Undoable
  readonly verdict: Verdict
}

type Done = Verdict['do']
type Details = Map<string, Readonly<Record<string, unknown>>>

/** Takes one batch of changes back, and keeps what that did, so that it can be taken back as well. */
export class UndoWriter {
  readonly #tx: Tx
  readonly #round: UndoRound
  readonly #touched = new Set<string>()
  readonly #details: Details = new Map()

  constructor(tx: Tx, round: UndoRound) {
    this.#tx = tx
    this.#round = round
  }

  async write(judged: readonly Judged[]): Promise<void> {
    const of = (kind: Undoable['kind'], act: Done) =>
      judged.filter(({ change, verdict }) => change.kind === kind && verdict.do === act)
    await this.#givePeopleBack(of('person', 'give-back'))
    await this.#giveGroupsBack(of('group', 'give-back'))
    await this.#writeHolds(of('person', 'hold'), of('person', 'free'))
    const { sourceId, actor } = this.#round
    await removePeople(this.#tx, sourceId, of('person', 'delete').map(subjectOf), actor)
    await removeGroups(this.#tx, sourceId, of('group', 'delete').map(subjectOf), actor)
    const returning = of('person', 'restore')
    const renamed = await restorePeople(this.#tx, sourceId, returning.map(subjectOf))
    for (const id of renamed) this.#touched.add(id)
    const groups = of('group', 'restore')
    await restoreGroups(this.#tx, sourceId, groups.map(subjectOf))
    await touchPrincipals(this.#tx, this.#touched, actor, this.#details)
    await touchGroups(this.#tx, [...groups, ...of('group', 'give-back')].flatMap(entityOf), actor)
    await changeEdges(this.#tx, this.#round, {
      added: of('membership', 'add').map(({ change }) => change),
      removed: of('membership', 'take-out').map(({ change }) => change),
    })
    await recordChanges(this.#tx, this.#round.id, judged.flatMap(inverseOf))
  }

  async #givePeopleBack(judged: readonly Judged[]): Promise<void> {
    const rows = judged.map(({ change, verdict }) => ({
      change,
      values: { ...change.values, ...givenBack(change, verdict) } as PersonValues,
    }))
    await this.#writeLinks(
      'person',
      rows.map(({ change, values }) => ({
        external_id: change.subject,
        attributes: values,
        manager: values.managerExternalId ?? null,
      })),
    )
    const ours = rows.filter(({ change }) => change.isMaster && !change.isDeletedHere)
    const ids = ours.flatMap(({ change }) => change.entity ?? [])
    const mastered = await lockMastered(this.#tx, ids)
    const managers = await readManagers(this.#tx, this.#round.sourceId, ours)
    const written = ours.map(({ change, values }) => {
      const id = change.entity ?? ''
      const { username } = change
      const kept = mastered.get(id) ?? {}
      const told = managers.get(values.managerExternalId ?? '') ?? null
      const managerId = kept.managerId === undefined ? told : kept.managerId
      this.#touched.add(id)
      const names = Object.keys(change.before ?? {})
      const { before, after } = valuesOf(change.values, values, names)
      this.#details.set(id, { before, after })
      return { id, username, values: { ...values, ...kept }, managerId }
    })
    if (written.length === 0) return
    await updatePeople(
      this.#tx,
      written.map(({ id, username, values, managerId }) => ({
        ...personRow(values, { username, managerId }),
        id,
      })),
    )
    // The dead have no names to log in by; who comes back gets hers on the way.
    const living = new Set(
      ours
        .filter(({ change }) => change.lifecycle !== 'deleted')
        .map(({ change }) => change.entity),
    )
    const claims = written
      .filter(({ id }) => living.has(id))
      .map(({ id, username, values }) => ({ principalId: id, names: namesOf(username, values) }))
    for (const id of await writeLoginNames(this.#tx, claims)) this.#touched.add(id)
  }

  async #giveGroupsBack(judged: readonly Judged[]): Promise<void> {
    const rows = judged.map(({ change, verdict }) => {
      const values = { ...change.values, ...givenBack(change, verdict) } as GroupValues
      return { change, values }
    })
    if (rows.length === 0) return
    await this.#writeLinks(
      'group',
      rows.map(({ change, values }) => ({
        external_id: change.subject,
        attributes: values,
        manager: null,
      })),
    )
    const written = rows.map(({ change, values }) => ({
      ...groupRow(values, change.subject),
      id: change.entity,
    }))
    await sql`
      update directory_group g set display_name = r.display_name,
        display_name_folded = r.display_name_folded, description = r.description, mail = r.mail
      from jsonb_to_recordset(${JSON.stringify(written)}::jsonb)
        as r (id uuid, display_name text, display_name_folded text, description text, mail text)
      where g.id = r.id`.execute(this.#tx)
  }

  /** What it then says of itself is what it said before the round. */
  async #writeLinks(
    kind: 'person' | 'group',
    rows: readonly {
      readonly external_id: string
      readonly attributes: object
      readonly manager: string | null
    }[],
  ): Promise<void> {
    if (rows.length === 0) return
    await sql`
      update source_link l set attributes = r.attributes, manager_external_id = r.manager
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        as r (external_id text, attributes jsonb, manager text)
      where l.source_id = ${this.#round.sourceId}::uuid and l.object_kind = ${kind}
        and l.external_id = r.external_id`.execute(this.#tx)
  }

  async #writeHolds(held: readonly Judged[], freed: readonly Judged[]): Promise<void> {
    const reason = sourceHold(this.#round.sourceId)
    const holding = held.flatMap(entityOf)
    const freeing = freed.flatMap(entityOf)
    if (holding.length > 0) {
      await sql`
        insert into hold (principal_id, reason) select id, ${reason}
        from unnest(${holding}::uuid[]) as r (id) on conflict do nothing`.execute(this.#tx)
    }
    if (freeing.length > 0) {
      await sql`
        delete from hold
        where reason = ${reason} and principal_id = any(${freeing}::uuid[])`.execute(this.#tx)
    }
    for (const id of holding) hintDenial(this.#tx, id)
    for (const id of holding) this.#note(id, { hold: { before: null, after: reason } })
    for (const id of freeing) this.#note(id, { hold: { before: reason, after: null } })
  }

  #note(id: string, detail: Readonly<Record<string, unknown>>): void {
    this.#touched.add(id)
    this.#details.set(id, { ...this.#details.get(id), ...detail })
  }
}

function givenBack(change: Undoable, verdict: Verdict): Readonly<Record<string, unknown>> {
  if (verdict.do !== 'give-back') return {}
  return Object.fromEntries(verdict.names.map((name) => [name, change.before?.[name] ?? null]))
}

const INVERSE: Readonly<Partial<Record<Done, Change['act']>>> = {
  delete: 'removed',
  restore: 'restored',
  hold: 'held',
  free: 'freed',
  add: 'created',
  'take-out': 'removed',
}

function inverseOf({ change, verdict }: Judged): Change[] {
  const { kind, subject, memberNo } = change
  const about = { kind, subject, ...(memberNo === null ? {} : { memberNo }) }
  if (verdict.do === 'give-back') {
    const values = valuesOf(change.after ?? {}, change.before ?? {}, verdict.names)
    return [{ ...about, act: 'changed', ...values }]
  }
  const act = INVERSE[verdict.do]
  return act === undefined ? [] : [{ ...about, act }]
}

function subjectOf({ change }: Judged): string {
  return change.subject
}

function entityOf({ change }: Judged): string[] {
  return change.entity === null ? [] : [change.entity]
}
