import { type RawBuilder, sql } from 'kysely'
import { foldText } from '../directory/fold.ts'
import { FILTER_TEXTS, type PersonFilter } from '../sources/import.ts'

/** Where the folded texts of those a filter is about are. */
interface Place {
  readonly folded: RawBuilder<unknown>
  readonly upn: RawBuilder<string | null>
  readonly searched: RawBuilder<string>
}

const OF_CANDIDATE: Place = {
  folded: sql`c.folded`,
  upn: sql`c.upn_folded`,
  searched: sql`c.searched`,
}

const OF_PERSON: Place = {
  folded: sql`p.folded`,
  upn: sql`p.user_principal_name_folded`,
  searched: sql`concat_ws(' ', p.display_name_folded, p.user_principal_name_folded, p.mail_folded)`,
}

/** True of a row `c` of `source_candidate` for whom all of the filter holds. */
export function matches(filter: PersonFilter): RawBuilder<boolean> {
  return conditions(filter, OF_CANDIDATE)
}

/** The same of a row `c` of `source_link` with its person `p`, as she is here. */
export function matchesLinked(filter: PersonFilter): RawBuilder<boolean> {
  return conditions(filter, OF_PERSON)
}

function conditions(filter: PersonFilter, place: Place): RawBuilder<boolean> {
  const all = [
    ...flag('isLicensed', filter.licensed),
    ...flag('isGuest', filter.guest),
    ...flag('isSyncedFromOnPremises', filter.onPremises),
    ...disabled(filter.disabled),
    ...domain(place, filter.domain),
    ...inGroup(filter.group),
    ...containing(place, filter.search),
    ...FILTER_TEXTS.flatMap((name) => text(place, name, filter[name])),
  ]
  return all.length === 0 ? sql`true` : sql`(${sql.join(all, sql` and `)})`
}

type Conditions = readonly RawBuilder<boolean>[]

function flag(name: string, wanted: boolean | undefined): Conditions {
  if (wanted === undefined) return []
  return [sql`coalesce((c.attributes ->> ${sql.lit(name)})::boolean, false) = ${wanted}::boolean`]
}

function disabled(wanted: boolean | undefined): Conditions {
  if (wanted === undefined) return []
  return [sql`coalesce((c.attributes ->> 'isEnabled')::boolean, true) <> ${wanted}::boolean`]
}

function text(place: Place, name: string, wanted: string | undefined): Conditions {
  if (wanted === undefined) return []
  return [sql`${place.folded} ->> ${sql.lit(name)} = ${foldText(wanted)}`]
}

function domain(place: Place, wanted: string | undefined): Conditions {
  if (wanted === undefined) return []
  return [sql`split_part(${place.upn}, '@', -1) = ${foldText(wanted)}`]
}

function containing(place: Place, wanted: string | undefined): Conditions {
  if (wanted === undefined) return []
  return [sql`position(${foldText(wanted)} in ${place.searched}) > 0`]
}

/**
 * Groups within the group are walked once each, so that a cycle ends. It depends on nothing of `c`,
 * so that it is worked out once.
 */
function inGroup(group: string | undefined): Conditions {
  if (group === undefined) return []
  return [
    sql`(c.source_id, c.external_id) in (
      with recursive inside (source_id, id) as (
        select x.id, ${group}::text collate "C" from source x
        union
        select m.source_id, m.member_external_id from inside i
        join source_member m on m.source_id = i.source_id and m.group_external_id = i.id
          and m.member_type = 'group')
      select m.source_id, m.member_external_id from inside i
      join source_member m on m.source_id = i.source_id and m.group_external_id = i.id)`,
  ]
}

/**
 * True of a candidate `c` who may be somebody here already: a person whom the source does not know
 * has her UPN, her mail address, or the username she would be given.
 */
export const MAY_BE_HERE: RawBuilder<boolean> = sql`exists (
  select 1 from login_name n
  join principal p on p.id = n.principal_id and p.kind = 'person' and p.lifecycle <> 'deleted'
  where n.folded = any(array[c.upn_folded, c.mail_folded, c.username_base])
    and not exists (select 1 from source_link x
      where x.source_id = c.source_id and x.principal_id = n.principal_id
        and x.removed_at is null))`

/** What the group is called here that a stored filter asks for; null where there is none. */
export function groupNameOf(
  sourceId: RawBuilder<unknown>,
  filter: RawBuilder<unknown>,
): RawBuilder<string | null> {
  return sql`(select g.name from source_link l join directory_group g on g.id = l.group_id
    where l.source_id = ${sourceId} and l.object_kind = 'group'
      and l.external_id = ${filter} ->> 'group')`
}

/** A filter as people read it. */
export function named(filter: PersonFilter, groupName: string | null): PersonFilter {
  return groupName === null ? filter : { ...filter, group: groupName }
}
