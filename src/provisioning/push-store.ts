import type { Planned, Subject } from './desired.ts'
import type { Difference } from './drift.ts'
import type { PushedValue } from './target.ts'

/** A person taken to work on, for a while and by one alone. */
export interface Claim {
  readonly id: string
  readonly sourceId: string
  readonly principalId: string
  readonly externalId: string
  /** A mark made while we work on her is a later one, and stays. */
  readonly mark: number
  readonly attempts: number
  readonly subject: Subject
}

export type Settled =
  | { readonly status: 'written' }
  | { readonly status: 'refused' | 'contested'; readonly reason: string }
  /** Sent, and nobody knows what became of it. */
  | { readonly status: 'undecided'; readonly reason: string }

/** `'lost'` when the claim has passed to another, or is none any more. */
export type Begun =
  | 'begun'
  | 'lost'
  /** Why it waits for an admin, in words: too many were removed within the window. */
  | { readonly waits: string }

/**
 * What is to be pushed, and what became of it.
 *
 * @throws {DirectoryError} `DIRECTORY_UNAVAILABLE` from every method
 */
export interface PushStore {
  /**
   * Looks on in the journal for people it may concern. A restored database starts at its end: what
   * differs by then is for an admin to see first.
   *
   * @returns whether there is more to look at
   */
  markChanged(sourceId: string): Promise<boolean>
  /** Those that are due, longest waiting first. */
  claim(sourceId: string, limit: number): Promise<readonly Claim[]>
  /** Says that a value is about to be sent; a removal from a group is counted by it, once. */
  begin(claim: Claim, planned: Planned): Promise<Begun>
  settle(claim: Claim, planned: Planned, settled: Settled): Promise<void>
  /**
   * It is the target's to decide: whom it has disabled by itself is held here in its name, and of an
   * attribute that was given back nothing is remembered.
   */
  giveBack(claim: Claim, planned: Planned): Promise<void>
  /** @param againInMs when to look at her again; null when all is done, unless she was marked anew */
  release(claim: Claim, againInMs: number | null): Promise<void>
}

/** A difference with the username of whom it is about. */
export type Drift = Difference & { readonly person: string }

/** One attribute at one target, as an admin is told of it. */
export interface ListedPush {
  readonly source: string
  readonly attribute: string
  readonly status: string
  readonly wanted: PushedValue
  readonly writtenAtMs: number | null
  readonly reason: string | null
}
