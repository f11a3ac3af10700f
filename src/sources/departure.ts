import type { Actor } from '../directory/ports/people.ts'
import type { StepwiseWork } from './unfinished.ts'

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
export interface DepartureStore extends StepwiseWork {
  outlook(sourceId: string): Promise<DepartureOutlook>
  /**
   * From then on no round begins or goes on, nothing is written there, and its credentials are
   * forgotten; its people and the rest go in batches.
   */
  begin(sourceId: string, leave: Leave, actor: Actor): Promise<LeaveBegun>
}
