import {
  type Filter,
  filterAttribute,
  type Outcome,
  ResultCode,
  readAttributeType,
  type SearchRequest,
} from '../../../protocols/ldap/index.ts'
import { foldText } from '../../directory/fold.ts'
import type { Person } from '../../directory/person.ts'
import type { Entry, Query } from '../../directory/query.ts'
import { queryOf } from './filter-query.ts'
import { noSuchObject, result } from './result.ts'
import { subschemaEntry } from './root-dse.ts'
import type { SearchPlan } from './search.ts'
import type { SearchContext } from './serving.ts'
import { privateGroupEntry, type SyntheticEntry } from './synthetic.ts'
import type { Container, Target } from './tree.ts'

const GID_NUMBER = readAttributeType('gidNumber')
const NUMBER = /^\d{1,10}$/

const none: readonly SyntheticEntry[] = []

type Planned = SearchPlan | { readonly refusal: Outcome }

/** Finds out which entries a search is about, for a viewer who is somebody. */
export function planSearch(
  target: Target,
  request: SearchRequest,
  context: SearchContext,
): Planned {
  switch (target.is) {
    case 'malformed':
      return { refusal: result(ResultCode.invalidDNSyntax, '') }
    case 'nothing':
      return { refusal: noSuchObject(target.matchedDn) }
    case 'subschema':
      return planSynthetic(subschemaEntry(), request.scope)
    case 'root':
      // From the root downwards means from our one naming context.
      return planSearch(context.tree.base, request, context)
    case 'container':
      return planContainer(target.container, request, context)
    case 'entry':
      return planEntry(target.entry, request, context)
    case 'private-group':
      return planPrivateGroup(target.entry, request, context)
  }
}

/** A search for one synthetic entry and nothing else. */
function planSynthetic(entry: SyntheticEntry, scope: SearchRequest['scope']): SearchPlan {
  const isInScope = scope === 'base' || scope === 'sub'
  return { first: isInScope ? [entry] : [], query: null, last: [] }
}

function planContainer(
  container: Container,
  request: SearchRequest,
  context: SearchContext,
): SearchPlan {
  const { scope, filter } = request
  const first = containersIn(container, request, context)
  const isBase = container.name === 'base'
  const hasEntries = scope !== 'base' && (container.kind !== null || (isBase && scope !== 'one'))
  if (!hasEntries) return { first, query: null, last: none }
  const query = visible(queryOf(filter, context, container.kind), context)
  const hasGroups = container.kind === 'group' || isBase
  return {
    first,
    query: container.kind === null ? query : and({ op: 'kind', kind: container.kind }, query),
    last: hasGroups ? privateGroupsFor(filter, context) : none,
  }
}

/** The container itself and, of the base, those below it; none when the filter rules all out. */
function containersIn(
  container: Container,
  { scope, filter }: SearchRequest,
  context: SearchContext,
): readonly SyntheticEntry[] {
  const hasOwn = scope === 'base' || scope === 'sub'
  if (container.name !== 'base') {
    if (!hasOwn) return none
    const own = syntheticOf(container, context)
    return mayMatch(filter, own) ? [own] : none
  }
  const below = scope === 'base' ? [] : context.tree.containers.slice(1)
  return [...(hasOwn ? [container] : []), ...below]
    .map((one) => syntheticOf(one, context))
    .filter((one) => mayMatch(filter, one))
}

/**
 * False when the filter can't be true of the entry, as it asks for a value of an attribute that the
 * entry lacks: most searches, and told without preparing the filter.
 */
function mayMatch(filter: Filter, entry: SyntheticEntry): boolean {
  if (filter.kind === 'and') return filter.filters.every((part) => mayMatch(part, entry))
  if (filter.kind !== 'equal') return true
  const type = filterAttribute(filter.attribute)
  return type !== null && entry.attributes.has(type)
}

/** Made anew only when what it shows has changed, which is next to never. */
function syntheticOf(
  container: Container,
  { directory, containers }: SearchContext,
): SyntheticEntry {
  const hasChildren =
    container.name === 'base' || (container.kind !== null && directory.count(container.kind) > 0)
  const { organization } = directory.settings
  return containers.entryOf(container, { organization, hasChildren })
}

function planEntry(entry: Entry, request: SearchRequest, context: SearchContext): Planned {
  if (!context.viewer.sees(entry)) {
    return { refusal: noSuchObject(parentOf(context, entry)) }
  }
  if (request.scope === 'one' || request.scope === 'children') {
    return { first: [], query: null, last: [] }
  }
  const isIt: Query = { op: 'equals', field: 'id', value: entry.value.id }
  return {
    first: [],
    query: visible(and(isIt, queryOf(request.filter, context)), context),
    last: [],
  }
}

function planPrivateGroup(entry: Entry, request: SearchRequest, context: SearchContext): Planned {
  const group = privateGroupOf(entry, context)
  if (group === null) return { refusal: noSuchObject(`ou=groups,${context.tree.baseDn}`) }
  return planSynthetic(group, request.scope)
}

function parentOf({ tree }: SearchContext, entry: Entry): string {
  return tree.containers.find(({ kind }) => kind === entry.value.kind)?.dn ?? tree.baseDn
}

/** The view's own query helps to plan; `sees` has the last word. */
function visible(query: Query, { viewer }: SearchContext): Query {
  const sees: Query = { op: 'test', test: (entry) => viewer.sees(entry) }
  const narrowing = viewer.seesAll ? null : viewer.query()
  return narrowing === null ? and(query, sees) : and(query, narrowing, sees)
}

/** Private groups are found by their number alone, and so stay out of every enumeration. */
function privateGroupsFor(filter: Filter, context: SearchContext): SyntheticEntry[] {
  const gidNumber = gidNumberIn(filter)
  if (gidNumber === null) return []
  const isOwner: Query = { op: 'equals', field: 'gidNumber', value: gidNumber }
  for (const entry of context.directory.search(isOwner)) {
    if (entry.value.kind === 'group') return []
    const group = privateGroupOf(entry, context)
    if (group !== null) return [group]
  }
  return []
}

function privateGroupOf(entry: Entry, context: SearchContext): SyntheticEntry | null {
  const { directory, tree, viewer } = context
  if (entry.value.kind !== 'person' || !viewer.sees(entry)) return null
  if (entry.value.gidNumber !== entry.value.uidNumber) return null
  // A group of that name has the DN already.
  if (directory.groupByName(foldText(entry.value.username)) !== null) return null
  return privateGroupEntry(entry as Entry<Person>, tree)
}

/** The gidNumber that every match must have, if the filter says so at its top. */
function gidNumberIn(filter: Filter): number | null {
  if (filter.kind === 'and') {
    for (const part of filter.filters) {
      const found = gidNumberIn(part)
      if (found !== null) return found
    }
    return null
  }
  if (filter.kind !== 'equal' || filterAttribute(filter.attribute) !== GID_NUMBER) return null
  const text = filter.value.toString('latin1')
  return NUMBER.test(text) ? Number(text) : null
}

function and(...of: readonly Query[]): Query {
  return { op: 'and', of }
}
