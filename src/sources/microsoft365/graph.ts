import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, type GraphRequest, ResponseType } from '@microsoft/microsoft-graph-client'
import { SourceError } from '../source.ts'
import type { HttpsFetch } from './https.ts'
import type { GraphMeter } from './meter.ts'
import { Authentication, CallOptions, Retry, type Timing, Transport } from './middleware.ts'
import type { TokenProvider } from './sign-in.ts'

const VERSION = 'v1.0'
/** An answer that makes no sense is asked for once more before it is believed. */
const NONSENSE_ATTEMPTS = 2

/** A process that was stopped, or a sign-in that took long, sends no old value afterwards. */
const SEND_WITHIN_MS = 5_000

export type WriteMethod = 'PATCH' | 'POST' | 'PUT' | 'DELETE'

export type GraphAnswer =
  | { readonly kind: 'ok'; readonly body: Readonly<Record<string, unknown>> }
  /** A no of Graph's own; `code` is what may be branched on. */
  | {
      readonly kind: 'error'
      readonly status: number
      readonly code: string
      /** For people, and not to be relied on; empty where there was none. */
      readonly message: string
      readonly location: string | null
    }

/** What advanced queries ask for: they are answered from an index. */
export const EVENTUAL = { consistencylevel: 'eventual' } as const

const REAL_TIME: Timing = {
  nowMs: Date.now,
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, { signal })
  },
  random: Math.random,
}

/** Reads from Microsoft Graph through graph-client, with a chain of our own. */
export class Graph {
  readonly #client: Client
  readonly #base: string
  readonly #tokens: TokenProvider

  constructor(parts: {
    readonly graphUrl: string
    readonly tokens: TokenProvider
    readonly fetch: HttpsFetch
    readonly timing?: Partial<Timing>
    readonly meter?: GraphMeter | null
  }) {
    const { origin, hostname } = new URL(parts.graphUrl)
    this.#base = `${origin}/${VERSION}`
    this.#tokens = parts.tokens
    this.#client = Client.initWithMiddleware({
      baseUrl: `${origin}/`,
      defaultVersion: VERSION,
      customHosts: new Set([hostname]),
      middleware: [
        new Authentication(parts.tokens, origin),
        new Retry({ ...REAL_TIME, ...parts.timing }, parts.meter),
        new Transport(parts.fetch),
      ],
    })
  }

  /** A link below `/v1.0`. */
  link(pathAndQuery: string): string {
    return `${this.#base}${pathAndQuery}`
  }

  /** The next request signs in anew. */
  forgetToken(): void {
    this.#tokens.forget()
  }

  /** @throws {SourceError} */
  async getJson(
    link: string,
    signal: AbortSignal,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<GraphAnswer> {
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await this.#get(link, signal, headers)
        return await readAnswer(response)
      } catch (error) {
        const isNonsense = error instanceof SourceError && error.code === 'SOURCE_NONSENSE'
        if (!isNonsense || attempt >= NONSENSE_ATTEMPTS) throw error
      }
    }
  }

  /**
   * Changes something. It is sent once: what became of a write whose answer was lost, only a read
   * tells.
   *
   * @throws {SourceError} when there was no answer; of 429 it is known that nothing was done
   */
  async send(
    method: WriteMethod,
    link: string,
    parts: {
      readonly body: object | null
      readonly signal: AbortSignal
      /** Which requests Graph lets go first when there are too many; high unless said otherwise. */
      readonly priority?: 'low' | 'normal' | 'high'
    },
  ): Promise<GraphAnswer> {
    const call = new CallOptions(link, parts.signal, performance.now() + SEND_WITHIN_MS)
    // Somebody waits for it: an admin's click comes before what is only read.
    const priority = parts.priority ?? 'high'
    const request = this.#request(call, { 'x-ms-throttle-priority': priority })
    const content = parts.body ?? ''
    try {
      const response: unknown = await sendAs(method, request, content)
      if (response instanceof Response) return await readAnswer(response)
    } catch (error) {
      throw toFault(call.fault ?? error, parts.signal)
    }
    throw nonsense('no response')
  }

  /** The plain number that `$count` answers with. */
  async getCount(link: string, signal: AbortSignal): Promise<number> {
    const response = await this.#get(link, signal, EVENTUAL)
    const text = (await response.text()).replace(/^\uFEFF/, '').trim()
    if (!response.ok) throw refusal({ status: response.status, code: '' })
    if (!/^\d{1,9}$/.test(text)) throw nonsense('a count that is no number')
    return Number(text)
  }

  async #get(
    link: string,
    signal: AbortSignal,
    headers: Readonly<Record<string, string>>,
  ): Promise<Response> {
    const call = new CallOptions(link, signal)
    // Background work gives way to the tenant's other applications.
    const request = this.#request(call, { 'x-ms-throttle-priority': 'low', ...headers })
    try {
      const response: unknown = await request.get()
      if (response instanceof Response) return response
    } catch (error) {
      throw toFault(call.fault ?? error, signal)
    }
    throw nonsense('no response')
  }

  #request(call: CallOptions, headers: Readonly<Record<string, string>>): GraphRequest {
    return this.#client
      .api('/')
      .middlewareOptions([call])
      .headers({ accept: 'application/json', 'client-request-id': randomUUID(), ...headers })
      .responseType(ResponseType.RAW)
  }
}

function sendAs(
  method: WriteMethod,
  request: GraphRequest,
  content: object | '',
): Promise<unknown> {
  if (method === 'PATCH') return request.patch(content)
  if (method === 'PUT') return request.put(content)
  return method === 'POST' ? request.post(content) : request.delete()
}

function toFault(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason
  if (error instanceof SourceError) return error
  const why = error instanceof Error ? error.message : String(error)
  return new SourceError('SOURCE_UNAVAILABLE', `Graph did not answer: ${why}`, { cause: error })
}

async function readAnswer(response: Response): Promise<GraphAnswer> {
  const { status } = response
  const type = response.headers.get('content-type') ?? ''
  const text = await response.text()
  // A 410 carries all it has to say in its headers.
  if (status === 410) {
    return {
      kind: 'error',
      status,
      code: 'gone',
      message: '',
      location: response.headers.get('location'),
    }
  }
  if (status === 204) return { kind: 'ok', body: {} }
  if (!/^application\/([a-z.+-]+\+)?json\b/i.test(type)) {
    throw nonsense(`Graph answered with ${type === '' ? 'no type' : type} instead of JSON`)
  }
  const body = parseObject(text)
  if (response.ok) return { kind: 'ok', body }
  const { error } = body
  const code = isObject(error) && typeof error['code'] === 'string' ? error['code'] : ''
  const message = isObject(error) && typeof error['message'] === 'string' ? error['message'] : ''
  return { kind: 'error', status, code, message, location: null }
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw nonsense('an answer that is cut short or no JSON')
  }
  if (!isObject(value)) throw nonsense('an answer that is no object')
  return value
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function nonsense(what: string): SourceError {
  return new SourceError('SOURCE_NONSENSE', `${what}; nothing of it was used`)
}

/** What a no means for an admin. */
export function refusal(answer: { readonly status: number; readonly code: string }): SourceError {
  const { status, code } = answer
  if (status === 401) {
    return new SourceError('SOURCE_REFUSED', `Graph does not accept our token (${code})`)
  }
  if (status === 403) {
    return new SourceError(
      'SOURCE_REFUSED',
      `Graph refuses (${code}): grant the application User.Read.All and GroupMember.Read.All, ` +
        'and give admin consent',
    )
  }
  return new SourceError('SOURCE_NONSENSE', `Graph refused a request it knows: ${status} ${code}`)
}
