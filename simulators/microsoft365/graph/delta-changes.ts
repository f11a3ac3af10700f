import type { DirectoryRecord, View } from '../tenant/record.ts'
import type { Round } from './delta-token.ts'
import { DEFAULT_GROUP_SELECT, DEFAULT_USER_SELECT } from './select.ts'

export interface RecordChanges {
  /** New to the reader, or back from the dead: everything is told. */
  readonly isWhole: boolean
  /** The object itself came, went or returned. */
  readonly hasMoved: boolean
  readonly properties: ReadonlySet<string>
  readonly hasEdges: boolean
}

/** What happened to an object within a round's span, as far as the view goes. */
export function changesOf(record: DirectoryRecord, round: Round, view: View): RecordChanges {
  const { since } = round
  const properties = new Set<string>()
  if (since === null) return { isWhole: true, hasMoved: true, properties, hasEdges: true }
  let hasMoved = false
  let stateBefore: string | null = null
  for (const version of record.versions) {
    if (version.seq > since && view.sees(version.seq)) {
      if (version.state !== stateBefore) hasMoved = true
      for (const name of version.changed) properties.add(name)
    }
    stateBefore = version.state
  }
  const hasEdges = record.edges.some((event) => event.seq > since && view.sees(event.seq))
  return { isWhole: hasMoved, hasMoved, properties, hasEdges }
}

/** Only selected properties are tracked: a change of others is no reason to tell. */
export function isTold(round: Round, changes: RecordChanges): boolean {
  if (changes.hasMoved) return true
  const select = trackedNames(round)
  if (changes.hasEdges && select.includes('members')) return true
  return select.some((name) => changes.properties.has(name))
}

/** Names a round tracks, relationships such as `members` and `manager` among them. */
export function trackedNames(round: Round): readonly string[] {
  if (round.select !== null) return round.select
  return round.kind === 'user' ? DEFAULT_USER_SELECT : [...DEFAULT_GROUP_SELECT, 'members']
}
