import type { RequestListener, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { VirtualClock } from './clock.ts'
import type { Contract } from './contract/contract.ts'
import type { ControlService } from './control/control.ts'
import type { Identity } from './data-folder.ts'
import type { FaultRule, FaultRules } from './faults/fault-rule.ts'
import type { Settings } from './faults/settings.ts'
import { retryAfterHeader } from './faults/throttle.ts'
import { DeltaTokens } from './graph/delta-token.ts'
import { type GraphOutcome, GraphService } from './graph/graph.ts'
import { TokenSealer } from './graph/sealed-token.ts'
import type { Answer, Request } from './http/exchange.ts'
import { readRequest } from './http/listener.ts'
import type { RequestLog } from './http/request-log.ts'
import { send } from './http/send.ts'
import type { Application } from './login/application.ts'
import type { Applications } from './login/applications.ts'
import type { SigningKeys } from './login/jwt.ts'
import { LoginService } from './login/login.ts'
import { refusal } from './login/password-grant.ts'
import { Realm } from './login/realm.ts'
import type { SeededRandom } from './random.ts'
import type { Subscriptions } from './subscriptions/subscriptions.ts'
import type { Tenant } from './tenant/tenant.ts'

const GRAPH_PREFIX = /^\/v1\.0(?=\/)/

export interface ServiceParts {
  readonly tenant: Tenant
  readonly contract: Contract
  /** The one that this simulator is about. */
  readonly application: Application
  readonly applications: Applications
  readonly subscriptions: Subscriptions
  readonly settings: Settings
  readonly faults: FaultRules
  readonly random: SeededRandom
  readonly log: RequestLog
  readonly clock: VirtualClock
  readonly identity: Identity
  readonly keys: SigningKeys
  /** Known once the port is. */
  readonly urls: { readonly graphUrl: string; readonly loginUrl: string }
}

export interface Services {
  readonly login: LoginService
  readonly graph: GraphService
}

export function makeServices(parts: ServiceParts): Services {
  const { tenant, applications, clock, identity, urls, keys: key } = parts
  const sealer = new TokenSealer(Buffer.from(identity.tokenKey, 'base64'))
  const nowMs = (): number => clock.nowMs()
  const realMs = (): number => clock.realMs()
  const deltaTokens = new DeltaTokens({ sealer, generation: identity.generation, nowMs })
  const login = new LoginService({
    realm: new Realm({
      loginUrl: () => urls.loginUrl,
      graphUrl: () => urls.graphUrl,
      tenantId: identity.tenantId,
      domains: tenant.organization.domains.map(({ name }) => name),
    }),
    tenant,
    applications,
    key,
    nowMs: realMs,
    tenantNowMs: nowMs,
    refusesReplays: () => parts.settings.refusesReplays,
    devicePollMs: () => parts.settings.devicePollMs,
  })
  const graphUrl = (): string => urls.graphUrl
  const graph = new GraphService({
    ...parts,
    ...{ key, sealer, deltaTokens, graphUrl, nowMs, realMs },
    faultsOf: ({ method, path }) => parts.faults.meet({ on: 'graph', method, url: path }),
    onInner: (request, outcome, faults) => log(parts, request, { outcome, faults, on: 'graph' }),
  })
  return { login, graph }
}

/** The HTTPS half: what begins with `/v1.0/` is Graph, everything else is the login service. */
export function serveMicrosoft(services: Services, parts: ServiceParts): RequestListener {
  return guarded(async (request, response) => {
    const isGraph = GRAPH_PREFIX.test(request.path)
    const path = request.path.replace(GRAPH_PREFIX, '')
    const on = isGraph ? 'graph' : 'login'
    const query = request.query.toString()
    const url = query === '' ? path : `${path}?${decodeURIComponent(query)}`
    const faults = parts.faults.meet({ on, method: request.method, url })
    const delayMs = delayOf(faults, isGraph ? parts.settings.delayMs : 0, parts.random)
    if (delayMs > 0) await sleep(delayMs)
    const outcome: GraphOutcome = isGraph
      ? await services.graph.answer({ ...request, path }, faults)
      : {
          answer: loginAnswer(services, request, { faults, nowMs: parts.clock.realMs() }),
          template: null,
          permission: null,
          units: 0,
        }
    log(parts, request, { outcome, faults, on })
    await send(outcome.answer, response, faults)
  })
}

function log(
  parts: ServiceParts,
  request: Request,
  what: {
    readonly outcome: GraphOutcome
    readonly faults: readonly FaultRule[]
    readonly on: 'graph' | 'login'
  },
): void {
  const { answer, ...facts } = what.outcome
  const { headers } = request
  parts.log.add({
    ...facts,
    atMs: parts.clock.nowMs(),
    on: what.on,
    method: request.method,
    agent: headers['user-agent'] ?? null,
    priority: headers['x-ms-throttle-priority'] ?? null,
    path: withoutTokens(request),
    grant: what.on === 'graph' ? null : new URLSearchParams(request.body).get('grant_type'),
    status: answer.status,
    faults: what.faults.map(({ fault }) => fault),
  })
}

/** AADSTS number of a service that has a bad moment. */
const TRANSIENT_ERROR = 90_033

function loginAnswer(
  services: Services,
  request: Request,
  parts: { faults: readonly FaultRule[]; nowMs: number },
): Answer {
  const rule = parts.faults.find(({ fault }) => fault === 'status')
  if (rule === undefined) return services.login.answer(request)
  const number = Number(rule.code ?? TRANSIENT_ERROR)
  const { error } = refusal(number, '')
  const body = {
    error,
    error_description: `AADSTS${number}: The service says so because it was told to.`,
    error_codes: [number],
  }
  const { retryAfterSeconds: wait, retryAfterForm: form } = rule
  const headers = wait === null ? {} : retryAfterHeader(form, wait * 1000, parts.nowMs)
  return { status: rule.status, headers, body }
}

export function serveControl(control: ControlService): RequestListener {
  return guarded((request, response) => send(control.answer(request), response, []))
}

/** A listener that answers every request, its own bugs included. */
function guarded(
  answer: (request: Request, response: ServerResponse) => Promise<void>,
): RequestListener {
  const run: RequestListener = async (message, response) => {
    try {
      const request = await readRequest(message)
      if (request === null) response.writeHead(400).end()
      else await answer(request, response)
    } catch (error) {
      // A client that went away in the middle of an answer is no fault of ours.
      if (response.destroyed || message.destroyed) return
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' })
      response.end(text)
    }
  }
  return run
}

function delayOf(faults: readonly FaultRule[], baseMs: number, random: SeededRandom): number {
  let ms = baseMs
  for (const { fault, ms: own, jitterMs } of faults)
    if (fault === 'delay') ms += own + random.below(jitterMs + 1)
  return ms
}

/** Page and delta tokens are long and say nothing; their names are kept. */
function withoutTokens(request: Request): string {
  const options = [...request.query].map(([name, value]) =>
    /token$/i.test(name) && value.length > 20 ? `${name}=…` : `${name}=${value}`,
  )
  return options.length === 0 ? request.path : `${request.path}?${options.join('&')}`
}
