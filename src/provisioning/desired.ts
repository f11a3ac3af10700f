import type { HoldReason, Lifecycle } from '../directory/hold.ts'
import type { Attribute, Write } from './target.ts'

/** How long a target's replicas may still show what was there before our write. */
export const LAG_MS = 10 * 60_000
/** A value that others keep changing back is written so often, and then left to an admin. */
export const MAX_REPEATS = 3

export type PushStatus = 'sending' | 'undecided' | 'written' | 'refused' | 'contested'

/** What became of the last try to write one attribute. */
export interface Push {
  readonly attribute: Attribute
  readonly status: PushStatus
  readonly wanted: boolean | number
  /** What the target took last; null before the first. */
  readonly written: boolean | number | null
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
  /** As the target last told by itself; it may lag. */
  readonly toldEnabled: boolean | null
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
  const sinceMs = heldSinceMs(subject)
  const account = pushOf(subject, 'enabled')
  const planned: Planned[] = []
  if (sinceMs !== null || account !== null) {
    const write: Write = { attribute: 'enabled', value: sinceMs === null }
    const one = plan(write, account, isChangedThere(subject, account, nowMs))
    if (one !== null) planned.push(one)
  }
  if (sinceMs !== null) {
    const write: Write = { attribute: 'sessions-ended', value: sinceMs }
    const one = plan(write, pushOf(subject, 'sessions-ended'), false)
    if (one !== null) planned.push(one)
  }
  return planned
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
  if (push === null || push.written === null || push.writtenAtMs === null) return false
  if (subject.toldEnabled === null || subject.toldEnabled === push.written) return false
  return nowMs - push.writtenAtMs > LAG_MS
}
