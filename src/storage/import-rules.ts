import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import { foldText } from '../directory/fold.ts'
import type { By, ImportSettings, PersonFilter, RuleAction } from '../sources/import.ts'
import type { ImportPolicy } from '../sources/judge-people.ts'
import type { Database } from './connection.ts'
import { groupNameOf, named } from './import-filter.ts'
import { journal } from './journal.ts'
import type { Tx } from './sync-batch.ts'

const RULES_MAX = 50

interface RuleRow {
  readonly id: string
  readonly filter: PersonFilter
  readonly group_name: string | null
  readonly action: RuleAction
  readonly created_by: string
  readonly created_at: Date
  readonly admitted: number
  readonly activated: number
}

export async function readSettings(db: Database, sourceId: string): Promise<ImportSettings> {
  const { rows } = await sql<{ policy: ImportPolicy; candidates: number }>`
    select coalesce(s.config ->> 'import', 'everybody') as policy,
      (select count(*) from source_candidate c where c.source_id = s.id) as candidates
    from source s where s.id = ${sourceId}::uuid`.execute(db.kysely)
  const { rows: rules } = await sql<RuleRow>`
    select r.id, r.filter, ${groupNameOf(sql`r.source_id`, sql`r.filter`)} as group_name, r.action,
      r.created_by, r.created_at,
      coalesce(l.admitted, 0) as admitted, coalesce(l.activated, 0) as activated
    from import_rule r
    left join (
      select admitted_by, count(*) as admitted, count(*) filter (where was_activated) as activated
      from source_link where source_id = ${sourceId}::uuid and admitted_by like 'rule:%'
      group by admitted_by) l on l.admitted_by = 'rule:' || r.id
    where r.source_id = ${sourceId}::uuid order by r.created_at, r.id`.execute(db.kysely)
  const { policy = 'everybody', candidates = 0 } = rows[0] ?? {}
  return {
    policy,
    candidates,
    rules: rules.map(({ created_by, created_at, group_name, ...rule }) => ({
      ...rule,
      filter: named(rule.filter, group_name),
      createdBy: created_by,
      createdAtMs: created_at.getTime(),
    })),
  }
}

export async function setPolicy(
  db: Database,
  sourceId: string,
  parts: { readonly policy: ImportPolicy; readonly by: By },
): Promise<void> {
  const { policy, by } = parts
  await db.write(async (tx) => {
    const count = await lockRules(tx, sourceId)
    if (policy === 'everybody' && count > 0) {
      throw new DirectoryError(
        'DIRECTORY_REFUSED',
        `${count} rules say who comes in: remove them first, or leave it to them`,
      )
    }
    await sql`
      update source set config = config || ${JSON.stringify({ import: policy })}::jsonb
      where id = ${sourceId}::uuid`.execute(tx)
    await changed(tx, sourceId, { decision: 'source.import-set', by, detail: { policy } })
  })
}

export async function addRule(
  db: Database,
  sourceId: string,
  parts: { readonly filter: PersonFilter; readonly action: RuleAction; readonly by: By },
): Promise<string> {
  const { filter, action, by } = parts
  const id = randomUUID()
  await db.write(async (tx) => {
    if ((await lockRules(tx, sourceId)) >= RULES_MAX) {
      throw new DirectoryError('DIRECTORY_REFUSED', `a source has no more than ${RULES_MAX} rules`)
    }
    const { rows } = await sql<{ id: string }>`
      insert into import_rule (id, source_id, filter, action, created_by)
      select ${id}::uuid, s.id, ${JSON.stringify(filter)}::jsonb, ${action}, ${by.name}
      from source s where s.id = ${sourceId}::uuid and s.config ->> 'import' = 'chosen'
      returning id`.execute(tx)
    if (rows.length === 0) {
      throw new DirectoryError(
        'DIRECTORY_REFUSED',
        'everybody of this source comes in by herself, so that a rule would say nothing: ' +
          'gatehouse import policy SOURCE chosen',
      )
    }
    const detail = { rule: id, filter, action }
    await changed(tx, sourceId, { decision: 'source.import-rule-added', by, detail })
  })
  return id
}

export async function removeRule(
  db: Database,
  sourceId: string,
  parts: { readonly ruleId: string; readonly by: By },
): Promise<void> {
  await db.write(async (tx) => {
    await lockRules(tx, sourceId)
    const { rows } = await sql<{ filter: PersonFilter; action: RuleAction }>`
      delete from import_rule where source_id = ${sourceId}::uuid and id::text = ${parts.ruleId}
      returning filter, action`.execute(tx)
    const [removed] = rows
    if (removed === undefined) {
      throw new DirectoryError('DIRECTORY_NOT_FOUND', `there is no rule ${parts.ruleId}`)
    }
    const detail = { rule: parts.ruleId, ...removed }
    const decision = 'source.import-rule-removed'
    await changed(tx, sourceId, { decision, by: parts.by, detail })
  })
}

/** @returns how many rules the source has, which stay so until the transaction ends */
async function lockRules(tx: Tx, sourceId: string): Promise<number> {
  await sql`select 1 from source where id = ${sourceId}::uuid for no key update`.execute(tx)
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from import_rule where source_id = ${sourceId}::uuid`.execute(tx)
  return rows[0]?.count ?? 0
}

async function changed(
  tx: Tx,
  sourceId: string,
  what: {
    readonly decision: `source.${string}`
    readonly by: By
    readonly detail: Readonly<Record<string, unknown>>
  },
): Promise<void> {
  const { rows } = await sql<{ version: number }>`
    update source set admission_due = true, version = nextval('entity_version')
    where id = ${sourceId}::uuid returning version`.execute(tx)
  for (const { version } of rows) {
    journal(tx, {
      kind: what.decision,
      entity: sourceId,
      version,
      actor: what.by,
      detail: what.detail,
    })
  }
}

/** @throws {DirectoryError} `DIRECTORY_NOT_FOUND` for a group that the source does not have */
export async function findGroup(
  db: Database,
  sourceId: string,
  reference: string,
): Promise<string> {
  const { rows } = await sql<{ id: string }>`
    select l.external_id as id from source_link l
    join directory_group g on g.id = l.group_id and g.lifecycle = 'active'
    where l.source_id = ${sourceId}::uuid and l.object_kind = 'group' and l.removed_at is null
      and (l.external_id = ${reference} or g.id::text = ${reference}
        or g.name_folded = ${foldText(reference)})`.execute(db.kysely)
  const [found] = rows
  if (found !== undefined) return found.id
  throw new DirectoryError('DIRECTORY_NOT_FOUND', `the source has no group ${reference}`)
}
