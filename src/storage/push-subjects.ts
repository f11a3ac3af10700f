import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely'
import { EDITABLE_NAMES, isEditable } from '../directory/attributes.ts'
import type { HoldReason, Lifecycle } from '../directory/hold.ts'
import type { Mastered, Push, Subject } from '../provisioning/desired.ts'
import { type LicenceChoice, licenceAttribute, licenceWrites } from '../provisioning/licence.ts'
import { memberAttribute } from '../provisioning/membership.ts'
import type { Tables } from './database.ts'
import { LICENCES_HERE } from './licence-store.ts'
import { GROUPS_HERE, type GroupRow, membershipsOf } from './push-members.ts'
import { sourceHold } from './sync-batch.ts'
import { attributesFrom } from './sync-person-rows.ts'

interface SubjectRow {
  readonly principal_id: string
  readonly mark: number
  readonly attempts: number
  readonly external_id: string
  readonly is_linked: boolean
  readonly lifecycle: Lifecycle
  readonly deleted_at_ms: number | null
  readonly holds: readonly { readonly reason: HoldReason; readonly sinceMs: number }[]
  readonly pushes: readonly Push[]
  readonly may_write: boolean
  readonly kept: readonly string[]
  readonly person: Readonly<Record<string, unknown>>
  readonly told: Readonly<Record<string, unknown>>
  readonly manager: Manager | null
  readonly may_write_groups: boolean
  readonly groups: readonly GroupRow[]
  readonly may_write_licences: boolean
  readonly licences: readonly LicenceChoice[]
}

interface Manager {
  readonly id: string
  readonly username: string
  /** What the source knows her manager by; null when it does not. */
  readonly externalId: string | null
}

/** A person with all that says what is to be written about her. */
export interface ReadSubject {
  readonly principalId: string
  readonly externalId: string
  readonly mark: number
  readonly attempts: number
  readonly subject: Subject
}

/** @param among gives `principal_id`, `mark` and `attempts` of each who is meant */
export async function readSubjects(
  db: Kysely<Tables> | Transaction<Tables>,
  sourceId: string,
  among: RawBuilder<unknown>,
): Promise<readonly ReadSubject[]> {
  const { rows } = await sql<SubjectRow>`
    select m.principal_id, m.mark, m.attempts, l.external_id, l.removed_at is null and q.username_folded <> 'deleted-' || q.uid_number as is_linked,
      case when p.lifecycle_before = 'staged' then 'staged' else p.lifecycle end as lifecycle,
        (extract(epoch from p.deleted_at) * 1000)::float8 as deleted_at_ms,
      coalesce((select jsonb_agg(jsonb_build_object('reason', h.reason,
          'sinceMs', (extract(epoch from h.since) * 1000)::bigint))
        from hold h where h.principal_id = m.principal_id), '[]') as holds,
      coalesce((select jsonb_agg(jsonb_build_object('attribute', x.attribute,
          'status', x.status, 'wanted', x.wanted, 'written', x.written,
          'writtenAgeMs', (extract(epoch from clock_timestamp() - x.written_at) * 1000)::bigint,
          'repeats', x.repeats, 'reason', x.reason))
        from push x
        where x.source_id = ${sourceId}::uuid and x.principal_id = m.principal_id
          and x.attribute <> 'password'), '[]') as pushes,
      coalesce(s.config ->> 'tier' in ('write-back', 'password'), false) as may_write,
      array(select a.attribute from authority a
        where a.principal_id = m.principal_id and a.source_id is null order by a.attribute)
        as kept,
      to_jsonb(q) as person, l.attributes as told,
      (select jsonb_build_object('id', n.id, 'username', n.username, 'externalId', (
          select x.external_id from source_link x
          where x.source_id = s.id and x.principal_id = n.id and x.object_kind = 'person'
            and x.removed_at is null order by x.linked_at limit 1))
        from person n where n.id = q.manager_id) as manager,
      coalesce(s.config -> 'extras' @> '"groups"', false) as may_write_groups,
      coalesce(${GROUPS_HERE}, '[]') as groups,
      coalesce(s.config -> 'extras' @> '"licences"', false) as may_write_licences,
      coalesce(${LICENCES_HERE}, '[]') as licences
    from (${among}) m
    join source s on s.id = ${sourceId}::uuid
    join person q on q.id = m.principal_id
    join principal p on p.id = m.principal_id
    join source_link l on l.source_id = ${sourceId}::uuid and l.principal_id = m.principal_id
    order by p.no`.execute(db)
  return rows.map((row) => ({
    principalId: row.principal_id,
    externalId: row.external_id,
    mark: row.mark,
    attempts: row.attempts,
    subject: toSubject(row, sourceId),
  }))
}

function toSubject(row: SubjectRow, sourceId: string): Subject {
  return {
    lifecycle: row.lifecycle,
    holds: row.holds,
    ownHold: sourceHold(sourceId) as HoldReason,
    isLinked: row.is_linked,
    deletedAtMs: row.deleted_at_ms,
    mastered: masteredOf(row),
    kept: [
      ...row.kept,
      ...row.groups.map(({ group }) => memberAttribute(group)),
      ...row.licences.map(({ sku }) => licenceAttribute(sku)),
    ],
    told: toldOf(row),
    pushes: row.pushes,
  }
}

function masteredOf(row: SubjectRow): Subject['mastered'] {
  if (!row.may_write) return []
  const texts = textsOf(row)
  // Whoever is deleted here keeps her groups and licences there until she is restored.
  if (row.lifecycle === 'deleted') return texts
  return [
    ...texts,
    ...(row.may_write_groups ? membershipsOf(row.groups) : []),
    ...(row.may_write_licences ? licenceWrites(row.licences) : []),
  ]
}

function textsOf({ kept, person, manager }: SubjectRow): Subject['mastered'] {
  const own = attributesFrom(person)
  const texts = kept.filter(isEditable).map((name) => ({ attribute: name, value: own[name] }))
  return kept.includes('manager') ? [...texts, managerOf(manager)] : texts
}

function managerOf(manager: Manager | null): Mastered {
  const attribute = 'manager'
  if (manager === null) return { attribute, value: null }
  if (manager.externalId !== null) return { attribute, value: manager.externalId }
  const refusal =
    `not-linked: ${manager.username} has no account in this source: import or link hers, or ` +
    'choose another manager'
  return { attribute, value: manager.id, refusal }
}

/** The source's own last word, in the names that are pushed. */
function toldOf({ told, groups, licences }: SubjectRow): Subject['told'] {
  const texts = EDITABLE_NAMES.filter((name) => name in told).map((name) => [name, told[name]])
  const {
    isEnabled,
    managerExternalId: manager,
    licences: has,
  } = told as {
    readonly isEnabled?: boolean | null
    readonly managerExternalId?: string | null
    readonly licences?: readonly string[] | null
  }
  const hasLicence = (sku: string) => [licenceAttribute(sku), has?.includes(sku) === true]
  return {
    ...Object.fromEntries(texts),
    ...(isEnabled == null ? {} : { enabled: isEnabled }),
    ...(manager === undefined ? {} : { manager }),
    ...Object.fromEntries(groups.map(({ group, isTold }) => [memberAttribute(group), isTold])),
    ...(has == null ? {} : Object.fromEntries(licences.map(({ sku }) => hasLicence(sku)))),
  }
}
