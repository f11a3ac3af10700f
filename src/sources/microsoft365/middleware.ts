import type { Context, Middleware } from '@microsoft/microsoft-graph-client'
import { SourceError } from '../source.ts'
import type { HttpsFetch } from './https.ts'
import type { GraphMeter } from './meter.ts'
import type { TokenProvider } from './sign-in.ts'

/** Tries of one request, the first included. */
const MAX_ATTEMPTS = 6
/** All waits of one request together; a longer one is for the next round. */
const WAIT_BUDGET_MS = 3 * 60_000
const BACK_OFF_BASE_MS = 500
const BACK_OFF_MAX_MS = 30_000
/** After so many requests that failed in a row nobody asks for a while. */
const BREAKER_LIMIT = 5
const BREAKER_OPEN_MS = 60_000
/** Graph warns from 0.8 of the quota on; then we leave the rest to others. */
const SLOW_FROM = 0.8
const SLOW_MAX_MS = 2_000

/** Carries what graph-client has no place for: the link as it came, and the caller's signal. */
export class CallOptions {
  readonly url: string
  readonly signal: AbortSignal
  /** What the chain threw: graph-client makes an error of its own of it, and loses ours. */
  fault: unknown = null
  /** A write that has not left by then (monotonic) does not leave; null for a read. */
  readonly sendByMs: number | null

  constructor(url: string, signal: AbortSignal, sendByMs: number | null = null) {
    this.url = url
    this.signal = signal
    this.sendByMs = sendByMs
  }
}

function callOf(context: Context): CallOptions {
  const options = context.middlewareControl?.getMiddlewareOptions(CallOptions)
  if (options instanceof CallOptions) return options
  throw new Error('a Graph request without its options')
}

export interface Timing {
  readonly nowMs: () => number
  /** Rejects when aborted. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  readonly random: () => number
}

/** Base of the chain: each link calls the next. */
abstract class Link implements Middleware {
  #next: Middleware | null = null

  setNext(next: Middleware): void {
    this.#next = next
  }

  abstract execute(context: Context): Promise<void>

  protected async proceed(context: Context): Promise<Response> {
    if (this.#next === null) throw new Error('the chain ends here')
    await this.#next.execute(context)
    if (!context.response) throw new Error('the chain gave no response')
    return context.response
  }
}

/**
 * Adds the token, only for Graph's own origin. A 401 is answered once with a fresh token; after a
 * 403 the token is forgotten, since a permission granted meanwhile is only in a new one.
 */
export class Authentication extends Link {
  readonly #tokens: TokenProvider
  readonly #origin: string

  constructor(tokens: TokenProvider, origin: string) {
    super()
    this.#tokens = tokens
    this.#origin = origin
  }

  async execute(context: Context): Promise<void> {
    const call = callOf(context)
    try {
      await this.#authenticate(context, call.url)
    } catch (error) {
      call.fault = error
      throw error
    }
  }

  async #authenticate(context: Context, url: string): Promise<void> {
    if (new URL(url).origin !== this.#origin) {
      throw new SourceError('SOURCE_NONSENSE', 'Graph sent a link that leads somewhere else')
    }
    const first = await this.#send(context)
    if (first.status === 401) {
      this.#tokens.forget()
      await this.#send(context)
    }
    if (context.response?.status === 403) this.#tokens.forget()
  }

  async #send(context: Context): Promise<Response> {
    const authorization = `Bearer ${await this.#tokens.token()}`
    context.options = {
      ...context.options,
      headers: { ...headersOf(context), authorization },
    }
    return this.proceed(context)
  }
}

function headersOf(context: Context): Record<string, string> {
  return { ...(context.options?.headers as Record<string, string> | undefined) }
}

/**
 * Waits as Graph asks, tries again within a budget, and stops asking when nothing comes back.
 * Only reads are ever repeated: a write may have been carried out although its answer was lost.
 */
export class Retry extends Link {
  readonly #timing: Timing
  readonly #meter: GraphMeter | null
  #failuresInRow = 0
  #openUntilMs = 0
  #slowDownMs = 0

  constructor(timing: Timing, meter: GraphMeter | null = null) {
    super()
    this.#timing = timing
    this.#meter = meter
  }

  async execute(context: Context): Promise<void> {
    this.#refuseWhileOpen()
    const { signal } = callOf(context)
    const isRead = (context.options?.method ?? 'GET') === 'GET'
    let waitedMs = 0
    for (let attempt = 1; ; attempt++) {
      if (this.#slowDownMs > 0) await this.#timing.sleep(this.#slowDownMs, signal)
      const outcome = await this.#attempt(context)
      if (outcome.kind === 'answer') return
      signal.throwIfAborted()
      const waitMs = outcome.retryAfterMs ?? this.#backOffMs(attempt)
      const isOver = !isRead || attempt >= MAX_ATTEMPTS || waitedMs + waitMs > WAIT_BUDGET_MS
      if (isOver) throw this.#giveUp(outcome)
      await this.#timing.sleep(waitMs, signal)
      waitedMs += waitMs
    }
  }

  async #attempt(context: Context): Promise<Outcome> {
    try {
      const response = await this.proceed(context)
      this.#note(response)
      const nowMs = this.#timing.nowMs()
      this.#meter?.answered(response, { nowMs, retryAfterMs: this.#retryAfter(response) })
      if (!isTransient(response.status)) {
        this.#failuresInRow = 0
        return { kind: 'answer' }
      }
      const { status } = response
      return {
        kind: 'later',
        status,
        why: `HTTP ${status}`,
        retryAfterMs: this.#retryAfter(response),
      }
    } catch (error) {
      if (error instanceof SourceError) throw error
      const why = error instanceof Error ? error.message : String(error)
      return { kind: 'later', status: 0, why, retryAfterMs: null }
    }
  }

  #note(response: Response): void {
    const share = Number(response.headers.get('x-ms-throttle-limit-percentage') ?? 0) || 0
    const over = Math.min(1, Math.max(0, (share - SLOW_FROM) / (1.2 - SLOW_FROM)))
    this.#slowDownMs = share >= SLOW_FROM ? Math.round(over * SLOW_MAX_MS) : 0
  }

  #retryAfter(response: Response): number | null {
    return parseRetryAfter(response.headers.get('retry-after'), this.#timing.nowMs())
  }

  /** Full jitter, so that many clients that failed together do not come back together. */
  #backOffMs(attempt: number): number {
    const ceiling = Math.min(BACK_OFF_MAX_MS, BACK_OFF_BASE_MS * 2 ** attempt)
    return Math.round(ceiling / 2 + (this.#timing.random() * ceiling) / 2)
  }

  #refuseWhileOpen(): void {
    const leftMs = this.#openUntilMs - this.#timing.nowMs()
    if (leftMs <= 0) return
    throw new SourceError(
      'SOURCE_UNAVAILABLE',
      'Graph failed too often; waiting before asking again',
      {
        retryAfterMs: leftMs,
      },
    )
  }

  #giveUp(outcome: Later): SourceError {
    this.#failuresInRow += 1
    if (this.#failuresInRow >= BREAKER_LIMIT) {
      this.#openUntilMs = this.#timing.nowMs() + BREAKER_OPEN_MS
      this.#failuresInRow = 0
    }
    const { retryAfterMs } = outcome
    if (outcome.status === 429) {
      return new SourceError('SOURCE_THROTTLED', 'Graph asks to slow down; trying again later', {
        retryAfterMs,
      })
    }
    return new SourceError('SOURCE_UNAVAILABLE', `Graph did not answer: ${outcome.why}`, {
      retryAfterMs,
    })
  }
}

interface Later {
  readonly kind: 'later'
  /** 0 when there was no answer at all. */
  readonly status: number
  readonly why: string
  readonly retryAfterMs: number | null
}

type Outcome = { readonly kind: 'answer' } | Later

const TRANSIENT: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504, 509])

export function isTransient(status: number): boolean {
  return TRANSIENT.has(status)
}

/**
 * Reads Retry-After in either of its forms (RFC 9110 §10.2.3).
 *
 * @returns milliseconds from now, null when there is none or it is neither
 */
export function parseRetryAfter(text: string | null, nowMs: number): number | null {
  if (text === null) return null
  if (/^\d{1,9}$/.test(text.trim())) return Number(text.trim()) * 1000
  const atMs = Date.parse(text)
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs)
}

/** The end of the chain. The link goes out as it came in: graph-client would take it apart. */
export class Transport extends Link {
  readonly #fetch: HttpsFetch

  constructor(fetch: HttpsFetch) {
    super()
    this.#fetch = fetch
  }

  async execute(context: Context): Promise<void> {
    const { url, signal, sendByMs } = callOf(context)
    const method = context.options?.method ?? 'GET'
    if (sendByMs !== null && performance.now() > sendByMs) {
      throw new SourceError('SOURCE_UNAVAILABLE', 'it took too long to send; nothing was sent')
    }
    const body = context.options?.body
    const isSent = typeof body === 'string' || Buffer.isBuffer(body)
    const content = isSent && body.length > 0 ? { body } : {}
    const headers = headersOf(context)
    context.response = await this.#fetch(url, { method, headers, signal, ...content })
  }
}
