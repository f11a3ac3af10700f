import { sql } from 'kysely'
import type { Audience, Condition, Relation } from '../directory/ports/listing.ts'
import { compareText, compareTime, type Fields, relatedFields, type Sql } from './listing-fields.ts'

/**
 * The predicate of a condition, with every value a parameter.
 *
 * In SQL a comparison with an absent value is null, not false. So negations are carried down to the
 * comparisons, each of which is then `is not true`; what is left of null stands under AND and OR
 * alone, where it selects as little as false does, and equalities keep their indexes.
 */
export function compileCondition(condition: Condition, fields: Fields, audience: Audience): Sql {
  return compile(condition, false, { fields, audience })
}

interface Context {
  readonly fields: Fields
  readonly audience: Audience
}

function compile(condition: Condition, isNegated: boolean, context: Context): Sql {
  switch (condition.op) {
    case 'not':
      return compile(condition.of, !isNegated, context)
    case 'all':
    case 'any': {
      const parts = condition.of.map((part) => compile(part, isNegated, context))
      const isAnd = (condition.op === 'all') !== isNegated
      if (parts.length === 0) return isAnd ? sql`true` : sql`false`
      return sql`(${sql.join(parts, isAnd ? sql` and ` : sql` or `)})`
    }
    default: {
      const leaf = compileLeaf(condition, context)
      return isNegated ? sql`(${leaf}) is not true` : leaf
    }
  }
}

type Leaf = Exclude<Condition, { op: 'all' | 'any' | 'not' }>

function compileLeaf(leaf: Leaf, { fields, audience }: Context): Sql {
  switch (leaf.op) {
    case 'always':
      return sql`true`
    case 'never':
      return sql`false`
    case 'held':
      return isHeld
    case 'present':
      return has(fields.text[leaf.field], leaf.field).present
    case 'text':
      return compareText(has(fields.text[leaf.field], leaf.field), leaf.test, leaf.value)
    case 'time':
      return compareTime(has(fields.time[leaf.field], leaf.field), leaf.test, leaf.valueMs)
    case 'related': {
      const where = compile(leaf.where, false, { fields: relatedFields, audience })
      return sql`exists (select from (${related(leaf.relation, audience)}) r where ${where})`
    }
  }
}

/** Whether principal `pr` is held back. */
export const isHeld: Sql = sql`exists (select from hold h where h.principal_id = pr.id)`

/** A question about rows that lack the field is the caller's mistake, not the client's. */
function has<T>(column: T | undefined, name: string): T {
  if (column === undefined) throw new TypeError(`these rows have no field ${name}`)
  return column
}

/** What stands in a relation to the row asked about, as the audience may see it. */
function related(relation: Relation, audience: Audience): Sql {
  switch (relation) {
    case 'manager':
      return sql`
        select q.id, q.display_name_folded from person q join principal qr on qr.id = q.id
        where q.id = p.manager_id and qr.lifecycle = 'active' and ${personInView('qr.no', audience)}`
    case 'groups':
      return sql`
        select q.id, q.display_name_folded from membership e
        join directory_group q on q.no = e.group_no
        where e.member_no = pr.no and q.lifecycle = 'active' and ${groupInView('q.no', audience)}`
    case 'memberPeople':
      return sql`
        select q.id, q.display_name_folded from membership e
        join principal qr on qr.no = e.member_no join person q on q.id = qr.id
        where e.group_no = g.no and e.member_kind = 'person' and qr.lifecycle = 'active'`
    case 'memberGroups':
      return sql`
        select q.id, q.display_name_folded from membership e
        join directory_group q on q.no = e.member_no
        where e.group_no = g.no and e.member_kind = 'group' and q.lifecycle = 'active'`
  }
}

/**
 * The beginning of a statement that uses {@link personInView} or {@link groupInView}: the groups the
 * audience sees, which are those named and all that are nested in them.
 */
export function withViewGroups({ view }: Audience): Sql {
  if (view.sees === 'all') return sql``
  return sql`
    with recursive view_group (no) as (
      select v.no from directory_group v
      where v.id = any (${view.groupIds}::uuid[]) and v.lifecycle = 'active'
      union
      select v.no from view_group w
      join membership e on e.group_no = w.no and e.member_kind = 'group'
      join directory_group v on v.no = e.member_no and v.lifecycle = 'active')`
}

/** Whoever belongs to a group of the view is seen. `no` names a column. */
export function personInView(no: string, { view }: Audience): Sql {
  if (view.sees === 'all') return sql`true`
  return sql`exists (
    select from membership e where e.member_no = ${sql.ref(no)}
    and e.group_no in (select w.no from view_group w))`
}

export function groupInView(no: string, { view }: Audience): Sql {
  if (view.sees === 'all') return sql`true`
  return sql`${sql.ref(no)} in (select w.no from view_group w)`
}
