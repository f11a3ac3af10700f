import type { Settings } from '../faults/settings.ts'
import { type SeededRandom, shuffleInPlace } from '../random.ts'
import { EndpointRecord } from './endpoint.ts'
import type { TlsVersion } from './subscription.ts'
import { callWebhook } from './webhook.ts'

export interface DeliveryCounts {
  /** Notifications that were to be told, duplicates included. */
  readonly due: number
  readonly delivered: number
  /** Never told: lost on the way as the settings say, given up, or for an endpoint too slow. */
  readonly dropped: number
  /** POSTs, repeated ones included. */
  readonly posts: number
  readonly lastStatus: number | null
}

interface Endpoint {
  readonly url: string
  readonly tls: TlsVersion
  readonly record: EndpointRecord
  waiting: object[]
  timer: NodeJS.Timeout | null
}

/** Takes notifications to endpoints: late, in batches, twice or never, and again when one fails. */
export class Delivery {
  readonly #settings: Settings
  readonly #random: SeededRandom
  readonly #endpoints = new Map<string, Endpoint>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #counts = { due: 0, delivered: 0, dropped: 0, posts: 0 }
  #lastStatus: number | null = null
  #isStopped = false

  constructor(parts: { readonly settings: Settings; readonly random: SeededRandom }) {
    this.#settings = parts.settings
    this.#random = parts.random
  }

  get counts(): DeliveryCounts {
    return { ...this.#counts, lastStatus: this.#lastStatus }
  }

  send(url: string, tls: TlsVersion, notification: object): void {
    const { duplicateShare, lossShare } = this.#settings.notifications
    const isTwice = duplicateShare > 0 && this.#random.chance(duplicateShare)
    for (const each of isTwice ? [notification, notification] : [notification]) {
      this.#counts.due += 1
      if (lossShare > 0 && this.#random.chance(lossShare)) this.#counts.dropped += 1
      else this.#queue(url, tls, each)
    }
  }

  stop(): void {
    this.#isStopped = true
    for (const timer of this.#timers) clearTimeout(timer)
    for (const { timer } of this.#endpoints.values()) if (timer !== null) clearTimeout(timer)
  }

  #queue(url: string, tls: TlsVersion, notification: object): void {
    const known = this.#endpoints.get(url)
    const endpoint = known ?? { url, tls, record: new EndpointRecord(), waiting: [], timer: null }
    this.#endpoints.set(url, endpoint)
    endpoint.waiting.push(notification)
    if (endpoint.timer !== null) return
    const { lagMs, jitterMs, slowDelayMs } = this.#settings.notifications
    const state = endpoint.record.stateAt(Date.now())
    const delayMs = lagMs + this.#random.below(jitterMs + 1) + (state === 'slow' ? slowDelayMs : 0)
    endpoint.timer = setTimeout(() => this.#flush(endpoint), delayMs)
    endpoint.timer.unref()
  }

  #flush(endpoint: Endpoint): void {
    const { batch, isShuffled } = this.#settings.notifications
    const due = endpoint.waiting
    if (isShuffled) shuffleInPlace(due, this.#random.word())
    endpoint.waiting = []
    endpoint.timer = null
    if (endpoint.record.stateAt(Date.now()) === 'drop') {
      this.#counts.dropped += due.length
      return
    }
    for (let at = 0; at < due.length; at += batch)
      this.#post(endpoint, due.slice(at, at + batch), Date.now(), 0).catch(() => {})
  }

  async #post(
    endpoint: Endpoint,
    value: readonly object[],
    since: number,
    attempt: number,
  ): Promise<void> {
    const { timeoutMs, slowMs, retryMs, giveUpMs, ca } = this.#settings.notifications
    this.#counts.posts += 1
    const { answer, tookMs } = await callWebhook(endpoint.url, {
      type: 'application/json; charset=utf-8',
      body: JSON.stringify({ value }),
      timeoutMs,
      latestTls: endpoint.tls,
      ca,
    })
    this.#lastStatus = answer?.status ?? null
    endpoint.record.note(Date.now(), answer === null || tookMs > slowMs)
    if (answer !== null && answer.status >= 200 && answer.status < 300) {
      this.#counts.delivered += value.length
      return
    }
    const waitMs = retryMs * 2 ** attempt
    if (this.#isStopped || Date.now() + waitMs - since > giveUpMs) {
      this.#counts.dropped += value.length
      return
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.#post(endpoint, value, since, attempt + 1).catch(() => {})
    }, waitMs)
    timer.unref()
    this.#timers.add(timer)
  }
}
