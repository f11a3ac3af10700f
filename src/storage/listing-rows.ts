import { type Kysely, sql } from 'kysely'
import type {
  Audience,
  ListedGroup,
  ListedMember,
  ListedPerson,
  Named,
} from '../directory/ports/listing.ts'
import type { Tables } from './database.ts'
import { groupInView, isHeld, withViewGroups } from './listing-conditions.ts'
import { groupChangedAt, personChangedAt } from './listing-fields.ts'

/** Members in one answer; more must be asked for group by group, or left out. */
export const MAX_LISTED_MEMBERS = 200_000

export const PERSON_COLUMNS = sql`
  pr.id, pr.no, pr.version, pr.created_at, ${personChangedAt} as changed_at,
  x.external_id, ${isHeld} as is_held,
  p.username, p.display_name, p.given_name, p.surname, p.mail, p.job_title, p.department,
  p.company_name, p.employee_id, p.employee_type, p.mobile_phone, p.business_phone,
  p.street_address, p.city, p.region, p.postal_code, p.country, p.preferred_language,
  m.id as manager_id, m.display_name as manager_name`

export interface PersonRow {
  readonly id: string
  readonly no: number
  readonly version: number
  readonly created_at: Date
  readonly changed_at: Date
  readonly external_id: string | null
  readonly is_held: boolean
  readonly username: string
  readonly display_name: string
  readonly given_name: string | null
  readonly surname: string | null
  readonly mail: string | null
  readonly job_title: string | null
  readonly department: string | null
  readonly company_name: string | null
  readonly employee_id: string | null
  readonly employee_type: string | null
  readonly mobile_phone: string | null
  readonly business_phone: string | null
  readonly street_address: string | null
  readonly city: string | null
  readonly region: string | null
  readonly postal_code: string | null
  readonly country: string | null
  readonly preferred_language: string | null
  readonly manager_id: string | null
  readonly manager_name: string | null
}

export const GROUP_COLUMNS = sql`
  g.id, g.no, g.version, g.members_version, g.display_name, g.created_at,
  ${groupChangedAt} as changed_at, x.external_id`

export interface GroupRow {
  readonly id: string
  readonly no: number
  readonly version: number
  readonly members_version: number
  readonly display_name: string
  readonly created_at: Date
  readonly changed_at: Date
  readonly external_id: string | null
}

/** By the number of the one who has them. */
export type ByNo<T> = ReadonlyMap<number, readonly T[]>

export function toListedPerson(row: PersonRow, groups: ByNo<Named> | null): ListedPerson {
  return {
    id: row.id,
    externalId: row.external_id,
    version: row.version,
    createdAtMs: row.created_at.getTime(),
    changedAtMs: row.changed_at.getTime(),
    isHeld: row.is_held,
    username: row.username,
    displayName: row.display_name,
    givenName: row.given_name,
    surname: row.surname,
    mail: row.mail,
    jobTitle: row.job_title,
    department: row.department,
    companyName: row.company_name,
    employeeId: row.employee_id,
    employeeType: row.employee_type,
    mobilePhone: row.mobile_phone,
    businessPhone: row.business_phone,
    streetAddress: row.street_address,
    city: row.city,
    region: row.region,
    postalCode: row.postal_code,
    country: row.country,
    preferredLanguage: row.preferred_language,
    manager:
      row.manager_id === null || row.manager_name === null
        ? null
        : { id: row.manager_id, displayName: row.manager_name },
    groups: groups === null ? null : (groups.get(row.no) ?? []),
  }
}

export function toListedGroup(row: GroupRow, members: ByNo<ListedMember> | null): ListedGroup {
  return {
    id: row.id,
    externalId: row.external_id,
    version: row.version,
    membersVersion: row.members_version,
    createdAtMs: row.created_at.getTime(),
    changedAtMs: row.changed_at.getTime(),
    displayName: row.display_name,
    members: members === null ? null : (members.get(row.no) ?? []),
  }
}

/** The groups that people belong to directly, as the audience may see them. */
export async function readGroupsOf(
  db: Kysely<Tables>,
  people: readonly { readonly no: number }[],
  audience: Audience,
): Promise<ByNo<Named>> {
  if (people.length === 0) return new Map()
  const { rows } = await sql<{ no: number; id: string; display_name: string }>`
    ${withViewGroups(audience)}
    select e.member_no as no, g.id, g.display_name
    from membership e join directory_group g on g.no = e.group_no
    where e.member_no = any (${people.map(({ no }) => no)}::integer[])
      and g.lifecycle = 'active' and ${groupInView('g.no', audience)}
    order by g.no`.execute(db)
  return groupByNo(rows, ({ id, display_name }) => ({ id, displayName: display_name }))
}

/**
 * The direct members of groups: whoever sees a group sees them. Staged and deleted ones are no
 * members to anyone. Null when there are more than {@link MAX_LISTED_MEMBERS}.
 */
export async function readMembersOf(
  db: Kysely<Tables>,
  groups: readonly { readonly no: number }[],
): Promise<ByNo<ListedMember> | null> {
  if (groups.length === 0) return new Map()
  const nos = groups.map(({ no }) => no)
  const { rows } = await sql<{
    no: number
    kind: ListedMember['kind']
    id: string
    display_name: string
  }>`
    select e.group_no as no, e.member_no, e.member_kind as kind, p.id, p.display_name
    from membership e join principal pr on pr.no = e.member_no join person p on p.id = pr.id
    where e.group_no = any (${nos}::integer[]) and e.member_kind = 'person'
      and pr.lifecycle = 'active'
    union all
    select e.group_no, e.member_no, e.member_kind, g.id, g.display_name
    from membership e join directory_group g on g.no = e.member_no
    where e.group_no = any (${nos}::integer[]) and e.member_kind = 'group'
      and g.lifecycle = 'active'
    order by 1, 2 limit ${MAX_LISTED_MEMBERS + 1}`.execute(db)
  if (rows.length > MAX_LISTED_MEMBERS) return null
  return groupByNo(rows, ({ kind, id, display_name }) => ({ kind, id, displayName: display_name }))
}

function groupByNo<Row extends { readonly no: number }, T>(
  rows: readonly Row[],
  toItem: (row: Row) => T,
): ByNo<T> {
  const byNo = new Map<number, T[]>()
  for (const row of rows) {
    const items = byNo.get(row.no)
    if (items === undefined) byNo.set(row.no, [toItem(row)])
    else items.push(toItem(row))
  }
  return byNo
}
