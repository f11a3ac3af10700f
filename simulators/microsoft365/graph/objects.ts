import { type Answer, type Request, reply } from '../http/exchange.ts'
import { type DirectoryRecord, findVersion, isLive, membersInView } from '../tenant/record.ts'
import type { GraphContext } from './context.ts'
import { badRequest, notFound } from './graph-error.ts'
import { answerCount, answerEntity, answerListing, type Listing } from './listing.ts'
import { renderEntity } from './select.ts'

/** Answers one route; `key` is what stood for `{id}`. */
export type RouteAnswer = (request: Request, context: GraphContext, key: string) => Answer

const MAX_IDS = 1_000

function allOf(context: GraphContext, kind: 'user' | 'group'): Listing {
  const metadata = kind === 'user' ? 'users' : 'groups'
  return { records: context.tenant.all(kind), entity: kind, isMixed: false, metadata }
}

export const listUsers: RouteAnswer = (request, context) =>
  answerListing(allOf(context, 'user'), request, context)

export const countUsers: RouteAnswer = (request, context) =>
  answerCount(allOf(context, 'user'), request, context)

export const listGroups: RouteAnswer = (request, context) =>
  answerListing(allOf(context, 'group'), request, context)

export const countGroups: RouteAnswer = (request, context) =>
  answerCount(allOf(context, 'group'), request, context)

export const readUser: RouteAnswer = (request, context, key) =>
  answerEntity(findLive(context, 'user', key), { metadata: 'users', request, context })

export const readGroup: RouteAnswer = (request, context, key) =>
  answerEntity(findLive(context, 'group', key), { metadata: 'groups', request, context })

export const readManager: RouteAnswer = (request, context, key) => {
  const user = findLive(context, 'user', key)
  const managerId = findVersion(user, context.view)?.managerId ?? null
  const manager = managerId === null ? null : context.tenant.find(managerId)
  if (manager === null || !isLive(manager, context.view)) throw notFound('manager')
  return answerEntity(manager, { metadata: 'directoryObjects', request, context })
}

export const listMembers: RouteAnswer = (request, context, key) =>
  answerListing(membersOf(context, key, false), request, context)

export const countMembers: RouteAnswer = (request, context, key) =>
  answerCount(membersOf(context, key, false), request, context)

export const listTransitiveMembers: RouteAnswer = (request, context, key) =>
  answerListing(membersOf(context, key, true), request, context)

export const listMemberOf: RouteAnswer = (request, context, key) =>
  answerListing(groupsOf(context, key, false), request, context)

export const listTransitiveMemberOf: RouteAnswer = (request, context, key) =>
  answerListing(groupsOf(context, key, true), request, context)

/** POST /directoryObjects/getByIds: up to 1,000 ids; unknown ones are left out. */
export const getByIds: RouteAnswer = (request, context) => {
  const { ids, types } = parseIds(request.body)
  if (ids.length > MAX_IDS) throw badRequest('Too many object identifiers specified.')
  const value = ids.flatMap((id) => {
    const record = context.tenant.find(id)
    const version = record === null ? null : findVersion(record, context.view)
    if (record === null || version?.state !== 'live') return []
    if (types !== null && !types.includes(record.kind)) return []
    const object = { kind: record.kind, id: record.id, properties: version.properties }
    const rendered = renderEntity(context.contract, object, null)
    return [{ '@odata.type': `#microsoft.graph.${record.kind}`, ...rendered }]
  })
  const metadata = `${context.graphUrl}/v1.0/$metadata#directoryObjects`
  return reply({ '@odata.context': metadata, value })
}

function parseIds(body: string): { ids: string[]; types: string[] | null } {
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    throw badRequest('Unable to read JSON request payload.')
  }
  const { ids, types } = parsed as { ids?: unknown; types?: unknown }
  if (!Array.isArray(ids) || ids.some((id) => typeof id !== 'string'))
    throw badRequest('The parameter ids is required.')
  return { ids, types: Array.isArray(types) ? types.map(String) : null }
}

function findLive(context: GraphContext, kind: 'user' | 'group', key: string): DirectoryRecord {
  const record = kind === 'user' ? context.tenant.findUser(key) : context.tenant.find(key)
  if (record?.kind !== kind || !isLive(record, context.view)) throw notFound(key)
  return record
}

function membersOf(context: GraphContext, key: string, isTransitive: boolean): Listing {
  const group = findLive(context, 'group', key)
  const seen = new Set<DirectoryRecord>()
  const queue = [group]
  for (let at = 0; at < queue.length; at++) {
    const next = queue[at]
    if (next === undefined || !canSeeMembers(next, context)) continue
    for (const id of membersInView(next, context.view)) {
      const member = context.tenant.find(id)
      if (member === null || seen.has(member)) continue
      seen.add(member)
      if (isTransitive && member.kind === 'group') queue.push(member)
    }
  }
  return { records: [...seen], entity: 'user', isMixed: true, metadata: 'directoryObjects' }
}

/** Without Member.Read.Hidden a group of hidden membership looks empty. */
function canSeeMembers(group: DirectoryRecord, context: GraphContext): boolean {
  const visibility = findVersion(group, context.view)?.properties['visibility']
  return visibility !== 'HiddenMembership' || context.canSeeHidden
}

function groupsOf(context: GraphContext, key: string, isTransitive: boolean): Listing {
  const start = context.tenant.findUser(key) ?? context.tenant.find(key)
  if (start === null || !isLive(start, context.view)) throw notFound(key)
  const seen = new Set<DirectoryRecord>()
  const queue = [start.id]
  for (let at = 0; at < queue.length; at++) {
    const id = queue[at] ?? ''
    for (const group of directGroups(context, id)) {
      if (seen.has(group)) continue
      seen.add(group)
      if (isTransitive) queue.push(group.id)
    }
  }
  return { records: [...seen], entity: 'group', isMixed: true, metadata: 'directoryObjects' }
}

function directGroups(context: GraphContext, memberId: string): DirectoryRecord[] {
  const { tenant, view } = context
  return tenant.all('group').filter((group) => {
    if (!canSeeMembers(group, context)) return false
    const isSettled = group.edges.every((event) => view.sees(event.seq))
    return isSettled
      ? (group.members?.has(memberId) ?? false)
      : membersInView(group, view).includes(memberId)
  })
}
