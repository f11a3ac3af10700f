import type { HoldReason, Lifecycle } from '../directory/hold.ts'
import type { Attribute, PushedValue, Write } from './target.ts'

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
  /** What the target took last; `writtenAtMs` says whether it ever did. */
  readonly written: PushedValue
  readonly writtenAtMs: number | null
  readonly repeats: number
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
  readonly mastered: readonly Extract<Write, { readonly value: string | null }>[]
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
}

/**
 * What is to be written for a person, in this order. Nothing of what the target itself decides is
 * touched: an account is enabled only where we have disabled it.
 */
export function planPushes(subject: Subject, nowMs: number): readonly Planned[] {
  if (!subject.isLinked || subject.lifecycle === 'staged') return []
  return wantedOf(subject).flatMap((write) => {
    const before = pushOf(subject, write.attribute)
    return plan(write, before, isChangedThere(subject, before, nowMs)) ?? []
  })
}

function wantedOf(subject: Subject): readonly Write[] {
  const sinceMs = heldSinceMs(subject)
  const wanted: Write[] = []
  if (sinceMs !== null || pushOf(subject, 'enabled') !== null) {
    wanted.push({ attribute: 'enabled', value: sinceMs === null })
  }
  if (sinceMs !== null) wanted.push({ attribute: 'sessions-ended', value: sinceMs })
  for (const write of subject.mastered) {
    // What is there already need not be written for having been decided here.
    const isThere = (subject.told[write.attribute] ?? null) === write.value
    if (!isThere || pushOf(subject, write.attribute) !== null) wanted.push(write)
  }
  return wanted
}

/** Since when we, and not the target, hold her back; null when we do not. */
function heldSinceMs({ lifecycle, holds, ownHold, deletedAtMs }: Subject): number | null {
  const ours = holds.filter(({ reason }) => reason !== ownHold).map((hold) => hold.sinceMs)
  if (lifecycle === 'deleted' && deletedAtMs !== null) ours.push(deletedAtMs)
  return ours.length === 0 ? null : Math.max(...ours)
}

function pushOf(subject: Subject, attribute: Attribute): Push | null {
  return subject.pushes.find((push) => push.attribute === attribute) ?? null
}

function plan(write: Write, before: Push | null, isChanged: boolean): Planned | null {
  if (before === null) return { write, mustRead: false, repeats: 0 }
  const isUnsure = before.status === 'sending' || before.status === 'undecided'
  const isAnother = before.wanted !== write.value
  if (isUnsure) return { write, mustRead: true, repeats: isAnother ? 0 : before.repeats }
  if (isAnother) return { write, mustRead: false, repeats: 0 }
  if (before.status === 'refused') return { write, mustRead: false, repeats: before.repeats }
  if (isChanged && before.status === 'written') {
    return { write, mustRead: true, repeats: before.repeats + 1 }
  }
  return null
}

/** Whether the target tells something else than was written, and not only because it lags. */
function isChangedThere(subject: Subject, push: Push | null, nowMs: number): boolean {
  if (push === null || push.writtenAtMs === null) return false
  const told = subject.told[push.attribute]
  if (told === undefined || told === push.written) return false
  return nowMs - push.writtenAtMs > LAG_MS
}
