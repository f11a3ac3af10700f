import type { Actor } from '../directory/ports/people.ts'

/** How somebody elsewhere gives her word: on a consent page, or by signing in with a code. */
export type ConnectWay = 'consent' | 'device'

/** `expired`: nobody answered in time, or the daemon died over it. */
export type AttemptStatus = 'waiting' | 'working' | 'connected' | 'refused' | 'expired'

/** A source that is about to be connected, without its secret. */
export interface Attempt {
  readonly id: string
  readonly way: ConnectWay
  readonly status: AttemptStatus
  /** Who began it. */
  readonly actor: string
  /** What is to be connected; each way parses its own. */
  readonly request: unknown
  /** What is being done, or why it was refused. */
  readonly note: string | null
  readonly sourceId: string | null
  readonly expiresAtMs: number
}

export interface NewAttempt {
  readonly way: ConnectWay
  /** SHA-256 of the state that comes back, once. */
  readonly stateHash: Buffer | null
  readonly request: object
  /** Kept sealed until the attempt ends. */
  readonly secret: Buffer | null
  readonly lifeMs: number
}

/**
 * Attempts to connect a source.
 *
 * @throws {DirectoryError} `DIRECTORY_UNAVAILABLE`
 */
export interface AttemptStore {
  begin(attempt: NewAttempt, actor: Actor): Promise<Attempt>
  find(id: string): Promise<Attempt | null>
  /**
   * Takes what belongs to a state, once: whoever brings it again, or too late, gets null.
   *
   * @param workMs how long this daemon may take before the attempt counts as lost
   */
  claim(
    stateHash: Buffer,
    workMs: number,
  ): Promise<{ readonly attempt: Attempt; readonly secret: Buffer } | null>
  /**
   * Makes an attempt the only one that works for a tenant, on all daemons, until it has ended or its
   * time is up; false while another one is, or when its own time is up.
   */
  takeTurn(id: string, tenant: string): Promise<boolean>
  /** Says what is being done, and asks for more time; false when the attempt has ended meanwhile. */
  report(id: string, note: string, workMs: number): Promise<boolean>
  /** Forgets the secret. An attempt that has ended stays as it is. */
  end(id: string, outcome: AttemptOutcome): Promise<void>
}

export type AttemptOutcome =
  | { readonly sourceId: string; readonly note?: string | null }
  | { readonly refusal: string }
