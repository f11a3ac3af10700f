import { type RawBuilder, sql } from 'kysely'
import type { Actor } from '../directory/ports/people.ts'
import { remainingAllowance, WINDOW_MS } from '../sources/guard.ts'
import type { PersonFilter, RuleAction } from '../sources/import.ts'
import { type ImportPolicy, type ImportScope, mayBeDisabled } from '../sources/judge-people.ts'
import type { PersonValues } from '../sources/source.ts'
import type { BatchResult } from '../sources/sync-store.ts'
import type { Database } from './connection.ts'
import { MAY_BE_HERE, matches } from './import-filter.ts'
import { journal } from './journal.ts'
import { BATCH_WEIGHT, lockSource, sourceActor, type Tx, touchPrincipals } from './sync-batch.ts'
import { dropCandidates } from './sync-candidates.ts'
import { callManaged, createPeople } from './sync-create.ts'
import { writeLoginNames } from './sync-login-names.ts'

const WINDOW_SECONDS = WINDOW_MS / 1000
/** What is kept says who comes in; an engine may have been told before an admin changed it. */
const POLICY = sql<ImportPolicy>`coalesce(s.config ->> 'import', 'everybody')`

export interface Candidate {
  readonly external_id: string
  readonly attributes: PersonValues
  readonly generation: number
}

/**
 * Takes candidates in, whom the source's row is locked for. Their memberships, and who has them as
 * manager, are worked out afterwards.
 */
export async function admit(
  tx: Tx,
  sourceId: string,
  who: {
    readonly candidates: readonly Candidate[]
    /** So many of them are activated, the others staged. */
    readonly active: number
    readonly admittedBy: string | null
    readonly actor: Actor
  },
): Promise<void> {
  const { candidates, active, admittedBy, actor } = who
  const ids = candidates.map(({ external_id }) => external_id)
  const newcomers = candidates.map(({ external_id, attributes, generation }, at) => ({
    externalId: external_id,
    values: attributes,
    isHeld: mayBeDisabled(attributes),
    isActive: at < active,
    generation,
    admittedBy,
  }))
  const claims = await createPeople(tx, sourceId, newcomers)
  await dropCandidates(tx, sourceId, ids)
  const others = await writeLoginNames(tx, claims)
  await callManaged(tx, sourceId, ids)
  await touchPrincipals(tx, [...claims.map(({ principalId }) => principalId), ...others], actor)
}

interface Rule {
  readonly id: string
  readonly filter: PersonFilter
  readonly action: RuleAction
}

interface Plan {
  readonly is_due: boolean
  readonly version: number
  readonly policy: ImportPolicy
  readonly rules: readonly Rule[]
}

/**
 * Takes in a batch of those whom the source's rules name, or its policy; null when there are none
 * left. Whoever may be here already waits for an admin, whatever a rule says.
 */
export async function admitNewcomers(
  db: Database,
  sourceId: string,
  scope: ImportScope,
): Promise<BatchResult | null> {
  const { rows } = await sql<Plan>`
    select s.admission_due as is_due, s.version, ${POLICY} as policy, (
      select coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'filter', r.filter,
        'action', r.action) order by r.created_at, r.id), '[]')
      from import_rule r where r.source_id = s.id) as rules
    from source s where s.id = ${sourceId}::uuid`.execute(db.kysely)
  const [plan] = rows
  if (plan === undefined) return null
  const admitted =
    plan.policy === 'everybody'
      ? await admitEverybody(db, sourceId, { scope, isDue: plan.is_due })
      : await admitByRules(db, sourceId, plan.rules)
  if (admitted === null && plan.is_due) {
    await sql`
      update source set admission_due = false
      where id = ${sourceId}::uuid and version = ${plan.version}`.execute(db.kysely)
  }
  return admitted
}

/** Those who stayed outside while the policy was another. */
async function admitEverybody(
  db: Database,
  sourceId: string,
  parts: { readonly scope: ImportScope; readonly isDue: boolean },
): Promise<BatchResult | null> {
  if (!parts.isDue) return null
  const { includesGuests, includesDisabled } = parts.scope
  const filter: PersonFilter = {
    ...(includesGuests ? {} : { guest: false }),
    ...(includesDisabled ? {} : { disabled: false }),
  }
  const ids = await findCandidates(db, sourceId, matches(filter))
  if (ids.length === 0) return null
  const where = sql<boolean>`exists (
    select 1 from source s where s.id = c.source_id and ${POLICY} = 'everybody')`
  const { value } = await db.write(async (tx) => {
    await lockSource(tx, sourceId)
    const candidates = await readCandidates(tx, sourceId, { ids, where })
    const actor = sourceActor(sourceId)
    await admit(tx, sourceId, { candidates, active: 0, admittedBy: null, actor })
    return candidates.length
  })
  return { counts: { created: value }, items: value }
}

async function admitByRules(
  db: Database,
  sourceId: string,
  rules: readonly Rule[],
): Promise<BatchResult | null> {
  for (const rule of rules) {
    const where = sql<boolean>`${matches(rule.filter)} and not ${MAY_BE_HERE}`
    const ids = await findCandidates(db, sourceId, where)
    if (ids.length > 0) return admitByRule(db, sourceId, { rule, ids, where })
  }
  return null
}

async function admitByRule(
  db: Database,
  sourceId: string,
  found: {
    readonly rule: Rule
    readonly ids: readonly string[]
    readonly where: RawBuilder<boolean>
  },
): Promise<BatchResult> {
  const { rule, ids } = found
  const { value } = await db.write(async (tx) => {
    await lockSource(tx, sourceId)
    const where = sql<boolean>`${found.where}
      and exists (select 1 from import_rule r where r.id = ${rule.id}::uuid)`
    const candidates = await readCandidates(tx, sourceId, { ids, where })
    const allowed = rule.action === 'activate' ? await readActivations(tx, sourceId) : 0
    const active = Math.min(allowed, candidates.length)
    const actor = { ...sourceActor(sourceId), reason: `rule ${rule.id}` }
    await admit(tx, sourceId, { candidates, active, admittedBy: `rule:${rule.id}`, actor })
    if (rule.action === 'activate' && active < candidates.length) {
      const detail = { rule: rule.id, staged: candidates.length - active }
      journal(tx, { kind: 'source.activations-limited', entity: sourceId, actor, detail })
    }
    return { created: candidates.length, activated: active }
  })
  return { counts: value, items: value.created }
}

/** Read outside of a transaction: the look over all candidates takes its time, and locks nothing. */
async function findCandidates(
  db: Database,
  sourceId: string,
  where: RawBuilder<boolean>,
): Promise<readonly string[]> {
  const { rows } = await sql<{ id: string }>`
    select c.external_id as id from source_candidate c
    where c.source_id = ${sourceId}::uuid and ${where}
    order by c.external_id limit ${BATCH_WEIGHT}`.execute(db.kysely)
  return rows.map(({ id }) => id)
}

async function readCandidates(
  tx: Tx,
  sourceId: string,
  which: { readonly ids: readonly string[]; readonly where: RawBuilder<boolean> },
): Promise<readonly Candidate[]> {
  const { rows } = await sql<Candidate>`
    select c.external_id, c.attributes, c.generation from source_candidate c
    where c.source_id = ${sourceId}::uuid and c.external_id = any(${which.ids}::text[])
      and ${which.where}
    order by c.external_id for update of c`.execute(tx)
  return rows
}

/**
 * How many more rules may activate within the window. A rule that is wider than it was meant to be
 * stages the rest, and opens no doors.
 */
async function readActivations(tx: Tx, sourceId: string): Promise<number> {
  const { rows } = await sql<{ living: number; activated: number }>`
    select
      (select count(*) from source_link l where l.source_id = ${sourceId}::uuid
         and l.object_kind = 'person' and l.removed_at is null) as living,
      (select count(*) from source_link l where l.source_id = ${sourceId}::uuid and l.was_activated
         and l.linked_at > clock_timestamp() - make_interval(secs => ${WINDOW_SECONDS})) as activated`.execute(
    tx,
  )
  const { living = 0, activated = 0 } = rows[0] ?? {}
  return remainingAllowance(living - activated, activated)
}
