import { Allowance } from './guard.ts'
import { judgeGroups } from './judge-groups.ts'
import { type ImportScope, judgePeople } from './judge-people.ts'
import {
  addCounts,
  type Disappearance,
  type Judgement,
  NO_COUNTS,
  type Preview,
  type PreviewExample,
  type Round,
  type SyncCounts,
  type SyncStore,
} from './sync-store.ts'

/** Names shown of a dry run, for each kind of change. */
const MAX_EXAMPLES = 50

export interface RoundPreview {
  readonly counts: SyncCounts
  readonly examples: readonly PreviewExample[]
}

/**
 * What a staged round would do, batch by batch, with nothing changed. All batches share what the
 * window allows, as they would when they are applied.
 */
export async function previewRound(
  store: Pick<SyncStore, 'previewPeople' | 'previewGroups'>,
  round: Round,
  parts: {
    readonly disappearance: Disappearance
    readonly judgement: Judgement
    readonly scope: ImportScope
  },
): Promise<RoundPreview> {
  const { judgement, scope } = parts
  const { missing, allowed } = parts.disappearance
  const allowance = new Allowance(allowed)
  const next = (after: number): Promise<Preview | null> =>
    round.stream === 'people'
      ? store.previewPeople(round, after, ({ items, known }) =>
          judgePeople(items, known, { scope, allowance }),
        )
      : store.previewGroups(round, after, ({ items, known }) =>
          judgeGroups(items, known, allowance),
        )
  let counts = NO_COUNTS
  const examples: PreviewExample[] = []
  for (let preview = await next(0); preview !== null; preview = await next(preview.lastSeq)) {
    counts = addCounts(counts, preview.counts)
    for (const example of preview.examples) {
      const alike = examples.filter(({ act }) => act === example.act).length
      if (alike < MAX_EXAMPLES) examples.push(example)
    }
  }
  if (round.mode === 'delta') return { counts, examples }
  const removed = judgement.isBelieved ? allowance.takeUpTo(missing) : 0
  return { counts: addCounts(counts, { removed, waiting: missing - removed }), examples }
}
