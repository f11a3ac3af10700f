import type { Allowance } from './guard.ts'
import { changedNames, mergeValues } from './merge.ts'
import type { ExternalId, PersonValues, SourceItem } from './source.ts'

/** Whom a source's import takes in. */
export interface ImportScope {
  readonly includesGuests: boolean
  /** People disabled before we first saw them; one disabled later is held, never dropped. */
  readonly includesDisabled: boolean
}

export const DEFAULT_SCOPE: ImportScope = { includesGuests: false, includesDisabled: true }

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
}

export interface PersonVerdict {
  readonly externalId: ExternalId
  readonly act: 'ignore' | 'create' | 'keep' | 'update' | 'restore' | 'remove' | 'wait'
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
  known: ReadonlyMap<ExternalId, KnownPerson>,
  parts: { readonly scope: ImportScope; readonly allowance: Allowance },
): readonly PersonVerdict[] {
  return foldItems(items).map((told) => {
    const before = known.get(told.externalId) ?? null
    if (told.isGone) return judgeGone(told, before, parts.allowance)
    const values = mergeValues(before?.values ?? {}, told.values)
    if (before === null || before.isRemoved) return judgeNewcomer(told, values, before, parts.scope)
    return judgeKnown(told.externalId, { before, values }, parts)
  })
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
    const values = item.kind === 'person' ? mergeValues(earlier, item.values) : {}
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
  if (before.isRemovalWaiting) return 'keep'
  return allowance.take() ? 'remove' : 'wait'
}

function judgeNewcomer(
  told: Told,
  values: PersonValues,
  before: KnownPerson | null,
  scope: ImportScope,
): PersonVerdict {
  const { externalId } = told
  if (!isInScope(values, scope)) return { externalId, values, ...NOTHING, act: 'ignore' }
  const isTheirs = values.isEnabled === false && before?.isDisabledByUs !== true
  const hold = isTheirs ? 'set' : before?.isHeld ? 'lift' : 'keep'
  const changed = changedNames(before?.values ?? {}, values)
  const act = before === null ? 'create' : 'restore'
  return { externalId, values, act, changed, hold, isWaitingOver: false, isUnknownGone: false }
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
  const changed = changedNames(before.values, values)
  if (values.isGuest === true && !parts.scope.includesGuests) {
    const act = removal(before, parts.allowance)
    return { externalId, values, ...NOTHING, changed, act }
  }
  const hold = judgeHold(before, values, parts.allowance)
  const isWaitingOver =
    before.isRemovalWaiting || (before.isSuspensionWaiting && values.isEnabled !== false)
  const act = changed.length > 0 ? 'update' : 'keep'
  return { externalId, values, act, changed, hold, isWaitingOver, isUnknownGone: false }
}

function judgeHold(
  before: KnownPerson,
  values: PersonValues,
  allowance: Allowance,
): PersonVerdict['hold'] {
  if (values.isEnabled !== false) return before.isHeld ? 'lift' : 'keep'
  if (before.isHeld || before.isSuspensionWaiting || before.isDisabledByUs) return 'keep'
  return allowance.take() ? 'set' : 'wait'
}
