import type { PrincipalId } from './id.ts'
import type { NetworkSecret } from './ports/network-passwords.ts'

/** What the name of each guest begins with. A person who is called so goes before a guest. */
export const GUEST_PREFIX = 'guest-'
/** What an admin may call one, in small letters. */
export const GUEST_NAME = /^guest-[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/

export const DEFAULT_GUEST_MS = 24 * 60 * 60 * 1_000
/** The longest time, counted from its beginning; it can be extended again and again. */
export const MAX_GUEST_MS = 90 * DEFAULT_GUEST_MS
/** How far ahead one may begin. */
export const MAX_GUEST_AHEAD_MS = 365 * DEFAULT_GUEST_MS

/** What its password is checked with, whichever way it is shown. */
export type GuestSecret = NetworkSecret & { readonly password: Buffer }

/**
 * Somebody who is let into networks for a time: a visitor, a contractor, one seat of an event. It is
 * nobody of the directory, so nothing but RADIUS knows it, and only networks that admit guests do.
 */
export interface Guest {
  readonly kind: 'guest'
  /** Sessions and answers name guests as they name people, so their ids are alike. */
  readonly id: PrincipalId
  readonly version: number
  /** What is typed to log in: small letters, and {@link GUEST_PREFIX} first. */
  readonly name: string
  /** Who it is, for people to read. */
  readonly label: string | null
  readonly company: string | null
  readonly note: string | null
  /** Who answers for it, and must be let in herself; null when nobody does. */
  readonly sponsorId: PrincipalId | null
  readonly startsAtMs: number
  readonly expiresAtMs: number
  /** When it was removed; it is kept for a while, to tell why it is refused. */
  readonly revokedAtMs: number | null
  readonly createdAtMs: number
  /**
   * Of a password that was generated: never in an answer, a log or the journal. Null where what is
   * stored does not open, so that nobody can say whether a password is right.
   */
  readonly secret: GuestSecret | null
}
