import { type Answer, type Request, reply } from '../http/exchange.ts'
import type { DirectoryRecord, View } from '../tenant/record.ts'
import { findVersion } from '../tenant/record.ts'
import type { GraphContext } from './context.ts'
import { changesOf, trackedNames } from './delta-changes.ts'
import { type MemberDelta, type Plan, type PlanEntry, planRound } from './delta-plan.ts'
import type { DeltaKind, Round } from './delta-token.ts'
import { badRequest, GraphError, unsupportedQuery } from './graph-error.ts'
import { readOption } from './query.ts'
import { nextSince, replicaView } from './replica.ts'
import { parseSelect } from './select.ts'

const MAX_FILTER_IDS = 50
/** Plans kept at hand, so that a round of 100,000 objects is planned once and not for every page. */
const MAX_PLANS = 16
const RELATIONS = { user: ['manager'], group: ['members', 'owners'] } as const
const COLLECTIONS = { user: 'users', group: 'groups' } as const

/** GET /users/delta and GET /groups/delta. */
export class DeltaQuery {
  readonly #plans = new Map<string, Plan>()

  answer(kind: DeltaKind, request: Request, context: GraphContext): Answer {
    const { round, page } = this.#position(kind, request, context)
    const base = `${context.graphUrl}/v1.0/${COLLECTIONS[kind]}/delta`
    const fault = context.deltaFault
    if (fault === 'gone') throw goneError(round, base)
    if (isLatest(request) || fault === 'empty') {
      // An empty answer to a deltaLink keeps its place: it hides changes, it does not lose them.
      const since = round.since ?? round.until
      const link = `${base}?$deltatoken=${context.deltaTokens.sealDelta(round, since)}`
      return reply(this.#body(context, round, { '@odata.deltaLink': link, value: [] }))
    }
    const view = replicaView(context.tenant, round)
    const plan = this.#plan(round, view, context)
    const entries = plan.pages[page] ?? []
    const value = entries.flatMap((entry) => renderEntry(entry, { round, view, context }))
    const links = this.#links({ round, page, plan, base, request }, context)
    return reply(this.#body(context, round, { ...links, value }))
  }

  /** A changed fault setting makes new plans; rounds under way keep theirs while they are at hand. */
  #plan(round: Round, view: View, context: GraphContext): Plan {
    const { tenant, shaping, canSeeHidden } = context
    const key = JSON.stringify([round, canSeeHidden])
    const known = this.#plans.get(key)
    if (known !== undefined) return known
    const plan = planRound({ tenant, round, view, shaping, canSeeHidden })
    if (plan.pages.length === 1) return plan
    this.#plans.set(key, plan)
    if (this.#plans.size > MAX_PLANS) {
      const [oldest] = this.#plans.keys()
      if (oldest !== undefined) this.#plans.delete(oldest)
    }
    return plan
  }

  #links(
    at: { round: Round; page: number; plan: Plan; base: string; request: Request },
    context: GraphContext,
  ): Record<string, string> {
    const { round, page, plan, base, request } = at
    if (context.deltaFault === 'next-link-loop') {
      // The very link that was asked for, or page one's for ever.
      const own = readOption(request.query, '$skiptoken')
      return {
        '@odata.nextLink': `${base}?$skiptoken=${own ?? context.deltaTokens.sealPage(round, page)}`,
      }
    }
    if (page + 1 < plan.pages.length)
      return {
        '@odata.nextLink': `${base}?$skiptoken=${context.deltaTokens.sealPage(round, page + 1)}`,
      }
    const since = Math.max(nextSince(context.tenant, round), round.since ?? 0)
    return {
      '@odata.deltaLink': `${base}?$deltatoken=${context.deltaTokens.sealDelta(round, since)}`,
    }
  }

  #body(context: GraphContext, round: Round, rest: Record<string, unknown>): object {
    const names = round.select === null ? '' : `(${round.select.join(',')})`
    const metadata = `${context.graphUrl}/v1.0/$metadata#${COLLECTIONS[round.kind]}${names}`
    return { '@odata.context': metadata, ...rest }
  }

  #position(
    kind: DeltaKind,
    request: Request,
    context: GraphContext,
  ): { round: Round; page: number } {
    const skip = readOption(request.query, '$skiptoken')
    if (skip !== null) return context.deltaTokens.openPage(kind, skip)
    const delta = readOption(request.query, '$deltatoken')
    const isMinimal = /\breturn=minimal\b/i.test(request.headers['prefer'] ?? '')
    const from = context.readPosition()
    if (delta !== null && delta !== '' && delta !== 'latest') {
      const token = context.deltaTokens.openDelta(kind, delta)
      const { since, select, filterIds } = token
      const until = Math.max(from.until, since)
      return { round: { ...from, until, kind, since, select, filterIds, isMinimal }, page: 0 }
    }
    for (const option of ['$expand', '$orderby', '$top', '$search'])
      if (readOption(request.query, option) !== null)
        throw unsupportedQuery(`'${option}' is not supported by a delta query on this resource.`)
    const select = parseSelect(context.contract, kind, {
      text: readOption(request.query, '$select'),
      also: RELATIONS[kind],
      isCollection: true,
    })
    const filterIds = parseIdFilter(readOption(request.query, '$filter'))
    return { round: { ...from, kind, since: null, select, filterIds, isMinimal: false }, page: 0 }
  }
}

function isLatest(request: Request): boolean {
  return readOption(request.query, '$deltatoken') === 'latest'
}

/** `id eq 'a' or id eq 'b'`, nothing else. */
function parseIdFilter(text: string | null): string[] | null {
  if (text === null) return null
  const ids = text.split(/\s+or\s+/i).map((term) => /^\s*id\s+eq\s+'([^']+)'\s*$/i.exec(term)?.[1])
  if (ids.some((id) => id === undefined))
    throw unsupportedQuery('A delta query can be filtered by id only.')
  if (ids.length > MAX_FILTER_IDS) throw badRequest(`Too many ids: ${ids.length}`)
  return ids.map((id) => String(id).toLowerCase())
}

function goneError(round: Round, base: string): GraphError {
  const select = round.select === null ? '' : `$select=${round.select.join(',')}&`
  return new GraphError(
    410,
    'resyncRequired',
    'Resync required. Data must be synchronized again.',
    {
      location: `${base}?${select}$deltatoken=`,
    },
  )
}

interface RenderParts {
  readonly round: Round
  readonly view: View
  readonly context: GraphContext
}

function renderEntry(entry: PlanEntry, parts: RenderParts): object[] {
  const { record } = entry
  const version = findVersion(record, parts.view)
  if (version === null) return []
  if (version.state !== 'live') {
    const reason = version.state === 'deleted' ? 'changed' : 'deleted'
    return [{ id: record.id, '@removed': { reason } }]
  }
  const changes = changesOf(record, parts.round, parts.view)
  const isWhole = entry.isReplay || changes.isWhole || !parts.round.isMinimal
  const rendered: Record<string, unknown> = {}
  for (const name of trackedNames(parts.round)) {
    const value = version.properties[name]
    if (value !== undefined && (isWhole || changes.properties.has(name))) rendered[name] = value
  }
  rendered['id'] = record.id
  const tracksManager = parts.round.kind === 'user' && trackedNames(parts.round).includes('manager')
  if (tracksManager && (entry.isReplay || changes.isWhole || changes.properties.has('manager')))
    addManager(rendered, record, parts)
  if (entry.members.length > 0)
    rendered['members@delta'] = entry.members.map((member) => renderMember(member, parts))
  return [rendered]
}

function renderMember(member: MemberDelta, parts: RenderParts): object {
  const kind = parts.context.tenant.find(member.id)?.kind ?? 'user'
  const reference = { '@odata.type': `#microsoft.graph.${kind}`, id: member.id }
  return member.isMember ? reference : { ...reference, '@removed': { reason: 'deleted' } }
}

/** The manager as a one-element list; a former one is told as removed. */
function addManager(
  rendered: Record<string, unknown>,
  record: DirectoryRecord,
  parts: RenderParts,
): void {
  const { round, view } = parts
  const now = findVersion(record, view)?.managerId ?? null
  const before =
    round.since === null
      ? null
      : (findVersion(record, { sees: (seq) => seq <= (round.since ?? 0) })?.managerId ?? null)
  const told: object[] = []
  if (now !== null) told.push({ '@odata.type': '#microsoft.graph.user', id: now })
  if (before !== null && before !== now)
    told.push({
      '@odata.type': '#microsoft.graph.user',
      id: before,
      '@removed': { reason: 'deleted' },
    })
  if (told.length > 0) rendered['manager@delta'] = told
}
