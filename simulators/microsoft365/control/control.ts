import type { VirtualClock } from '../clock.ts'
import { type FaultRules, parseFaultRule } from '../faults/fault-rule.ts'
import type { Settings } from '../faults/settings.ts'
import { type Answer, type Request, reply } from '../http/exchange.ts'
import type { RequestLog } from '../http/request-log.ts'
import type { Application } from '../login/application.ts'
import type { Applications } from '../login/applications.ts'
import type { Delivery } from '../subscriptions/delivery.ts'
import { showSubscription } from '../subscriptions/subscription.ts'
import { LIFECYCLE_EVENTS, type Subscriptions } from '../subscriptions/subscriptions.ts'
import { applyChange, applyRandomChanges } from '../tenant/change.ts'
import { processGroup } from '../tenant/licences.ts'
import type { Change } from '../tenant/record.ts'
import { describeSignIn } from '../tenant/sign-in-facts.ts'
import { type Tenant, TenantError } from '../tenant/tenant.ts'
import { changeApplication, describeApplication, registerElsewhere } from './application-control.ts'
import { dumpTruth, summarize } from './truth.ts'

export interface ControlParts {
  readonly tenant: Tenant
  readonly application: Application
  readonly applications: Applications
  readonly subscriptions: Subscriptions
  readonly delivery: Delivery
  readonly settings: Settings
  readonly faults: FaultRules
  readonly clock: VirtualClock
  readonly log: RequestLog
  /** Moves the clock, keeps note of it, and gives the number of objects purged. */
  readonly advance: (byMs: number) => number
}

type ControlAnswer = (request: Request, body: unknown) => unknown

/** The endpoint with which tests and people change the tenant, its clock and its faults. */
export class ControlService {
  readonly #routes: Readonly<Record<string, ControlAnswer>>

  constructor(parts: ControlParts) {
    this.#routes = makeRoutes(parts)
  }

  /** Answers with JSON; 400 and a reason when the request makes no sense. */
  answer(request: Request): Answer {
    // A page in somebody's browser must not reach it: those send an Origin or a name of their own.
    const host = (request.headers['host'] ?? '').replace(/:\d+$/, '')
    if (
      request.headers['origin'] !== undefined ||
      !['127.0.0.1', 'localhost', '[::1]'].includes(host)
    )
      return reply({ error: 'for this machine only' }, 403)
    const route = this.#routes[`${request.method} ${request.path}`]
    if (route === undefined)
      return reply(
        { error: 'no such call', calls: Object.keys(this.#routes) },
        request.path === '/' ? 200 : 404,
      )
    try {
      return reply(route(request, request.body === '' ? {} : JSON.parse(request.body)))
    } catch (error) {
      const isTheirs =
        error instanceof TenantError ||
        error instanceof TypeError ||
        error instanceof RangeError ||
        error instanceof SyntaxError
      if (!isTheirs) throw error
      return reply({ error: error.message }, 400)
    }
  }
}

function makeRoutes(parts: ControlParts): Record<string, ControlAnswer> {
  const { tenant, applications, settings, faults, log } = parts
  return {
    'GET /tenant': () => ({ ...summarize(tenant), nowMs: parts.clock.nowMs() }),
    'GET /truth': (request) => dumpTruth(tenant, request.query.get('select')?.split(',') ?? null),
    'POST /changes': (_, body) => ({
      ids: asList(body).map((change) => applyChange(tenant, change as Change)),
      head: tenant.head,
    }),
    'GET /sign-in': (request) => {
      const reference = request.query.get('user') ?? ''
      const user = tenant.findUser(reference)
      if (user === null) throw new TenantError(`no user ${reference}`)
      return { id: user.id, ...describeSignIn(tenant.signInOf(user.id)) }
    },
    'POST /random-changes': (_, body) => {
      const { count = 100, seed = '1' } = body as { count?: number; seed?: string | number }
      return { made: applyRandomChanges(tenant, { count, seed: String(seed) }), head: tenant.head }
    },
    'POST /group-licences': (_, body) => {
      const { group, skuIds } = body as { group?: unknown; skuIds?: unknown }
      processGroup(tenant, String(group), asList(skuIds).map(String))
      return { head: tenant.head }
    },
    'POST /clock': (_, body) => {
      const purged = parts.advance(Number((body as { advanceMs?: unknown }).advanceMs))
      return { nowMs: parts.clock.nowMs(), purged }
    },
    'GET /settings': () => describe(settings),
    'PATCH /settings': (_, body) => {
      settings.change(body as Record<string, unknown>)
      return describe(settings)
    },
    'DELETE /settings': () => {
      settings.reset()
      return describe(settings)
    },
    'GET /faults': () => ({ rules: faults.list() }),
    'POST /faults': (_, body) => {
      const rules = asList(body).map(parseFaultRule)
      for (const rule of rules) faults.add(rule)
      return { rules: faults.list() }
    },
    'DELETE /faults': () => {
      faults.clear()
      return { rules: [] }
    },
    'GET /requests': () => ({ requests: log.list(), dropped: log.dropped }),
    'DELETE /requests': () => {
      log.clear()
      return { requests: [], dropped: 0 }
    },
    'GET /subscriptions': () => ({
      subscriptions: parts.subscriptions.list(null).map(showSubscription),
      delivery: parts.delivery.counts,
    }),
    'POST /lifecycle-events': (_, body) => {
      const { event, id = null } = body as { event?: unknown; id?: string | null }
      const known = LIFECYCLE_EVENTS.find((each) => each === event)
      if (known === undefined) throw new TypeError(`no lifecycle event ${String(event)}`)
      return { told: parts.subscriptions.sayLifecycle(known, id) }
    },
    'POST /notification-storm': (_, body) => {
      const { count = 100 } = body as { count?: number }
      return { told: parts.subscriptions.storm(Number(count)) }
    },
    'GET /application': (request) => describeApplication(findApplication(request, parts)),
    'PATCH /application': (request, body) => {
      const application = findApplication(request, parts)
      changeApplication(application, body as Record<string, unknown>, parts.clock.realMs())
      return describeApplication(application)
    },
    'GET /applications': () => ({ applications: applications.all().map(describeApplication) }),
    'POST /applications': (_, body) => {
      const application = registerElsewhere(body as Record<string, unknown>)
      applications.add(application)
      return describeApplication(application)
    },
  }
}

/** The one named by `?client=`, or the one this simulator is about. */
function findApplication(request: Request, parts: ControlParts): Application {
  const clientId = request.query.get('client')
  const application = clientId === null ? parts.application : parts.applications.find(clientId)
  if (application === null) throw new TypeError(`no application ${clientId}`)
  return application
}

function describe(settings: Settings): object {
  const { shaping, throttling, notifications, refusesReplays } = settings
  const { delayMs, devicePollMs, newApplicationLagMs } = settings
  return {
    ...{ shaping, throttling, notifications, refusesReplays },
    ...{ delayMs, devicePollMs, newApplicationLagMs },
  }
}

function asList(body: unknown): readonly unknown[] {
  return Array.isArray(body) ? body : [body]
}
