import { setTimeout as sleep } from 'node:timers/promises'
import { SourceError } from '../source.ts'
import type { CallAnswer, GraphCalls } from './calls.ts'
import { isObject, nonsense, type WriteMethod } from './graph.ts'
import { isTransient, parseRetryAfter } from './middleware.ts'

/** Microsoft's limit on requests in a batch. */
const MAX_BATCH = 20
/** So long a write waits for others to go with. */
const GATHER_MS = 10

interface Waiting {
  readonly method: WriteMethod
  readonly path: string
  readonly body: object | null
  readonly signal: AbortSignal
  readonly resolve: (answer: CallAnswer) => void
  readonly reject: (error: unknown) => void
}

/**
 * Writes of a tenant's Graph that are sent together while several wait, as `$batch` of up to 20, each
 * with an answer of its own; one alone goes as it is. Of a batch without an answer nobody knows what became of
 * any of it. What must not wait is sent by {@link GraphCalls} itself.
 */
export class BatchedCalls {
  readonly #calls: GraphCalls
  #waiting: Waiting[] = []

  constructor(calls: GraphCalls) {
    this.#calls = calls
  }

  get(path: string, signal: AbortSignal): Promise<CallAnswer> {
    return this.#calls.get(path, signal)
  }

  search(path: string, signal: AbortSignal): Promise<CallAnswer> {
    return this.#calls.search(path, signal)
  }

  patch(path: string, body: object, signal: AbortSignal): Promise<CallAnswer> {
    return this.#enqueue('PATCH', path, { body, signal })
  }

  post(path: string, body: object | null, signal: AbortSignal): Promise<CallAnswer> {
    return this.#enqueue('POST', path, { body, signal })
  }

  put(path: string, body: object, signal: AbortSignal): Promise<CallAnswer> {
    return this.#enqueue('PUT', path, { body, signal })
  }

  delete(path: string, signal: AbortSignal): Promise<CallAnswer> {
    return this.#enqueue('DELETE', path, { body: null, signal })
  }

  link(path: string): string {
    return this.#calls.link(path)
  }

  #enqueue(
    method: WriteMethod,
    path: string,
    parts: { readonly body: object | null; readonly signal: AbortSignal },
  ): Promise<CallAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ method, path, ...parts, resolve, reject })
      if (this.#waiting.length === 1) void this.#gather()
      else if (this.#waiting.length === MAX_BATCH) void this.#flush()
    })
  }

  async #gather(): Promise<void> {
    await sleep(GATHER_MS)
    await this.#flush()
  }

  async #flush(): Promise<void> {
    const batch = this.#waiting
    this.#waiting = []
    try {
      const answers = batch.length > 1 ? await this.#sendAll(batch) : await this.#sendOne(batch)
      for (const [at, waiting] of batch.entries()) settle(waiting, answers[at])
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  async #sendOne(batch: readonly Waiting[]): Promise<readonly (() => CallAnswer)[]> {
    const [only] = batch
    if (only === undefined) return []
    const { method, path, body, signal } = only
    const answer = await this.#calls.send(method, path, { body, signal, priority: 'normal' })
    return [() => answer]
  }

  async #sendAll(batch: readonly Waiting[]): Promise<readonly (() => CallAnswer)[]> {
    const requests = batch.map(({ method, path, body }, at) => ({
      id: String(at + 1),
      method,
      url: path,
      ...(body === null ? {} : { headers: { 'content-type': 'application/json' }, body }),
    }))
    const signal = AbortSignal.any(batch.map((waiting) => waiting.signal))
    const parts = { body: { requests }, signal, priority: 'low' } as const
    const answer = await this.#calls.send('POST', '/$batch', parts)
    if (answer.kind === 'throttled') return batch.map(() => () => answer)
    if (answer.kind === 'error')
      throw new SourceError('SOURCE_UNAVAILABLE', `Graph refuses the batch (${answer.status})`)
    const { responses } = answer.body as { readonly responses?: unknown }
    if (!Array.isArray(responses)) throw nonsense('a batch without its answers')
    const byId = new Map(responses.filter(isObject).map((each) => [each['id'], each]))
    return requests.map(
      ({ id }) =>
        () =>
          readItem(byId.get(id)),
    )
  }
}

function settle(waiting: Waiting, answer: (() => CallAnswer) | undefined): void {
  try {
    if (answer === undefined) throw nonsense('an answer is missing')
    waiting.resolve(answer())
  } catch (error) {
    waiting.reject(error)
  }
}

/** @throws {SourceError} when nobody can tell what became of it */
function readItem(item: Readonly<Record<string, unknown>> | undefined): CallAnswer {
  const status = item?.['status']
  if (item === undefined || typeof status !== 'number') throw nonsense('an answer is missing')
  const body = isObject(item['body']) ? item['body'] : {}
  if (status >= 200 && status < 300) return { kind: 'ok', body }
  if (status === 429) return { kind: 'throttled', retryAfterMs: retryAfterOf(item['headers']) }
  if (isTransient(status))
    throw new SourceError('SOURCE_UNAVAILABLE', `Graph did not answer: HTTP ${status}`)
  const error = isObject(body['error']) ? body['error'] : {}
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown }
  return { kind: 'error', status, code: textOf(code), message: textOf(message), location: null }
}

function retryAfterOf(headers: unknown): number | null {
  if (!isObject(headers)) return null
  const found = Object.entries(headers).find(([name]) => name.toLowerCase() === 'retry-after')
  return parseRetryAfter(found === undefined ? null : String(found[1]), Date.now())
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
