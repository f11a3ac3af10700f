/** How far back removals are counted, over all rounds and restarts. */
export const WINDOW_MS = 24 * 60 * 60_000
/** How far back commands count that suspend and delete people. */
export const COMMANDS_WINDOW_MS = 60 * 60_000
/** So many may always go: a small company dismisses somebody too. */
export const WINDOW_MINIMUM = 20
/** Of what there was, when that is more. */
export const WINDOW_SHARE = 0.05

/** Below this a full answer that lacks objects is left to the window alone. */
const SUSPICIOUS_MINIMUM = 10
const SUSPICIOUS_SHARE = 0.2
/** A group that a full answer shows empty, though we know more members than this, is not believed. */
export const EMPTY_GROUP_LIMIT = 5

/**
 * How many more may be removed now.
 *
 * @param living what there is now, of the kind that is counted
 * @param removed how many went within the window
 */
export function remainingAllowance(living: number, removed: number): number {
  const limit = Math.max(WINDOW_MINIMUM, Math.floor((living + removed) * WINDOW_SHARE))
  return Math.max(0, limit - removed)
}

/** Removals that are still allowed; each that is applied takes one. */
export class Allowance {
  #left: number

  constructor(left: number) {
    this.#left = left
  }

  take(): boolean {
    if (this.#left <= 0) return false
    this.#left -= 1
    return true
  }

  /** @returns how many of `wanted` are allowed; they are taken */
  takeUpTo(wanted: number): number {
    const taken = Math.min(this.#left, wanted)
    this.#left -= taken
    return taken
  }
}

/** Of fewer known objects, that all of them are gone may well be so. */
const STRANGE_MINIMUM = 10

/**
 * Whether a full answer is about others than those we know: it names some, and of many known none.
 * So would another tenant's.
 */
export function isAboutOthers(seen: number, known: number, missing: number): boolean {
  return seen > 0 && known >= STRANGE_MINIMUM && missing === known
}

/** Whether an answer leaves so many people blank that it is a fault rather than a change. */
export function isBlanking(blanked: number, known: number): boolean {
  return blanked > Math.max(SUSPICIOUS_MINIMUM, Math.floor(known * SUSPICIOUS_SHARE))
}

/** A count and an answer taken at different moments, from different copies, differ by a little. */
export const SHORT_MINIMUM = 5
export const SHORT_SHARE = 0.01

/** Whether a full answer names clearly fewer objects than the source counts; null is no count. */
export function isShort(seen: number, counted: number | null): boolean {
  if (counted === null) return false
  return counted - seen > Math.max(SHORT_MINIMUM, Math.floor(counted * SHORT_SHARE))
}

/**
 * Whether a full answer that lacks known objects may be believed. An empty one never is, and one
 * that lacks a fifth is more likely a filter, a permission or a fault than that many dismissals.
 *
 * @param known objects of the source that live here
 * @param missing those of them that the answer did not name
 */
export function isFullAnswerSound(known: number, missing: number): boolean {
  if (missing === 0) return true
  if (missing === known) return false
  return missing <= Math.max(SUSPICIOUS_MINIMUM, Math.floor(known * SUSPICIOUS_SHARE))
}
