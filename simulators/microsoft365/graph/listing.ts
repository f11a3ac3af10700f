import { type Answer, type Request, reply } from '../http/exchange.ts'
import { type DirectoryRecord, findVersion, type ObjectKind } from '../tenant/record.ts'
import type { GraphContext } from './context.ts'
import { type Predicate, parseFilter } from './filter.ts'
import { badRequest, expiredPageToken, GraphError, unsupportedQuery } from './graph-error.ts'
import { isEventual, readOption, readTop, wantsCount } from './query.ts'
import { parseSelect, renderEntity } from './select.ts'

/** All that User.ReadBasic.All shows of a person. */
const BASIC: ReadonlySet<string> = new Set([
  'id',
  'displayName',
  'givenName',
  'surname',
  'mail',
  'userPrincipalName',
  'photo',
])

/** A list to page through: records in a fixed order, some of which may be out of view. */
export interface Listing {
  readonly records: readonly DirectoryRecord[]
  /** Entity whose properties `$select` and `$filter` may name. */
  readonly entity: ObjectKind
  /** Mixed lists name each object's type. */
  readonly isMixed: boolean
  /** What follows `$metadata#`. */
  readonly metadata: string
}

interface ListToken {
  readonly use: 'list'
  readonly after: number
  readonly issuedAtMs: number
}

/** Answers a list request: `$select`, `$filter`, `$top`, `$count`, `$skiptoken`. */
export function answerListing(listing: Listing, request: Request, context: GraphContext): Answer {
  refuseUnsupported(request)
  const select = readSelect(listing, request, context)
  const matches = readFilter(listing, request, context)
  const top = readTop(request.query)
  const start = readStart(request, context)
  const value: object[] = []
  let next: number | null = null
  // A tenant that suddenly claims to have nobody.
  const isEmptied = context.deltaFault === 'empty'
  for (let at = isEmptied ? listing.records.length : start; at < listing.records.length; at++) {
    const record = listing.records[at]
    if (record === undefined || !isMatch(record, matches, context)) continue
    if (value.length === top) {
      next = at
      break
    }
    value.push(render(record, { listing, select, context }))
  }
  const names = readOption(request.query, '$select')
  const body: Record<string, unknown> = {
    '@odata.context': `${context.graphUrl}/v1.0/$metadata#${listing.metadata}${names === null ? '' : `(${names})`}`,
  }
  if (wantsCount(request))
    body['@odata.count'] = isEmptied ? 0 : countMatches(listing, matches, context)
  if (next !== null) body['@odata.nextLink'] = nextLink(request, context, next)
  return reply({ ...body, value })
}

/** `…/$count`: a number in plain text, for advanced queries only. */
export function answerCount(listing: Listing, request: Request, context: GraphContext): Answer {
  if (!isEventual(request))
    throw badRequest(
      '$count is not currently supported. Try adding ConsistencyLevel:eventual header.',
    )
  const matches = readFilter(listing, request, context)
  return reply(String(context.deltaFault === 'empty' ? 0 : countMatches(listing, matches, context)))
}

/** One object, as a read by id shows it. */
export function answerEntity(
  record: DirectoryRecord,
  options: { metadata: string; request: Request; context: GraphContext },
): Answer {
  const { request, context, metadata } = options
  const version = findVersion(record, context.view)
  const text = readOption(request.query, '$select')
  const select = parseSelect(context.contract, record.kind, { text, isCollection: false })
  refuseBeyondBasic(select, record.kind, context)
  const properties = version?.properties ?? {}
  const object = {
    kind: record.kind,
    id: record.id,
    properties: visible(properties, record.kind, context),
  }
  const names = text === null ? '' : `(${text})`
  return reply({
    '@odata.context': `${context.graphUrl}/v1.0/$metadata#${metadata}${names}/$entity`,
    ...renderEntity(context.contract, object, select),
    ...expandManager(record, request, context),
  })
}

/** `$expand=manager($select=…)` of a user; whoever has no manager has no such property. */
function expandManager(
  record: DirectoryRecord,
  request: Request,
  context: GraphContext,
): Readonly<Record<string, unknown>> {
  const text = readOption(request.query, '$expand')
  if (text === null) return {}
  const match = /^manager(?:\(\$select=([A-Za-z,]+)\))?$/.exec(text)
  if (match === null || record.kind !== 'user')
    throw unsupportedQuery(`This simulator does not expand '${text}'.`)
  const managerId = findVersion(record, context.view)?.managerId ?? null
  const manager = managerId === null ? null : context.tenant.find(managerId)
  const version = manager === null ? null : findVersion(manager, context.view)
  if (manager === null || version?.state !== 'live') return {}
  const { kind, id } = manager
  const names = match[1] ?? null
  const select = parseSelect(context.contract, kind, { text: names, isCollection: false })
  const object = { kind, id, properties: version.properties }
  const type = `#microsoft.graph.${kind}`
  return {
    manager: { '@odata.type': type, ...renderEntity(context.contract, object, select) },
  }
}

/** Options that real Graph takes here and this simulator does not: refused, never ignored. */
function refuseUnsupported(request: Request): void {
  for (const option of ['$expand', '$orderby', '$search']) {
    if (readOption(request.query, option) !== null)
      throw unsupportedQuery(`This simulator does not support '${option}'.`)
  }
}

function readSelect(
  listing: Listing,
  request: Request,
  context: GraphContext,
): readonly string[] | null {
  const text = readOption(request.query, '$select')
  // A mixed list may be asked for any type's properties; each object shows those it has.
  const also = listing.isMixed
    ? ['user', 'group', 'device', 'servicePrincipal', 'orgContact'].flatMap((entity) =>
        context.contract.properties(entity),
      )
    : []
  const select = parseSelect(context.contract, listing.entity, { text, also, isCollection: true })
  refuseBeyondBasic(select, listing.entity, context)
  return select
}

function refuseBeyondBasic(
  select: readonly string[] | null,
  entity: ObjectKind,
  context: GraphContext,
): void {
  if (entity !== 'user' || context.permission !== 'User.ReadBasic.All') return
  if (select?.some((name) => !BASIC.has(name)))
    throw new GraphError(
      403,
      'Authorization_RequestDenied',
      'Insufficient privileges to complete the operation.',
    )
}

function visible(
  properties: Readonly<Record<string, unknown>>,
  kind: ObjectKind,
  context: GraphContext,
): Readonly<Record<string, unknown>> {
  if (kind !== 'user' || context.permission !== 'User.ReadBasic.All') return properties
  return Object.fromEntries(Object.entries(properties).filter(([name]) => BASIC.has(name)))
}

function readFilter(listing: Listing, request: Request, context: GraphContext): Predicate | null {
  const text = readOption(request.query, '$filter')
  if (text === null) return null
  const isAdvanced = isEventual(request)
  return parseFilter(text, { contract: context.contract, entity: listing.entity, isAdvanced })
}

function isMatch(
  record: DirectoryRecord,
  matches: Predicate | null,
  context: GraphContext,
): boolean {
  const version = findVersion(record, context.view)
  if (version?.state !== 'live') return false
  return matches === null || matches({ ...version.properties, id: record.id })
}

function countMatches(listing: Listing, matches: Predicate | null, context: GraphContext): number {
  let count = 0
  for (const record of listing.records) if (isMatch(record, matches, context)) count++
  return count
}

function render(
  record: DirectoryRecord,
  parts: { listing: Listing; select: readonly string[] | null; context: GraphContext },
): object {
  const { listing, select, context } = parts
  const properties = visible(
    findVersion(record, context.view)?.properties ?? {},
    record.kind,
    context,
  )
  const own = listing.isMixed
    ? (select?.filter((name) => context.contract.hasProperty(record.kind, name)) ?? null)
    : select
  const object = { kind: record.kind, id: record.id, properties }
  const rendered = renderEntity(context.contract, object, own)
  if (!listing.isMixed) return rendered
  return { '@odata.type': `#microsoft.graph.${record.kind}`, ...rendered, id: record.id }
}

function readStart(request: Request, context: GraphContext): number {
  const text = readOption(request.query, '$skiptoken')
  if (text === null) return 0
  const token = context.sealer.open(text) as ListToken | null
  if (token?.use !== 'list') throw badRequest('Invalid page token.')
  if (context.nowMs() - token.issuedAtMs >= context.shaping.pageTokenLifeMs)
    throw expiredPageToken()
  return token.after
}

function nextLink(request: Request, context: GraphContext, after: number): string {
  const token = context.sealer.seal({ use: 'list', after, issuedAtMs: context.nowMs() })
  const options = [...request.query]
    .filter(([name]) => name.toLowerCase() !== '$skiptoken')
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
  const own =
    context.deltaFault === 'next-link-loop' ? readOption(request.query, '$skiptoken') : null
  return `${context.graphUrl}/v1.0${encodeURI(request.path).replaceAll('#', '%23')}?${[...options, `$skiptoken=${own ?? token}`].join('&')}`
}
