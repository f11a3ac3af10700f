import { randomUUID } from 'node:crypto'
import type { Contract } from '../contract/contract.ts'
import { HIDDEN_MEMBERS_PERMISSION } from '../contract/permissions.ts'
import type { FaultRule } from '../faults/fault-rule.ts'
import type { Settings } from '../faults/settings.ts'
import { documentedQuota, resourceUnits, retryAfterHeader, Throttle } from '../faults/throttle.ts'
import { type Answer, type Request, reply } from '../http/exchange.ts'
import type { Application } from '../login/application.ts'
import type { Applications } from '../login/applications.ts'
import type { SigningKeys } from '../login/jwt.ts'
import type { SeededRandom } from '../random.ts'
import type { Subscriptions } from '../subscriptions/subscriptions.ts'
import type { Tenant } from '../tenant/tenant.ts'
import { type Caller, decidePermission, readCaller } from './authorize.ts'
import { answerBatch } from './batch.ts'
import type { AnswerFault, GraphContext } from './context.ts'
import type { DeltaTokens } from './delta-token.ts'
import { errorBody, expiredPageToken, GraphError, syncStateNotFound } from './graph-error.ts'
import { readOption, refuseUnknownOptions } from './query.ts'
import { type ReplicaPosition, replicaView } from './replica.ts'
import { findRoute, makeAllRoutes, type RouteMatch } from './routes.ts'
import type { TokenSealer } from './sealed-token.ts'

export interface GraphParts {
  readonly tenant: Tenant
  readonly contract: Contract
  readonly applications: Applications
  readonly subscriptions: Subscriptions
  readonly key: SigningKeys
  readonly settings: Settings
  readonly random: SeededRandom
  readonly sealer: TokenSealer
  readonly deltaTokens: DeltaTokens
  readonly graphUrl: () => string
  /** The tenant's clock, and the machine's. */
  readonly nowMs: () => number
  readonly realMs: () => number
  /** What a request within a batch falls under; told of its end. */
  readonly faultsOf: (request: Request) => readonly FaultRule[]
  readonly onInner: (request: Request, outcome: GraphOutcome, faults: readonly FaultRule[]) => void
}

/** What the request log wants to know of a call. */
export interface GraphOutcome {
  readonly answer: Answer
  readonly template: string | null
  readonly permission: string | null
  readonly units: number
}

/** Of one application in one tenant. */
const WRITE_QUOTA = 3_000
const WRITE_WINDOW_MS = 150_000

/** Stands for the permission that a call on the application itself does not need. */
const ITS_OWN = 'its own keys'
const NOTHING_KNOWN = { template: null, permission: null, units: 0 }

/** Microsoft Graph v1.0 over the tenant. */
export class GraphService {
  readonly #parts: GraphParts
  readonly #routes = makeAllRoutes()
  readonly #throttle = new Throttle()
  readonly #writes = new Throttle(WRITE_WINDOW_MS)

  constructor(parts: GraphParts) {
    this.#parts = parts
  }

  /** @param request with its path below `/v1.0` */
  async answer(request: Request, faults: readonly FaultRule[]): Promise<GraphOutcome> {
    const facts = { ...NOTHING_KNOWN } as {
      -readonly [Key in keyof Omit<GraphOutcome, 'answer'>]: GraphOutcome[Key]
    }
    let answer: Answer
    try {
      answer = await this.#work(request, faults, facts)
    } catch (error) {
      if (!(error instanceof GraphError)) throw error
      answer = this.#refusal(error, request)
    }
    return { answer: this.#withIds(answer, request), ...facts }
  }

  async #work(
    request: Request,
    faults: readonly FaultRule[],
    facts: { template: string | null; permission: string | null; units: number },
  ): Promise<Answer> {
    const status = faults.find(({ fault }) => fault === 'status')
    if (status !== undefined && !status.isAfterWork) throw statusError(status, this.#parts.realMs())
    const { applications, key, tenant } = this.#parts
    const tenantId = tenant.organization.id
    const nowMs = this.#parts.realMs()
    const caller = readCaller(request, { key, applications, tenantId, nowMs })
    if (request.method === 'POST' && request.path.toLowerCase() === '/$batch') {
      facts.template = '/$batch'
      const batched = await answerBatch(request, async (inner) => {
        const faults = this.#parts.faultsOf(inner)
        const outcome = await this.answer(inner, faults)
        this.#parts.onInner(inner, outcome, faults)
        return outcome.answer
      })
      if (status !== undefined) throw statusError(status, this.#parts.realMs())
      return batched
    }
    const match = this.#route(request)
    facts.template = match.route.template
    facts.units = resourceUnits(match.route.units, request)
    const headers = this.#spend(facts.units, caller.application)
    if (match.route.isWrite) this.#spendWrite(caller.application)
    facts.permission = this.#permit(match, caller)
    refuseUnknownOptions(request.query)
    throwDirectoryFault(faults, request)
    const context = this.#context(caller, facts.permission, faults)
    const answer = await match.route.answer(request, context, match.key)
    if (status !== undefined) throw statusError(status, this.#parts.realMs())
    return { ...answer, headers: { ...headers, ...answer.headers } }
  }

  #route(request: Request): RouteMatch {
    const match = findRoute(this.#routes, request.method, request.path)
    if (match !== null) return match
    if (findRoute(this.#routes, 'GET', request.path) !== null)
      throw new GraphError(
        501,
        'NotImplemented',
        `This simulator does not answer ${request.method} here.`,
      )
    const segment = request.path.split('/').at(-1) ?? ''
    throw new GraphError(400, 'BadRequest', `Resource not found for the segment '${segment}'.`)
  }

  #spend(units: number, application: Application): Readonly<Record<string, string>> {
    const { throttling } = this.#parts.settings
    const people = this.#parts.tenant.all('user').length
    const quota = { off: null, documented: documentedQuota(people) }
    const nowMs = this.#parts.realMs()
    const verdict = this.#throttle.spend(units, {
      quota: typeof throttling.quota === 'number' ? throttling.quota : quota[throttling.quota],
      nowMs,
    })
    if (verdict.ok) return verdict.headers
    throw this.#tooMany(application, verdict.waitMs, 'ResourceUnitLimitExceeded')
  }

  /** Writes have a quota of their own beside the resource units. */
  #spendWrite(application: Application): void {
    const { throttling } = this.#parts.settings
    const quota = throttling.quota === 'off' ? null : WRITE_QUOTA
    const verdict = this.#writes.spend(1, { quota, nowMs: this.#parts.realMs() })
    if (!verdict.ok) throw this.#tooMany(application, verdict.waitMs, 'WriteLimitExceeded')
  }

  #tooMany(application: Application, waitMs: number, information: string): GraphError {
    const { tenant, settings } = this.#parts
    return new GraphError(429, 'TooManyRequests', 'Too many requests.', {
      ...retryAfterHeader(settings.throttling.retryAfter, waitMs, this.#parts.realMs()),
      'x-ms-throttle-scope': `Tenant_Application/ReadWrite/${application.clientId}/${tenant.organization.id}`,
      'x-ms-throttle-information': information,
    })
  }

  #permit(match: RouteMatch, caller: Caller): string {
    const { method, permissionTemplate, permissions, delegated = [], isForItself } = match.route
    if (isForItself === true && caller.user === null) return ITS_OWN
    if (caller.user !== null) return decidePermission(delegated, caller)
    const published = this.#parts.contract.permissionsFor(method, permissionTemplate)
    return decidePermission(permissions ?? published, caller)
  }

  #context(caller: Caller, permission: string, faults: readonly FaultRule[]): GraphContext {
    const { tenant, contract, settings, random, sealer, deltaTokens, nowMs } = this.#parts
    const { shaping } = settings
    const position = this.#position(shaping.lagMs, shaping.replicas)
    return {
      tenant,
      contract,
      graphUrl: this.#parts.graphUrl(),
      shaping,
      deltaTokens,
      sealer,
      nowMs,
      view: replicaView(tenant, position),
      readPosition: () => ({ ...position, salt: random.word() }),
      canSeeHidden: caller.roles.has(HIDDEN_MEMBERS_PERMISSION),
      permission,
      permissions: caller.roles,
      directoryRoles: caller.application.directoryRoles,
      callerRoles: new Set(
        caller.user === null ? caller.application.directoryRoles : tenant.rolesOf(caller.user),
      ),
      callerId: caller.user,
      application: caller.application,
      applications: this.#parts.applications,
      subscriptions: this.#parts.subscriptions,
      newApplicationLagMs: settings.newApplicationLagMs,
      realMs: this.#parts.realMs,
      deltaFault: answerFault(faults),
    }
  }

  #position(lagMs: number, replicas: number): ReplicaPosition {
    const { tenant, random, nowMs } = this.#parts
    return { until: tenant.head, readAtMs: nowMs(), replica: random.below(replicas), lagMs }
  }

  #refusal(error: GraphError, request: Request): Answer {
    const date = new Date(this.#parts.nowMs()).toISOString().slice(0, 19)
    const requestId = randomUUID()
    const clientRequestId = request.headers['client-request-id'] ?? requestId
    const body = errorBody(error, { date, requestId, clientRequestId })
    return { status: error.status, headers: { ...error.headers, 'request-id': requestId }, body }
  }

  #withIds(answer: Answer, request: Request): Answer {
    const requestId = randomUUID()
    const headers = {
      'client-request-id': request.headers['client-request-id'] ?? requestId,
      'cache-control': 'no-cache',
      'request-id': requestId,
      ...answer.headers,
    }
    return { ...reply(answer.body, answer.status), headers }
  }
}

function answerFault(faults: readonly FaultRule[]): AnswerFault | null {
  const kinds: readonly string[] = ['gone', 'empty', 'next-link-loop']
  const rule = faults.find(({ fault }) => kinds.includes(fault))
  return (rule?.fault as AnswerFault | undefined) ?? null
}

function throwDirectoryFault(faults: readonly FaultRule[], request: Request): void {
  if (faults.some(({ fault }) => fault === 'sync-state-not-found')) throw syncStateNotFound()
  const isNextPage = readOption(request.query, '$skiptoken') !== null
  if (isNextPage && faults.some(({ fault }) => fault === 'page-token-expired'))
    throw expiredPageToken()
}

const STATUS_CODES: Readonly<Record<number, string>> = {
  401: 'InvalidAuthenticationToken',
  403: 'Authorization_RequestDenied',
  404: 'UnknownError',
  410: 'resyncRequired',
  429: 'TooManyRequests',
  500: 'InternalServerError',
  502: 'BadGateway',
  503: 'serviceNotAvailable',
  504: 'UnknownError',
}

function statusError(rule: FaultRule, nowMs: number): GraphError {
  const code = rule.code ?? STATUS_CODES[rule.status] ?? 'UnknownError'
  const { retryAfterSeconds, retryAfterForm } = rule
  const headers =
    retryAfterSeconds === null
      ? {}
      : retryAfterHeader(retryAfterForm, retryAfterSeconds * 1000, nowMs)
  return new GraphError(rule.status, code, 'The service was told to fail.', headers)
}
