import type { Stream } from '../../source.ts'
import { type CallAnswer, GraphCalls } from '../calls.ts'
import { isObject } from '../graph.ts'
import type { Microsoft365Config, Microsoft365Secret } from '../settings.ts'

/** Twice ten seconds for Microsoft's own look at the endpoint are in it. */
const CREATE_MS = 45_000
const CALL_MS = 20_000
/** Pages of a list of subscriptions; an application has 100 of them at most. */
const MAX_PAGES = 20

const RESOURCE: Readonly<Record<Stream, string>> = { people: 'users', groups: 'groups' }

export interface GraphSubscription {
  readonly subscriptionId: string
  readonly url: string
  readonly expiresAtMs: number
}

export type SubscriptionAnswer =
  | { readonly kind: 'ok'; readonly subscription: GraphSubscription }
  | { readonly kind: 'gone' }
  | { readonly kind: 'refused'; readonly answer: Exclude<CallAnswer, { kind: 'ok' }> }

/**
 * Subscriptions of one application, at Microsoft.
 *
 * @throws {SourceError} where there was no answer
 */
export class SubscriptionCalls {
  readonly #calls: GraphCalls

  constructor(parts: { readonly config: Microsoft365Config; readonly secret: Microsoft365Secret }) {
    this.#calls = new GraphCalls(parts)
  }

  async create(
    stream: Stream,
    given: { readonly url: string; readonly clientState: string; readonly expiresAtMs: number },
    signal: AbortSignal,
  ): Promise<SubscriptionAnswer> {
    const body = {
      changeType: 'updated,deleted',
      resource: RESOURCE[stream],
      notificationUrl: given.url,
      lifecycleNotificationUrl: given.url,
      clientState: given.clientState,
      expirationDateTime: new Date(given.expiresAtMs).toISOString(),
      latestSupportedTlsVersion: 'v1_3',
    }
    return toAnswer(await this.#calls.post('/subscriptions', body, within(signal, CREATE_MS)))
  }

  async renew(
    subscriptionId: string,
    expiresAtMs: number,
    signal: AbortSignal,
  ): Promise<SubscriptionAnswer> {
    const body = { expirationDateTime: new Date(expiresAtMs).toISOString() }
    const path = `/subscriptions/${encodeURIComponent(subscriptionId)}`
    return toAnswer(await this.#calls.patch(path, body, within(signal, CALL_MS)))
  }

  async reauthorize(subscriptionId: string, signal: AbortSignal): Promise<CallAnswer> {
    const path = `/subscriptions/${encodeURIComponent(subscriptionId)}/reauthorize`
    return this.#calls.post(path, null, within(signal, CALL_MS))
  }

  /** One that is gone already is as good. */
  async delete(subscriptionId: string, signal: AbortSignal): Promise<boolean> {
    const path = `/subscriptions/${encodeURIComponent(subscriptionId)}`
    const answer = await this.#calls.delete(path, within(signal, CALL_MS))
    return answer.kind === 'ok' || (answer.kind === 'error' && answer.status === 404)
  }

  /** All of the application; null when Graph does not say. */
  async list(signal: AbortSignal): Promise<readonly GraphSubscription[] | null> {
    const found: GraphSubscription[] = []
    let path = '/subscriptions'
    for (let page = 1; page <= MAX_PAGES; page++) {
      const answer = await this.#calls.get(path, within(signal, CALL_MS))
      if (answer.kind !== 'ok') return null
      const { value } = answer.body
      if (!Array.isArray(value)) return null
      found.push(...value.flatMap((each) => toSubscription(each) ?? []))
      const next = answer.body['@odata.nextLink']
      const base = this.#calls.link('')
      if (typeof next !== 'string') return found
      if (!next.startsWith(`${base}/`)) return null
      path = next.slice(base.length)
    }
    return null
  }
}

function within(signal: AbortSignal, ms: number): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(ms)])
}

function toAnswer(answer: CallAnswer): SubscriptionAnswer {
  if (answer.kind === 'ok') {
    const subscription = toSubscription(answer.body)
    if (subscription !== null) return { kind: 'ok', subscription }
    const location = null
    const message = 'an answer without a subscription'
    return {
      kind: 'refused',
      answer: { kind: 'error', status: 200, code: 'nonsense', message, location },
    }
  }
  const isGone = answer.kind === 'error' && answer.status === 404
  return isGone ? { kind: 'gone' } : { kind: 'refused', answer }
}

function toSubscription(value: unknown): GraphSubscription | null {
  if (!isObject(value)) return null
  const { id, notificationUrl, expirationDateTime } = value as Record<string, unknown>
  const expiresAtMs = typeof expirationDateTime === 'string' ? Date.parse(expirationDateTime) : NaN
  if (typeof id !== 'string' || typeof notificationUrl !== 'string' || Number.isNaN(expiresAtMs))
    return null
  return { subscriptionId: id, url: notificationUrl, expiresAtMs }
}
