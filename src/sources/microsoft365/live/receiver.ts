import { type Rate, RateLimit } from '../../../rate-limit.ts'
import type { ClientStates } from './client-state.ts'
import { type Heard, readNotifications } from './notification.ts'
import type { SubscriptionStore } from './subscription-store.ts'

/** Far above what Microsoft sends, which puts many notifications into one POST. */
const POSTS: Rate = { perSecond: 50, burst: 500 }
/** Two for each subscription; each asks the database. */
const VALIDATIONS: Rate = { perSecond: 1, burst: 20 }
/** That one was heard is written no more often. */
const HEARD_EVERY_MS = 30_000
/** Notifications that were lost make one full round, not one each. */
const MISSED_EVERY_MS = 10 * 60_000

export interface ReceiverParts {
  readonly states: ClientStates
  readonly store: SubscriptionStore
  /** Which source it is, by its id: one that this daemon knows. */
  readonly nameOf: (sourceId: string) => string | null
  /** A round is to come soon, wherever the leader is. */
  readonly hint: (sourceId: string) => void
  /** Something is to be done about subscriptions. */
  readonly look: () => void
  readonly onReceived?: (source: string, what: 'proven' | 'refused' | 'too-many') => void
  readonly onFault?: (error: unknown) => void
  readonly nowMs?: () => number
}

/**
 * What comes in from outside, from anybody. Nothing in it is believed but that Microsoft has sent
 * it, and that only with the clientState that we gave; then a round is brought forward, which asks
 * the source itself.
 */
export class NotificationReceiver {
  readonly #parts: ReceiverParts
  readonly #nowMs: () => number
  readonly #posts: RateLimit
  readonly #validations: RateLimit
  readonly #heardAtMs = new Map<string, number>()

  constructor(parts: ReceiverParts) {
    this.#parts = parts
    this.#nowMs = parts.nowMs ?? Date.now
    this.#posts = new RateLimit(POSTS, this.#nowMs)
    this.#validations = new RateLimit(VALIDATIONS, this.#nowMs)
  }

  /**
   * Before a body is read. What is meant for a source that is not here shares one bucket.
   *
   * @returns null, or after how many seconds to come again
   */
  admit(sourceId: string): number | null {
    const name = this.#parts.nameOf(sourceId)
    const waitSeconds = this.#posts.take(name === null ? '' : sourceId)
    if (waitSeconds !== null) this.#parts.onReceived?.(name ?? '', 'too-many')
    return waitSeconds
  }

  /**
   * Whether Microsoft's question, if it is Microsoft's, is answered: only while we have it create
   * that very subscription, so that nobody else subscribes us to anything.
   */
  async mayValidate(sourceId: string, id: string): Promise<boolean> {
    if (this.#parts.nameOf(sourceId) === null) return false
    if (this.#validations.take(sourceId) !== null) return false
    return this.#parts.store.isBeingCreated(sourceId, id)
  }

  /** After it has been answered. */
  receive(sourceId: string, id: string, body: Buffer): void {
    const name = this.#parts.nameOf(sourceId)
    const heard =
      name === null ? null : readNotifications(body, this.#parts.states.verifier(sourceId, id))
    this.#parts.onReceived?.(name ?? '', heard === null ? 'refused' : 'proven')
    if (heard === null) return
    if (heard.hasChanged) this.#parts.hint(sourceId)
    this.#note(sourceId, id, heard).catch((error: unknown) => this.#parts.onFault?.(error))
  }

  async #note(sourceId: string, id: string, heard: Heard): Promise<void> {
    const { store, hint, look } = this.#parts
    if (heard.isRemoved) await store.demand(id, 'recreate')
    else if (heard.mustReauthorize) await store.demand(id, 'reauthorize')
    if (heard.isRemoved || heard.mustReauthorize) look()
    // What it was to tell of while it was not there is lost as well.
    if ((heard.hasMissed || heard.isRemoved) && (await store.missed(id, MISSED_EVERY_MS)))
      hint(sourceId)
    const nowMs = this.#nowMs()
    if (nowMs - (this.#heardAtMs.get(id) ?? Number.NEGATIVE_INFINITY) < HEARD_EVERY_MS) return
    // Proven ones only: as many as there have been subscriptions since the daemon started.
    this.#heardAtMs.set(id, nowMs)
    await store.heard(id)
  }
}
