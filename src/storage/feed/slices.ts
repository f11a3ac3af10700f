import { setImmediate as yieldToLoop } from 'node:timers/promises'
import type { AnyChange } from '../../directory/change.ts'
import type { Follower } from '../../directory/directory.ts'

/** Longest a follower may keep the event loop at a time. */
const SLICE_MS = 5
const FIRST_SLICE = 64
const LARGEST_SLICE = 2_048

/**
 * Hands changes to whoever follows their kind, in slices that let the event loop breathe in between.
 * Their size follows from how long the last one took.
 */
export class Slices {
  #size = FIRST_SLICE

  async apply(followers: readonly Follower[], changes: readonly AnyChange[]): Promise<void> {
    for (let from = 0; from < changes.length; ) {
      const slice = changes.slice(from, from + this.#size)
      from += slice.length
      const startedAtMs = performance.now()
      for (const follower of followers) {
        const wanted = slice.filter((change) => follows(follower, change))
        if (wanted.length > 0) follower.apply(wanted)
      }
      this.#adapt(performance.now() - startedAtMs)
      if (from < changes.length) await yieldToLoop()
    }
  }

  #adapt(tookMs: number): void {
    if (tookMs > SLICE_MS) this.#size = Math.max(1, this.#size >> 1)
    else if (tookMs < SLICE_MS / 2) this.#size = Math.min(LARGEST_SLICE, this.#size << 1)
  }
}

export function follows(follower: Follower, change: AnyChange): boolean {
  return follower.kinds.includes(change.kind === 'members' ? 'membership' : change.kind)
}
