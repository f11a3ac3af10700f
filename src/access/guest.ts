import type { Directory } from '../directory/directory.ts'
import type { Guest } from '../directory/guest.ts'
import type { Network } from '../directory/network.ts'
import { type AccessDenial, admit, decide, type Grant, untilExpiry } from './decide.ts'

/** Why a guest is let in nowhere, in the words of the auth events. */
export type GuestEnd =
  | 'guest-revoked'
  | 'guest-expired'
  | 'name-taken'
  | 'sponsor-shut-out'
  | 'guest-not-yet'

/** Why a guest may not come in, in the same words. */
export type GuestDenial = 'guests-not-admitted' | GuestEnd | AccessDenial

/** What says when and by whom a guest is let in. */
export type GuestTerms = Pick<
  Guest,
  'name' | 'sponsorId' | 'startsAtMs' | 'expiresAtMs' | 'revokedAtMs'
>

export type GuestDecision =
  | { readonly ok: true; readonly grant: Grant }
  | { readonly ok: false; readonly denial: GuestDenial }

/**
 * Where the network sets no time: how long a guest that was removed may stay at a NAS that ends no
 * session for us. Its device asks again by itself.
 */
const ASKED_AGAIN_MS = 60 * 60 * 1_000

/** May this guest use this network? Pure, as `decide` is for people. */
export function decideGuest(
  directory: Directory,
  guest: Guest,
  { network, atMs = Date.now() }: { readonly network: Network; readonly atMs?: number },
): GuestDecision {
  if (!admitsGuests(network)) return { ok: false, denial: 'guests-not-admitted' }
  const denial = findGuestEnd(directory, guest, atMs)
  if (denial !== null) return { ok: false, denial }
  const decision = admit(network, { why: 'guest', rule: null, atMs })
  if (!decision.ok) return decision
  const untilMs =
    network.sessionTimeoutSeconds === null
      ? Math.min(guest.expiresAtMs, atMs + ASKED_AGAIN_MS)
      : guest.expiresAtMs
  return { ok: true, grant: untilExpiry(decision.grant, untilMs, atMs) }
}

/** Why a guest is let in nowhere; null when it is, where guests are. */
export function findGuestEnd(
  directory: Directory,
  guest: GuestTerms,
  atMs: number,
): GuestEnd | null {
  if (guest.revokedAtMs !== null) return 'guest-revoked'
  if (atMs >= guest.expiresAtMs) return 'guest-expired'
  // She goes before the guest, who came first all the same.
  if (directory.personByLoginName(guest.name) !== null) return 'name-taken'
  if (guest.sponsorId !== null && !mayVouch(directory, guest.sponsorId)) return 'sponsor-shut-out'
  return atMs < guest.startsAtMs ? 'guest-not-yet' : null
}

/** Whether this is somebody who may sign in herself. */
export function mayVouch(directory: Directory, sponsorId: string): boolean {
  const sponsor = directory.entryById(sponsorId)
  return sponsor !== null && decide(directory, sponsor, { kind: 'account' }).ok
}

/** A guest has no one-time code, so a network that asks for one is none of theirs. */
function admitsGuests({ guests = false, secondFactor = null }: Network): boolean {
  return guests && secondFactor === null
}
