import { sql } from 'kysely'
import type { Actor } from '../directory/ports/people.ts'
import type { Decision, ImportCounts } from '../sources/import.ts'
import type { Database } from './connection.ts'
import { admit, type Candidate } from './import-admit.ts'
import { isChosen, joinChoice } from './import-choice.ts'
import { MAY_BE_HERE } from './import-filter.ts'
import { readSession, type SessionRow } from './import-sessions.ts'
import { hintDenial, journal } from './journal.ts'
import { BATCH_WEIGHT, lockSource, sourceHold, type Tx, touchPrincipals } from './sync-batch.ts'
import { dropCandidates } from './sync-candidates.ts'

interface Chosen extends Candidate {
  readonly decision: Decision | null
  readonly principal_id: string | null
  readonly may_be_here: boolean
}

/**
 * The next people of a running session, in the order the preview shows them, so that each gets the
 * name and number it showed; how far it is, is kept with them. Whoever has come in is a candidate no
 * more, so that a batch that is repeated finds nobody.
 *
 * @returns how many were looked at; null when there is nobody left
 */
export async function runBatch(db: Database, id: string): Promise<number | null> {
  const session = await readSession(db, id)
  if (session.state !== 'running') return null
  const next = await nextPlaces(db, session)
  const last = next.at(-1)
  if (last === undefined) return null
  const ids = next.map(({ id }) => id)
  await db.write(async (tx) => {
    await lockSource(tx, session.source_id)
    if (!(await lockSession(tx, session))) return
    const counts = await take(tx, session, await readChosen(tx, session, ids))
    await sql`
      update import_session set cursor = ${JSON.stringify(last)}, counts = ${JSON.stringify(counts)}::jsonb
      where id = ${session.id}::uuid`.execute(tx)
  })
  return ids.length
}

/** Where a person stands in the order of the preview. */
interface Place {
  readonly name: string
  readonly id: string
}

const START: Place = { name: '', id: '' }

/** Found outside of the transaction, as the look over all candidates takes its time. */
async function nextPlaces(db: Database, session: SessionRow): Promise<readonly Place[]> {
  const { matching, until_mark: until } = session
  const after = session.cursor === null ? START : (JSON.parse(session.cursor) as Place)
  const { rows } = await sql<Place>`
    select c.sort_key as name, c.external_id as id
    from source_candidate c ${joinChoice(session.id)}
    where c.source_id = ${session.source_id}::uuid
      and (c.sort_key, c.external_id) > (${after.name}, ${after.id})
      and ${isChosen({ matching, until })}
    order by c.sort_key, c.external_id limit ${BATCH_WEIGHT}`.execute(db.kysely)
  return rows
}

/** False when another daemon has gone on, or an admin has ended it: what was read is no longer so. */
async function lockSession(tx: Tx, session: SessionRow): Promise<boolean> {
  const { rows } = await sql<{ one: number }>`
    select 1 as one from import_session
    where id = ${session.id}::uuid and state = 'running'
      and cursor is not distinct from ${session.cursor}
      and changed_at = ${session.changed_mark}::timestamptz for update`.execute(tx)
  return rows.length > 0
}

async function readChosen(
  tx: Tx,
  session: SessionRow,
  ids: readonly string[],
): Promise<readonly Chosen[]> {
  const { matching, until_mark: until } = session
  const { rows } = await sql<Chosen>`
    select c.external_id, c.attributes, c.generation, x.decision, x.principal_id,
      ${MAY_BE_HERE} as may_be_here
    from source_candidate c ${joinChoice(session.id)}
    where c.source_id = ${session.source_id}::uuid and c.external_id = any(${ids}::text[])
      and ${isChosen({ matching, until })}
    order by c.sort_key, c.external_id for update of c`.execute(tx)
  return rows
}

async function take(tx: Tx, session: SessionRow, people: readonly Chosen[]): Promise<ImportCounts> {
  const name = session.run_by ?? session.created_by
  const actor = { name, reason: session.run_reason ?? `import ${session.id}` }
  const isNew = ({ decision, may_be_here }: Chosen) =>
    decision === 'separate' || (decision === null && !may_be_here)
  const candidates = people.filter(isNew)
  const admittedBy = `session:${session.id}`
  const linked = await link(tx, session, {
    people: people.filter(({ decision }) => decision === 'link'),
    admittedBy,
    actor,
  })
  await admit(tx, session.source_id, { candidates, active: 0, admittedBy, actor })
  const { created = 0, linked: before = 0, skipped = 0 } = session.counts
  return {
    created: created + candidates.length,
    linked: before + linked,
    skipped: skipped + people.length - candidates.length - linked,
  }
}

/**
 * Says that people who are here are those of the source. Their names, attributes and life stay what
 * they were; the source adds groups, and its hold.
 */
async function link(
  tx: Tx,
  session: SessionRow,
  parts: {
    readonly people: readonly Chosen[]
    readonly admittedBy: string
    readonly actor: Actor
  },
): Promise<number> {
  const { people, admittedBy, actor } = parts
  if (people.length === 0) return 0
  const { source_id: sourceId } = session
  await forgetEnded(tx, sourceId, people)
  const { rows } = await sql<{ external_id: string; principal_id: string; is_held: boolean }>`
    with made as (
      insert into source_link (source_id, object_kind, external_id, principal_id, attributes,
        generation, manager_external_id, admitted_by, is_master, edges_pending)
      select ${sourceId}::uuid, 'person', r.external_id, r.principal_id, r.attributes,
        r.generation, r.attributes ->> 'managerExternalId', ${admittedBy}, false, true
      from jsonb_to_recordset(${JSON.stringify(people)}::jsonb)
        as r (external_id text, principal_id uuid, attributes jsonb, generation bigint)
      join principal p on p.id = r.principal_id and p.lifecycle <> 'deleted'
      on conflict do nothing returning external_id, principal_id, attributes),
    held as (
      insert into hold (principal_id, reason)
      select principal_id, ${sourceHold(sourceId)} from made
      where attributes -> 'isEnabled' in ('false', 'null') on conflict do nothing returning principal_id)
    select m.external_id, m.principal_id, h.principal_id is not null as is_held
    from made m left join held h on h.principal_id = m.principal_id`.execute(tx)
  for (const row of rows) {
    if (row.is_held) hintDenial(tx, row.principal_id)
    const detail = { externalId: row.external_id, person: row.principal_id }
    journal(tx, { kind: 'source.linked', entity: sourceId, actor, detail })
  }
  await dropCandidates(
    tx,
    sourceId,
    rows.map((row) => row.external_id),
  )
  await touchPrincipals(
    tx,
    rows.map((row) => row.principal_id),
    actor,
  )
  return rows.length
}

/** The accounts they were before, which are gone; their groups have been left by then. */
async function forgetEnded(tx: Tx, sourceId: string, people: readonly Chosen[]): Promise<void> {
  const ids = people.map(({ principal_id }) => principal_id)
  await sql`
    delete from source_link
    where source_id = ${sourceId}::uuid and principal_id = any(${ids}::uuid[])
      and removed_at is not null and not is_master and not edges_pending`.execute(tx)
}
