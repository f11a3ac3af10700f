import type { SeededRandom } from '../random.ts'
import type { RetryAfterForm } from './throttle.ts'

/** What a rule does to a call it meets. */
export const FAULT_KINDS = [
  /** Waits `ms` (and up to `jitterMs` more) before the call is answered. */
  'delay',
  /** Answers with `status` (and `code`) instead; `isAfterWork` lets the call be done first. */
  'status',
  /** Delta: 410 with a Location whose `$deltatoken` is empty. */
  'gone',
  /** Delta: 400 `syncStateNotFound`. */
  'sync-state-not-found',
  /** 400 `Directory_ExpiredPageToken`, for calls that carry a `$skiptoken`. */
  'page-token-expired',
  /** nextLink leads to the page it stands on, for ever. */
  'next-link-loop',
  /** A list or delta round without a single object. */
  'empty',
  /** The body ends in the middle of the JSON, with a Content-Length to match. */
  'truncated-json',
  /** The right body under `text/html`. */
  'wrong-content-type',
  /** The body gzipped, whether or not that was asked for. */
  'gzip',
  /** The connection breaks in the middle of the body. */
  'reset',
  /** The body in pieces of `chunkBytes`, one every `ms`. */
  'slow-body',
  /** 200 with a wireless portal's sign-in page. */
  'captive-portal',
] as const

export type FaultKind = (typeof FAULT_KINDS)[number]

/** Which calls a rule meets, how often, and what it then does. */
export interface FaultRule {
  readonly fault: FaultKind
  readonly on: 'graph' | 'login'
  /** Regular expression over path and query; below `/v1.0` for Graph. */
  readonly path: string
  readonly method: string | null
  readonly probability: number
  /** Calls let through first. */
  readonly skip: number
  /** Calls met before the rule is spent; null is no end. */
  readonly times: number | null
  readonly status: number
  readonly code: string | null
  readonly retryAfterSeconds: number | null
  readonly retryAfterForm: RetryAfterForm
  readonly isAfterWork: boolean
  readonly ms: number
  readonly jitterMs: number
  readonly chunkBytes: number
}

export type FaultRequest = Partial<FaultRule> & { readonly fault: FaultKind }

const DEFAULTS: Omit<FaultRule, 'fault'> = {
  on: 'graph',
  path: '',
  method: null,
  probability: 1,
  skip: 0,
  times: null,
  status: 503,
  code: null,
  retryAfterSeconds: null,
  retryAfterForm: 'seconds',
  isAfterWork: false,
  ms: 0,
  jitterMs: 0,
  chunkBytes: 512,
}

/** Calls that a fault can strike at all; a rule without a path meets those. */
const NATURAL_PATHS: Partial<Readonly<Record<FaultKind, string>>> = {
  gone: '^/(users|groups)/[^/]*delta',
  'sync-state-not-found': '[$]deltatoken=',
  'page-token-expired': '[$]skiptoken=',
}

/** @throws {TypeError} for a key or a fault that does not exist, or an expression that is none */
export function parseFaultRule(value: unknown): FaultRule {
  if (typeof value !== 'object' || value === null) throw new TypeError('a fault rule is an object')
  const request = value as FaultRequest
  if (!FAULT_KINDS.includes(request.fault)) throw new TypeError(`no fault ${String(request.fault)}`)
  for (const key of Object.keys(request))
    if (key !== 'fault' && !(key in DEFAULTS)) throw new TypeError(`a fault rule has no ${key}`)
  const path = NATURAL_PATHS[request.fault] ?? DEFAULTS.path
  const rule = { ...DEFAULTS, path, ...request }
  new RegExp(rule.path, 'i')
  return rule
}

interface Armed {
  readonly rule: FaultRule
  readonly pattern: RegExp
  met: number
}

export interface Met {
  readonly on: 'graph' | 'login'
  readonly method: string
  /** Path and query. */
  readonly url: string
}

/** The rules in force, with their counts. */
export class FaultRules {
  readonly #armed: Armed[] = []
  readonly #random: SeededRandom

  constructor(random: SeededRandom) {
    this.#random = random
  }

  list(): readonly FaultRule[] {
    return this.#armed.map(({ rule }) => rule)
  }

  /** How many calls the rules in force have met, those let through included. */
  get met(): number {
    return this.#armed.reduce((sum, { met }) => sum + met, 0)
  }

  add(rule: FaultRule): void {
    this.#armed.push({ rule, pattern: new RegExp(rule.path, 'i'), met: 0 })
  }

  clear(): void {
    this.#armed.length = 0
  }

  /** The rules a call falls under; each counts it. */
  meet(call: Met): FaultRule[] {
    return this.#armed.filter((armed) => this.#isMet(armed, call)).map(({ rule }) => rule)
  }

  #isMet(armed: Armed, call: Met): boolean {
    const { rule, pattern } = armed
    if (rule.on !== call.on || !pattern.test(call.url)) return false
    if (rule.method !== null && rule.method !== call.method) return false
    const limit = rule.times === null ? Number.POSITIVE_INFINITY : rule.skip + rule.times
    if (armed.met >= limit) return false
    if (rule.probability < 1 && !this.#random.chance(rule.probability)) return false
    armed.met += 1
    return armed.met > rule.skip
  }
}
