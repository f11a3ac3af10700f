import type { Allowance } from './guard.ts'
import { changedNames, mergeValues } from './merge.ts'
import type { ExternalId, PersonValues, SourceItem } from './source.ts'

export const POLICIES = ['everybody', 'chosen'] as const

/** Who comes in by herself: everybody, or nobody but whom an admin, or a rule of hers, has chosen. */
export type ImportPolicy = (typeof POLICIES)[number]

/** Whom a source's import takes in. */
export interface ImportScope {
  readonly policy: ImportPolicy
  readonly includesGuests: boolean
  /** People disabled before we first saw them; one disabled later is held, never dropped. */
  readonly includesDisabled: boolean
}

export const DEFAULT_SCOPE: ImportScope = {
  policy: 'everybody',
  includesGuests: false,
  includesDisabled: true,
}

/** What we know of an object whose link exists. */
export interface KnownPerson {
  readonly values: PersonValues
  /** The source told us of her deletion; the link remembers her for her return. */
  readonly isRemoved: boolean
  /** Has this source's hold. */
  readonly isHeld: boolean
  /** Her removal, or her suspension, waits for an admin's word. */
  readonly isRemovalWaiting: boolean
  readonly isSuspensionWaiting: boolean
  /**
   * An account told as disabled is so because of us: we have disabled it, are about to, or have
   * enabled it again so lately that what is told may be older.
   */
  readonly isDisabledByUs: boolean
  /** Taken in because an admin, or a rule, has chosen her: a guest or not. */
  readonly isChosen: boolean
  /** Only an admin's word suspends or removes her. */
  readonly isProtected: boolean
  /** An admin has deleted her here: of what is told only the last word is kept, until her return. */
  readonly isDeletedHere: boolean
  /** Her grace is over: nothing is kept of her any more. */
  readonly isForgotten: boolean
}

export interface PersonVerdict {
  readonly externalId: ExternalId
  /** `propose`: she stays outside, and is known as somebody who could be chosen. */
  readonly act: 'ignore' | 'propose' | 'create' | 'keep' | 'update' | 'restore' | 'remove' | 'wait'
  /** Everything the source has ever told, with the newest word for each name. */
  readonly values: PersonValues
  /** Names whose value changed; empty for `keep`. */
  readonly changed: readonly string[]
  readonly hold: 'keep' | 'set' | 'lift' | 'wait'
  /** She is alive and well: what waited for approval is no longer asked. */
  readonly isWaitingOver: boolean
  /** Told as deleted although never imported. */
  readonly isUnknownGone: boolean
}

/**
 * Decides what one batch of answers means for each person. Nothing is changed here.
 *
 * @param items in the order they came; of several about one person the last word counts
 * @param allowance taken from, once for each removal and suspension
 */
export function judgePeople(
  items: readonly SourceItem[],
  known: Known,
  parts: { readonly scope: ImportScope; readonly allowance: Allowance },
): readonly PersonVerdict[] {
  return foldItems(items).map((told) => {
    const { externalId } = told
    const before = known.people.get(externalId) ?? null
    if (told.isGone) return judgeGone(told, before, parts.allowance)
    if (before === null) {
      const earlier = known.candidates.get(externalId) ?? {}
      return judgeNewcomer(externalId, { earlier, told: told.values }, parts.scope)
    }
    const values = mergePerson(before.values, told.values)
    if (before.isRemoved) return judgeReturn(externalId, { before, values }, parts.scope)
    return judgeKnown(externalId, { before, values }, parts)
  })
}

/** What is known of those a batch tells of. */
export interface Known {
  readonly people: ReadonlyMap<ExternalId, KnownPerson>
  /** What was told before of people who are not imported. */
  readonly candidates: ReadonlyMap<ExternalId, PersonValues>
}

/**
 * Lays what was told over what was known. That it is not said whether an account is enabled, as of
 * everybody when a permission is gone, takes no earlier word back: who was disabled stays so.
 */
function mergePerson(known: PersonValues, told: PersonValues): PersonValues {
  const values = mergeValues(known, told)
  const { isEnabled } = known
  const isUnsaid = values.isEnabled === null && typeof isEnabled === 'boolean'
  return isUnsaid ? { ...values, isEnabled } : values
}

/** Of whom it was never said, nobody knows. */
export function mayBeDisabled({ isEnabled }: PersonValues): boolean {
  return isEnabled === false || isEnabled === null
}

interface Told {
  readonly externalId: ExternalId
  readonly values: PersonValues
  readonly isGone: boolean
}

function foldItems(items: readonly SourceItem[]): readonly Told[] {
  const folded = new Map<ExternalId, Told>()
  for (const item of items) {
    const { externalId } = item
    if (item.kind === 'group') continue
    const earlier = folded.get(externalId)?.values ?? {}
    const values = item.kind === 'person' ? mergePerson(earlier, item.values) : {}
    folded.set(externalId, { externalId, values, isGone: item.kind === 'gone' })
  }
  return [...folded.values()]
}

const NOTHING = { changed: [], hold: 'keep', isWaitingOver: false, isUnknownGone: false } as const

function judgeGone(told: Told, before: KnownPerson | null, allowance: Allowance): PersonVerdict {
  const { externalId } = told
  const verdict = { externalId, values: before?.values ?? {}, ...NOTHING }
  if (before === null) return { ...verdict, act: 'ignore', isUnknownGone: true }
  if (before.isRemoved) return { ...verdict, act: 'ignore' }
  return { ...verdict, act: removal(before, allowance) }
}

/** What already waits goes on waiting: an admin is asked once, and answers. */
function removal(before: KnownPerson, allowance: Allowance): 'remove' | 'wait' | 'keep' {
  if (before.isDeletedHere) return 'remove'
  if (before.isRemovalWaiting) return 'keep'
  if (before.isProtected) return 'wait'
  return allowance.take() ? 'remove' : 'wait'
}

function judgeNewcomer(
  externalId: ExternalId,
  said: { readonly earlier: PersonValues; readonly told: PersonValues },
  scope: ImportScope,
): PersonVerdict {
  const values = mergePerson(said.earlier, said.told)
  const changed = changedNames(said.earlier, values)
  const verdict = { externalId, values, ...NOTHING, changed }
  if (scope.policy === 'chosen' || !isInScope(values, scope)) return { ...verdict, act: 'propose' }
  return { ...verdict, act: 'create', hold: mayBeDisabled(values) ? 'set' : 'keep' }
}

function judgeReturn(
  externalId: ExternalId,
  states: { readonly before: KnownPerson; readonly values: PersonValues },
  scope: ImportScope,
): PersonVerdict {
  const { before, values } = states
  const verdict = { externalId, values, ...NOTHING }
  if (!before.isChosen && !isInScope(values, scope)) return { ...verdict, act: 'ignore' }
  const isTheirs = values.isEnabled === false && !before.isDisabledByUs
  const set = before.isProtected && !before.isHeld ? 'wait' : 'set'
  const lift = before.isHeld && !mayBeDisabled(values) ? 'lift' : 'keep'
  const hold = isTheirs ? set : lift
  // Her grace is over: nothing of what is told is kept.
  if (before.isDeletedHere && before.isForgotten)
    return { ...verdict, values: before.values, act: 'restore' }
  const changed = changedNames(before.values, values)
  return { ...verdict, act: 'restore', changed, hold }
}

function isInScope(values: PersonValues, scope: ImportScope): boolean {
  if (values.isGuest === true && !scope.includesGuests) return false
  return values.isEnabled !== false || scope.includesDisabled
}

function judgeKnown(
  externalId: ExternalId,
  states: { readonly before: KnownPerson; readonly values: PersonValues },
  parts: { readonly scope: ImportScope; readonly allowance: Allowance },
): PersonVerdict {
  const { before, values } = states
  if (before.isDeletedHere && before.isForgotten)
    return { externalId, values: before.values, ...NOTHING, act: 'keep' }
  const changed = changedNames(before.values, values)
  if (values.isGuest === true && !parts.scope.includesGuests && !before.isChosen) {
    const act = removal(before, parts.allowance)
    return { externalId, values, ...NOTHING, changed, act }
  }
  const hold = judgeHold(before, values, parts.allowance)
  const isWaitingOver =
    before.isRemovalWaiting || (before.isSuspensionWaiting && values.isEnabled !== false)
  const act = changed.length > 0 && !before.isDeletedHere ? 'update' : 'keep'
  return { externalId, values, act, changed, hold, isWaitingOver, isUnknownGone: false }
}

function judgeHold(
  before: KnownPerson,
  values: PersonValues,
  allowance: Allowance,
): PersonVerdict['hold'] {
  if (values.isEnabled === null) return 'keep'
  if (values.isEnabled !== false) return before.isHeld ? 'lift' : 'keep'
  if (before.isHeld || before.isSuspensionWaiting || before.isDisabledByUs) return 'keep'
  // Nobody loses anything by it.
  if (before.isDeletedHere) return 'set'
  if (before.isProtected) return 'wait'
  return allowance.take() ? 'set' : 'wait'
}
