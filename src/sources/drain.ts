import { addCounts, type BatchResult, NO_COUNTS, type SyncCounts } from './sync-store.ts'

/** Repeats a step until it has nothing left to do. Stopping between two of them loses nothing. */
export async function drain(
  step: () => Promise<BatchResult | null>,
  signal: AbortSignal,
  onDone: (items: number) => void = () => {},
): Promise<SyncCounts> {
  let counts = NO_COUNTS
  let items = 0
  for (;;) {
    signal.throwIfAborted()
    const result = await step()
    if (result === null) return counts
    counts = addCounts(counts, result.counts)
    items += result.items
    onDone(items)
  }
}
