import type { CredentialId, NasId, NetworkId, PrincipalId } from '../id.ts'
import type { SessionIdentity } from './accounting.ts'

/** A session that is under way, as far as it matters to whether it may go on. */
export interface OpenSession {
  readonly id: string
  readonly nasId: NasId
  readonly principalId: PrincipalId
  readonly networkId: NetworkId | null
  readonly credentialId: CredentialId | null
  readonly granted: string | null
}

/** `change` tells the NAS what she gets now, without ending the session. */
export type DisconnectKind = 'disconnect' | 'change'

export interface Wanted {
  readonly sessionId: string
  readonly kind: DisconnectKind
  readonly cause: string
}

/**
 * Causes that lie in a rule or in the clock and not in a person: one edit, or the end of one event, may
 * be the cause of thousands. What is asked for by them takes its turn; nothing else ever waits.
 */
export const pacedCauses: readonly string[] = [
  'group-changed',
  'guest-expired',
  'guests-not-admitted',
  'not-in-allowed-group',
  'outside-hours',
  'method-not-allowed',
  'device-not-on-network',
]

/** Which requests are taken; of the `paced` ones so many at most for each NAS. */
export type ClaimedLane =
  | { readonly lane: 'urgent' }
  | { readonly lane: 'paced'; readonly perNas: number }

/** A request that is ours to send, until the claim ends. */
export interface DisconnectClaim extends Wanted {
  readonly claim: string
  readonly attempts: number
  /** Null where nobody asked for it: it follows from the directory, and may have become needless. */
  readonly actor: string | null
  readonly session: OpenSession & {
    readonly username: string
    readonly acctSessionId: string
    /** Null for one of which the NAS told nothing since before we kept it. */
    readonly identity: SessionIdentity | null
  }
}

/**
 * `done` and `gone` (the NAS knows no such session) end it; after `refused`, `unanswered` (for as long
 * as we try) and `left` (the NAS takes no such requests) it goes on until the NAS ends it by itself;
 * `needless`: she may go on after all.
 */
export type DisconnectStatus = 'done' | 'gone' | 'refused' | 'unanswered' | 'left' | 'needless'

export type DisconnectOutcome =
  | { readonly status: DisconnectStatus; readonly outcome: string; readonly granted?: string }
  | { readonly status: 'waiting'; readonly outcome: string; readonly kind?: DisconnectKind }

/** What an edit would do to the sessions that are open. */
export interface SessionOutlook {
  readonly open: number
  readonly ended: number
  /** Onto another VLAN: by a CoA, else by their end. */
  readonly moved: number
}

export interface DisconnectStore {
  /** Open sessions of these people, or with these credentials. */
  openOf(
    principalIds: readonly string[],
    credentialIds: readonly string[],
  ): Promise<readonly OpenSession[]>
  /** Open sessions in the order of their ids, page by page; `after` is the last one seen. */
  openAfter(after: string | null, limit: number): Promise<readonly OpenSession[]>
  /**
   * Asks for sessions to be ended, once for each: one that waits already is left alone, and one that
   * was settled is asked for again only when the NAS has reported the session since. One that waits
   * for its turn waits no more once there is a cause that may not. A credential said to be revoked is looked up: whoever says so may not have heard of it yet.
   *
   * @returns how many are new
   */
  want(wanted: readonly Wanted[]): Promise<number>
  /** An admin's word: whatever was settled before. False for a session that is not open. */
  wantNow(sessionId: string, cause: string, actor: string): Promise<boolean>
  /** Takes what is due, each for one daemon at a time. */
  claim(limit: number, lane: ClaimedLane): Promise<readonly DisconnectClaim[]>
  /** Keeps how it went. False when the claim was lost meanwhile: whoever holds it now knows better. */
  settle(claim: DisconnectClaim, outcome: DisconnectOutcome): Promise<boolean>
}
