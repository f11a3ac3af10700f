import { type Candidates, nobody, unionOf } from './candidates.ts'
import { isNumberField } from './fields.ts'
import type { FieldIndexes } from './indexes/field-indexes.ts'
import type { Membership } from './membership.ts'
import type { NoSet } from './no-set.ts'
import type { EntryKind, Query } from './query.ts'

/** Where a plan looks things up. */
export interface Sources {
  readonly living: NoSet
  readonly indexes: FieldIndexes
  readonly membership: Membership
  ofKind(kind: EntryKind): NoSet
}

/**
 * The cheapest superset of the entries for which the query is true; null when nothing narrows it
 * below all that live. What it leaves over is for the evaluation to decide.
 */
export function planSearch(query: Query, sources: Sources): Candidates | null {
  switch (query.op) {
    case 'and':
      return planAnd(query.of, sources)
    case 'or':
      return planOr(query.of, sources)
    case 'never':
    case 'undefined':
      return nobody
    case 'kind':
      return sources.ofKind(query.kind)
    case 'hasAnyMember':
      return sources.ofKind('group')
    case 'memberOf':
    case 'hasMember':
      return planMembership(query, sources.membership)
    case 'present':
    case 'equals':
    case 'substring':
    case 'atLeast':
    case 'atMost':
      return planField(query, sources)
    default:
      return null
  }
}

/** With so few candidates left, looking for a still smaller part costs more than it saves. */
const FEW_ENOUGH = 1

function planAnd(of: readonly Query[], sources: Sources): Candidates | null {
  let best: Candidates | null = null
  for (const part of of) {
    const candidates = planSearch(part, sources)
    if (candidates === null || (best !== null && best.size <= candidates.size)) continue
    best = candidates
    if (best.size <= FEW_ENOUGH) break
  }
  return best
}

/** Every part must be narrowed, or all that live are candidates. */
function planOr(of: readonly Query[], sources: Sources): Candidates | null {
  const parts: Candidates[] = []
  for (const part of of) {
    const candidates = planSearch(part, sources)
    if (candidates === null) return null
    if (candidates.size > 0) parts.push(candidates)
  }
  return unionOf(parts)
}

function planMembership(
  query: Extract<Query, { op: 'memberOf' | 'hasMember' }>,
  membership: Membership,
): Candidates {
  if (query.op === 'memberOf') {
    return query.direct
      ? membership.directMembers(query.groupNo)
      : membership.withMembersOf(query.groupNo)
  }
  return query.direct
    ? membership.directGroups(query.memberNo)
    : membership.withGroupsOf(query.memberNo)
}

type FieldQuery = Extract<Query, { op: 'present' | 'equals' | 'substring' | 'atLeast' | 'atMost' }>

function planField(query: FieldQuery, sources: Sources): Candidates | null {
  const { indexes } = sources
  const { field } = query
  if (isNumberField(field)) return planNumber(query, sources)
  switch (query.op) {
    case 'equals':
      return typeof query.value === 'string' ? indexes.equalText(field, query.value) : nobody
    case 'substring':
      return indexes.substring(field, query) ?? indexes.present(field)
    default:
      return indexes.present(field)
  }
}

function planNumber(query: FieldQuery, sources: Sources): Candidates | null {
  const { field } = query
  const living = sources.living.size
  if (!isNumberField(field)) return null
  if (query.op === 'present') return field === 'uidNumber' ? sources.ofKind('person') : null
  if (query.op === 'substring' || typeof query.value !== 'number') return nobody
  switch (query.op) {
    case 'equals':
      return sources.indexes.equalNumber(field, query.value, living)
    case 'atLeast':
      return sources.indexes.within(field, { least: query.value, most: Infinity, living })
    case 'atMost':
      return sources.indexes.within(field, { least: -Infinity, most: query.value, living })
  }
}
