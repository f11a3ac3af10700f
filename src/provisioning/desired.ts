import type { HoldReason, Lifecycle } from '../directory/hold.ts'
import { type LicenceWrite, licenceOf } from './licence.ts'
import { groupOf } from './membership.ts'
import type { Attribute, MemberWrite, PushedValue, TextWrite, Write } from './target.ts'

/** How long a target's replicas may still show what was there before our write. */
export const LAG_MS = 10 * 60_000
/** A value that others keep changing back is written so often, and then left to an admin. */
export const MAX_REPEATS = 3

export type PushStatus = 'sending' | 'undecided' | 'written' | 'refused' | 'contested'

/** What became of the last try to write one attribute. */
export interface Push {
  readonly attribute: Attribute
  readonly status: PushStatus
  readonly wanted: PushedValue
  /** What the target took last; `writtenAgeMs` says whether it ever did. */
  readonly written: PushedValue
  /** By the database's clock, which is the one that says when to look again. */
  readonly writtenAgeMs: number | null
  readonly repeats: number
  /** Why it was not taken, where it was not. */
  readonly reason?: string | null
}

/** A value that is ours to say, and may be written. */
export type Mastered = (TextWrite | MemberWrite | LicenceWrite) & {
  /** Why the target cannot be given it, whatever it says; absent where it can. */
  readonly refusal?: string
}

/** A person as a target knows her. */
export interface Subject {
  readonly lifecycle: Lifecycle
  readonly holds: readonly { readonly reason: HoldReason; readonly sinceMs: number }[]
  /** The hold that this target sets itself, being a source. */
  readonly ownHold: HoldReason
  /** Whether she is still known there. */
  readonly isLinked: boolean
  /** When her deletion here began; null while she lives. */
  readonly deletedAtMs: number | null
  /** What is mastered here of her, and may be written there. */
  readonly mastered: readonly Mastered[]
  /** Attributes an admin has taken over, whether or not they may be written just now. */
  readonly kept: readonly string[]
  /** As the target last told by itself; it may lag. What it has never told is absent. */
  readonly told: { readonly [K in Attribute]?: PushedValue }
  readonly pushes: readonly Push[]
}

export interface Planned {
  readonly write: Write
  /** Nobody knows what is there: it has to be read before anything is written. */
  readonly mustRead: boolean
  /** How often this value will have been written again over somebody else's. */
  readonly repeats: number
  /** It is the target's to decide by now: nothing is written, and what it says is taken over. */
  readonly isTheirs: boolean
  /** Why it is not even sent; null when it is. */
  readonly refusal: string | null
}

/** What is to be written for a person, in this order. */
export function planPushes(subject: Subject): readonly Planned[] {
  if (!subject.isLinked || subject.lifecycle === 'staged') return []
  const sinceMs = heldSinceMs(subject)
  const planned = [planAccount(subject, sinceMs)]
  if (sinceMs !== null && !isDisabledAlready(subject)) {
    const write: Write = { attribute: 'sessions-ended', value: sinceMs }
    planned.push(plan(write, pushOf(subject, 'sessions-ended'), false))
  }
  for (const write of subject.mastered) planned.push(planAttribute(subject, write))
  planned.push(...planGivenBack(subject))
  return planned.filter((one) => one !== null)
}

/**
 * Nothing of what the target itself decides is touched: an account is enabled only where we have
 * disabled it, and one that is disabled there afterwards is held here.
 */
function planAccount(subject: Subject, sinceMs: number | null): Planned | null {
  if (isDisabledAlready(subject)) return null
  const before = pushOf(subject, 'enabled')
  const isChanged = isChangedThere(subject, before)
  if (sinceMs !== null) return plan({ attribute: 'enabled', value: false }, before, isChanged)
  const isTheirs = subject.holds.length > 0
  if (before === null || isTheirs) return null
  const write: Write = { attribute: 'enabled', value: true }
  if (before.status === 'written' && before.wanted === true) {
    return isChanged ? { ...FIRST, write, mustRead: true, isTheirs: true } : null
  }
  const isNothingToUndo = before.status === 'refused' && before.written !== false
  return isNothingToUndo ? null : plan(write, before, false)
}

/** The target has disabled the account before we had a word in it: it is not ours to enable later. */
function isDisabledAlready(subject: Subject): boolean {
  return subject.told.enabled === false && pushOf(subject, 'enabled') === null
}

/**
 * When to look at her again although nothing is to be done now: the target tells something else than
 * was written, which may only be old. Null when it does not.
 */
export function lookAgainInMs(subject: Subject): number | null {
  const waits = subject.pushes.flatMap((push) => lagLeftMs(subject, push) ?? [])
  return waits.length === 0 ? null : Math.min(...waits)
}

/** How long what the target tells otherwise may still only be old; null when it is not, or agrees. */
export function lagLeftMs(subject: Subject, push: Push): number | null {
  if (push.status !== 'written' || !isToldOtherwise(subject, push)) return null
  const leftMs = LAG_MS - (push.writtenAgeMs ?? LAG_MS)
  return leftMs > 0 ? leftMs : null
}

function planAttribute(subject: Subject, write: Mastered): Planned | null {
  const { refusal } = write
  const before = pushOf(subject, write.attribute)
  if (refusal !== undefined) {
    const isTold = before?.status === 'refused' && before.wanted === write.value
    return isTold && before.reason === refusal ? null : { ...FIRST, write, refusal }
  }
  // What is there already need not be written for having been decided here.
  if (before === null && (subject.told[write.attribute] ?? null) === write.value) return null
  return plan(write, before, isChangedThere(subject, before))
}

/** Attributes that were pushed and are no longer mastered here: the target has them again. */
function planGivenBack({ kept, pushes }: Subject): Planned[] {
  return pushes.flatMap(({ attribute, status, wanted }): Planned[] => {
    const isAttribute = attribute !== 'enabled' && attribute !== 'sessions-ended'
    if (!isAttribute || kept.includes(attribute)) return []
    const isYesOrNo = groupOf(attribute) !== null || licenceOf(attribute) !== null
    const value = isYesOrNo ? wanted === true : typeof wanted === 'string' ? wanted : null
    const write = { attribute, value } as Mastered
    return [{ ...FIRST, write, mustRead: isUnsure(status), isTheirs: true }]
  })
}

function isUnsure(status: PushStatus): boolean {
  return status === 'sending' || status === 'undecided'
}

/** Since when we, and not the target, hold her back; null when we do not. */
function heldSinceMs({ lifecycle, holds, ownHold, deletedAtMs }: Subject): number | null {
  const ours = holds.filter(({ reason }) => reason !== ownHold).map((hold) => hold.sinceMs)
  if (lifecycle === 'deleted' && deletedAtMs !== null) ours.push(deletedAtMs)
  return ours.length === 0 ? null : Math.max(...ours)
}

export function pushOf(subject: Subject, attribute: Attribute): Push | null {
  return subject.pushes.find((push) => push.attribute === attribute) ?? null
}

const FIRST = { mustRead: false, repeats: 0, isTheirs: false, refusal: null } as const

function plan(write: Write, before: Push | null, isChanged: boolean): Planned | null {
  const first: Planned = { ...FIRST, write }
  if (before === null) return first
  const isAnother = before.wanted !== write.value
  const repeats = isAnother ? 0 : before.repeats
  // Another value than the one that may be there is no repeat, and a lagging read would mislead.
  if (isUnsure(before.status)) return { ...first, mustRead: !isAnother, repeats }
  if (isAnother || before.status === 'refused') return { ...first, repeats }
  if (!isChanged || before.status !== 'written') return null
  return { ...first, mustRead: true, repeats: repeats + 1 }
}

/** Whether the target tells something else than was written, and not only because it lags. */
function isChangedThere(subject: Subject, push: Push | null): boolean {
  if (push === null || !isToldOtherwise(subject, push)) return false
  return (push.writtenAgeMs ?? 0) >= LAG_MS
}

function isToldOtherwise(subject: Subject, push: Push): boolean {
  const told = subject.told[push.attribute]
  return push.writtenAgeMs !== null && told !== undefined && told !== push.written
}
