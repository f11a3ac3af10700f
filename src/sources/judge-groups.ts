import type { Allowance } from './guard.ts'
import { changedNames, mergeValues } from './merge.ts'
import type { ExternalId, GroupValues, MemberChange, SourceItem } from './source.ts'

export interface KnownGroup {
  readonly values: GroupValues
  readonly isRemoved: boolean
  readonly isRemovalWaiting: boolean
}

export interface GroupVerdict {
  readonly externalId: ExternalId
  readonly act: 'ignore' | 'create' | 'keep' | 'update' | 'restore' | 'remove' | 'wait'
  readonly values: GroupValues
  readonly changed: readonly string[]
  /** The last word about each member. */
  readonly members: readonly MemberChange[]
  readonly isWaitingOver: boolean
  readonly isUnknownGone: boolean
}

/**
 * Decides what one batch of answers means for each group; members are judged apart, group by group,
 * by {@link judgeMemberRemovals}.
 */
export function judgeGroups(
  items: readonly SourceItem[],
  known: ReadonlyMap<ExternalId, KnownGroup>,
  allowance: Allowance,
): readonly GroupVerdict[] {
  return foldItems(items).map((told) => {
    const before = known.get(told.externalId) ?? null
    const { externalId, members } = told
    if (told.isGone) return judgeGone(externalId, before, allowance)
    const values = mergeValues(before?.values ?? {}, told.values)
    const changed = changedNames(before?.values ?? {}, values)
    return {
      externalId,
      values,
      changed,
      members: [...members.values()],
      act: actOf(before, changed),
      isWaitingOver: before?.isRemovalWaiting ?? false,
      isUnknownGone: false,
    }
  })
}

function actOf(before: KnownGroup | null, changed: readonly string[]): GroupVerdict['act'] {
  if (before === null) return 'create'
  if (before.isRemoved) return 'restore'
  return changed.length > 0 ? 'update' : 'keep'
}

interface Told {
  readonly externalId: ExternalId
  readonly values: GroupValues
  readonly members: ReadonlyMap<ExternalId, MemberChange>
  readonly isGone: boolean
}

function foldItems(items: readonly SourceItem[]): readonly Told[] {
  const folded = new Map<ExternalId, Told>()
  for (const item of items) {
    const { externalId } = item
    if (item.kind === 'person') continue
    const earlier = folded.get(externalId)
    const values = item.kind === 'group' ? mergeValues(earlier?.values ?? {}, item.values) : {}
    const members = new Map(earlier?.members)
    if (item.kind === 'group') for (const each of item.members) members.set(each.externalId, each)
    folded.set(externalId, { externalId, values, members, isGone: item.kind === 'gone' })
  }
  return [...folded.values()]
}

function judgeGone(
  externalId: ExternalId,
  before: KnownGroup | null,
  allowance: Allowance,
): GroupVerdict {
  const verdict = {
    externalId,
    values: before?.values ?? {},
    changed: [],
    members: [],
    isWaitingOver: false,
    isUnknownGone: before === null,
  }
  if (before === null || before.isRemoved) return { ...verdict, act: 'ignore' }
  if (before.isRemovalWaiting) return { ...verdict, act: 'keep' }
  return { ...verdict, act: allowance.take() ? 'remove' : 'wait' }
}
