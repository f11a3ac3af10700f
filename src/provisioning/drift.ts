import { lagLeftMs, type Planned, type Push, planPushes, pushOf, type Subject } from './desired.ts'
import type { Attribute, PushedValue } from './target.ts'

/** One value in which a target, by its own last word, is not what is wanted here. */
export interface Difference {
  readonly attribute: Attribute
  readonly here: PushedValue
  /** Absent when the target has never told. */
  readonly there?: PushedValue
  readonly state: DriftState
}

export type DriftState =
  /** Written with the next look. */
  | 'to-write'
  /** Decided before the source was to be written, or before a restore: written with her next change. */
  | 'left-alone'
  /** Sent, and nobody knows what became of it: read before it is written again. */
  | 'undecided'
  /** Not taken, or changed back too often: left alone until an admin says otherwise. */
  | 'refused'
  | 'contested'
  /** Written a short while ago: what the target tells may be older. */
  | 'lagging'
  /** The target's to decide: what it says is taken over. */
  | 'theirs'

/**
 * In what a target differs from what is wanted, worked out as the pusher would, and nothing done.
 *
 * @param isMarked whether the pusher is going to look at her
 */
export function driftOf(subject: Subject, isMarked: boolean): readonly Difference[] {
  const planned = planPushes(subject).map((one): Difference => {
    const { attribute, value } = one.write
    const state = stateOfPlanned(subject, one, isMarked)
    return difference(subject, { attribute, here: value, state })
  })
  const named = new Set(planned.map(({ attribute }) => attribute))
  const left = subject.pushes.flatMap((push) => {
    const state = named.has(push.attribute) ? null : stateOfLeft(subject, push)
    if (state === null) return []
    return [difference(subject, { attribute: push.attribute, here: push.wanted, state })]
  })
  return [...planned, ...left]
}

function difference(
  subject: Subject,
  parts: { readonly attribute: Attribute; readonly here: PushedValue; readonly state: DriftState },
): Difference {
  const there = subject.told[parts.attribute]
  return there === undefined ? parts : { ...parts, there }
}

function stateOfPlanned(subject: Subject, planned: Planned, isMarked: boolean): DriftState {
  const { attribute, value } = planned.write
  const before = pushOf(subject, attribute)
  if (planned.refusal !== null) return 'refused'
  if (planned.isTheirs) return 'theirs'
  if (planned.mustRead) return 'undecided'
  if (before?.status === 'refused' && before.wanted === value) return 'refused'
  return isMarked ? 'to-write' : 'left-alone'
}

/** Why nothing is planned for a value although it may differ; null when it does not. */
function stateOfLeft(subject: Subject, push: Push): DriftState | null {
  if (push.status === 'refused' || push.status === 'contested') return push.status
  return lagLeftMs(subject, push) === null ? null : 'lagging'
}
