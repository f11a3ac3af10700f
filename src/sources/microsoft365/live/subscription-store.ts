import type { Stream } from '../../source.ts'

/**
 * `creating`: Microsoft is asked for it, or was when a daemon died. `failed`: it said no, and is
 * asked again later.
 */
export type SubscriptionState = 'creating' | 'active' | 'failed'

/** What Microsoft wants done about one, as a lifecycle notification has said. */
export type Demand = 'reauthorize' | 'recreate'

/** A subscription as we keep it. Nothing in it is secret: what proves a notification is derived. */
export interface Subscription {
  /** Our own; part of the address that notifications come to. */
  readonly id: string
  readonly sourceId: string
  readonly stream: Stream
  readonly url: string
  readonly state: SubscriptionState
  /** Microsoft's id of it; null until it exists. */
  readonly subscriptionId: string | null
  readonly expiresAtMs: number | null
  /** Nobody is at work on it any more: whoever asked Microsoft for it has died. */
  readonly isStale: boolean
  /** It is to be renewed, or asked for again, by now. */
  readonly isDue: boolean
  readonly attempts: number
  readonly demand: Demand | null
  readonly error: string | null
  readonly nextStep: string | null
  readonly heardAtMs: number | null
}

export interface NewSubscription {
  readonly id: string
  readonly sourceId: string
  readonly stream: Stream
  readonly url: string
}

/**
 * Which subscriptions there are, by the database's clock. Each method is one statement, and may be
 * repeated.
 *
 * @throws {DirectoryError} `DIRECTORY_UNAVAILABLE`
 */
export interface SubscriptionStore {
  list(): Promise<readonly Subscription[]>
  /** Before Microsoft is asked; false when the stream has one already. */
  begin(subscription: NewSubscription, workMs: number): Promise<boolean>
  /** Whether Microsoft is being asked for it now, so that its endpoint may answer for itself. */
  isBeingCreated(sourceId: string, id: string): Promise<boolean>
  /** It exists, or goes on; false when it has been dropped meanwhile. */
  keep(
    id: string,
    is: {
      readonly subscriptionId: string
      readonly expiresAtMs: number
      /** It is renewed after so long. */
      readonly renewInMs: number
    },
  ): Promise<boolean>
  /** What Microsoft said; an active one stays active. */
  fail(
    id: string,
    why: {
      readonly error: string
      readonly nextStep: string
      readonly retryInMs: number
      readonly attempts: number
    },
  ): Promise<void>
  drop(id: string): Promise<void>
  /** Has those that failed tried again at once. */
  retry(sourceId: string): Promise<void>
  demand(id: string, demand: Demand): Promise<void>
  /** Notes that a notification came. */
  heard(id: string): Promise<void>
  /**
   * Notifications were lost: the next round reads everything.
   *
   * @param everyMs not more often than this
   */
  missed(id: string, everyMs: number): Promise<boolean>
}
