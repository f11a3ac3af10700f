import { type AttributePath, parseAttributePath } from '../attribute-path.ts'
import { ScimError } from '../errors.ts'
import { type BoundFilter, bindFilter } from '../filter/bind.ts'
import { parseFilter } from '../filter/parse.ts'
import type { JsonObject } from '../json.ts'
import { type ListQuery, parseListQuery, parseSearchRequest } from '../list-query.ts'
import { makeListResponse, type ScimResponse } from '../message.ts'
import { findAttribute } from '../schema/find-attribute.ts'
import type { ResourceType } from '../schema/resource-type.ts'
import { Selection } from '../selection.ts'
import type { Sort } from '../store.ts'
import { type Call, type Operation, readBody } from './call.ts'

/** GET on a resource type, or on the root for all of them (RFC 7644 §3.4.2). */
export function listByGet(types: readonly ResourceType[]): Operation {
  return (call) => list(call, types, parseListQuery(call.params))
}

/** POST `/.search`, below a resource type or the root (RFC 7644 §3.4.3). */
export function listByPost(types: readonly ResourceType[]): Operation {
  return (call) => list(call, types, parseSearchRequest(readBody(call.request)))
}

/** Several types are listed one after the other, as if they were one list. */
async function list(
  call: Call,
  types: readonly ResourceType[],
  query: ListQuery,
): Promise<ScimResponse> {
  const { settings } = call
  const question = readQuestion(query, types, settings.isLenient)
  let left = Math.min(query.count ?? settings.defaultPageSize, settings.maxPageSize)
  let totalResults = 0
  const resources: JsonObject[] = []
  for (const type of types) {
    const selection = new Selection(type, query)
    const page = await call.stores[type.name].list({
      filter: question.filterOf(type),
      sort: question.sortOf(type),
      startIndex: Math.max(1, query.startIndex - totalResults),
      count: left,
      selection,
      locate: call.locate,
      signal: call.request.signal,
    })
    totalResults += page.totalResults
    left -= page.resources.length
    for (const resource of page.resources) resources.push(selection.apply(resource))
  }
  return makeListResponse({ totalResults, startIndex: query.startIndex, resources })
}

interface Question {
  readonly filterOf: (type: ResourceType) => BoundFilter | null
  readonly sortOf: (type: ResourceType) => Sort | null
}

/** An attribute is a mistake only when none of the types has it. */
function readQuestion(
  query: ListQuery,
  types: readonly ResourceType[],
  isLenient: boolean,
): Question {
  const isKnown = (path: AttributePath) => types.some((type) => findAttribute(type, path) !== null)
  // An empty parameter is what some clients send for none.
  const filter = query.filter === null || query.filter === '' ? null : query.filter
  const parsed = filter === null ? null : parseFilter(filter, { isLenient })
  const sortBy = readSortPath(query.sortBy)
  if (sortBy !== null && !isKnown(sortBy)) throw refuseSort(query.sortBy)
  return {
    filterOf: (type) =>
      parsed === null ? null : bindFilter(parsed, type, { isLenient, isKnownElsewhere: isKnown }),
    sortOf: (type) => {
      const attribute = sortBy === null ? null : findAttribute(type, sortBy)
      if (attribute === null) return null
      if (attribute.definition.returned === 'never') throw refuseSort(query.sortBy)
      return { attribute, isDescending: query.isDescending }
    },
  }
}

function readSortPath(sortBy: string | null): AttributePath | null {
  if (sortBy === null || sortBy === '') return null
  const path = parseAttributePath(sortBy)
  if (path === null) throw refuseSort(sortBy)
  return path
}

function refuseSort(sortBy: string | null): ScimError {
  return new ScimError('SCIM_INVALID_VALUE', `there is no attribute "${sortBy}" to sort by`)
}
