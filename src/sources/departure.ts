import type { Actor } from '../directory/ports/people.ts'
import type { Service } from '../lifecycle.ts'

/** What becomes of the people of a source that is disconnected. */
export const DEPARTURES = ['keep', 'suspend', 'delete'] as const
export type Departure = (typeof DEPARTURES)[number]

/** What a disconnection would do. */
export interface DepartureOutlook {
  /** People it brought here who live; groups likewise. */
  readonly people: number
  readonly groups: number
  /** Of the people: those whom a suspension or deletion means, with some of their usernames. */
  readonly affected: number
  readonly names: readonly string[]
  /** Who is protected and stays as she is, whatever is chosen. */
  readonly protectedNames: readonly string[]
  /** People another source knows as well, or who were here before: they only lose the link. */
  readonly linkedOnly: number
  /** Held because they are disabled there; the hold becomes an admin's. */
  readonly heldByIt: number
  /** Who has no password here, and whom until now the source may have let in. */
  readonly withoutPassword: number
  readonly candidates: number
  readonly rules: number
  /** Changes that have not been written there, and never will be. */
  readonly pendingPushes: number
  /** Accounts that were disabled there from here, and stay so. */
  readonly disabledThere: number
  readonly waitingRemovals: number
}

export interface Leave {
  readonly people: Departure
  /** How many a suspension or deletion was said to mean; null when nobody said. */
  readonly count: number | null
}

export type LeaveBegun =
  | { readonly ok: true; readonly affected: number }
  /** So many of all are more than go unasked, and not as many as were said. */
  | { readonly ok: false; readonly affected: number; readonly all: number }

/**
 * Takes a source apart. Each method that changes something is one transaction within the budgets,
 * and may be repeated after a crash, by any daemon.
 *
 * @throws {DirectoryError} `DIRECTORY_NOT_FOUND`, `DIRECTORY_UNAVAILABLE`
 */
export interface DepartureStore {
  outlook(sourceId: string): Promise<DepartureOutlook>
  /**
   * From then on no round begins or goes on, nothing is written there, and its credentials are
   * forgotten; its people and the rest go in batches.
   */
  begin(sourceId: string, leave: Leave, actor: Actor): Promise<LeaveBegun>
  /** The next batch. @returns false when nothing was left */
  step(sourceId: string): Promise<boolean>
  /** Sources that were begun and are not done. */
  unfinished(): Promise<readonly string[]>
}

const LOOK_EVERY_MS = 5_000

/** Ends what a daemon that stopped has left half disconnected; the leader does. */
export class Departures implements Service {
  readonly name = 'departures'
  readonly #store: DepartureStore
  readonly #isLeader: () => boolean
  readonly #onFault: (error: unknown) => void
  readonly #stopping = new AbortController()
  #timer: NodeJS.Timeout | null = null
  #running: Promise<void> = Promise.resolve()

  constructor(parts: {
    readonly store: DepartureStore
    readonly isLeader: () => boolean
    readonly onFault: (error: unknown) => void
  }) {
    this.#store = parts.store
    this.#isLeader = parts.isLeader
    this.#onFault = parts.onFault
  }

  start(): Promise<void> {
    this.#schedule()
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the daemon is stopping'))
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#running
  }

  /** Does all that is left of one; two daemons may at once, and take turns. */
  async finish(sourceId: string): Promise<void> {
    while (await this.#store.step(sourceId)) this.#stopping.signal.throwIfAborted()
  }

  #schedule(): void {
    if (this.#stopping.signal.aborted) return
    this.#timer = setTimeout(() => {
      this.#running = this.#look().finally(() => this.#schedule())
    }, LOOK_EVERY_MS)
    this.#timer.unref()
  }

  async #look(): Promise<void> {
    if (!this.#isLeader()) return
    try {
      for (const id of await this.#store.unfinished()) await this.finish(id)
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#onFault(error)
    }
  }
}
