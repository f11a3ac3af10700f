import type { Actor } from '../directory/ports/people.ts'
import type { Stream } from './source.ts'
import type { StepwiseWork } from './unfinished.ts'

/** A round that has ended, for whoever looks what it did. */
export interface EndedRound {
  readonly id: string
  readonly stream: Stream
  readonly mode: 'delta' | 'full' | 'undo'
  readonly finishedAtMs: number
  readonly counts: Readonly<Record<string, number>>
  readonly note: string | null
  /** The round it took back; null for one that read the source. */
  readonly undoes: string | null
  /** What is kept of it, to be taken back; 0 when nothing is, or no longer. */
  readonly changes: number
}

/** What an undo does, or would do, with how many of a round's changes. */
export interface UndoCounts {
  readonly attributes: number
  readonly deleted: number
  readonly restored: number
  readonly held: number
  readonly freed: number
  readonly membersAdded: number
  readonly membersRemoved: number
  /** Left as it is, since it was changed after the round. */
  readonly kept: number
}

export const NO_UNDO: UndoCounts = {
  attributes: 0,
  deleted: 0,
  restored: 0,
  held: 0,
  freed: 0,
  membersAdded: 0,
  membersRemoved: 0,
  kept: 0,
}

export interface UndoOutlook {
  readonly round: string
  readonly source: string
  readonly stream: Stream
  readonly counts: UndoCounts
  /** Some of those that are kept, and why. */
  readonly kept: readonly { readonly name: string; readonly why: string }[]
}

export type UndoBegun =
  | { readonly ok: true; readonly undo: string }
  /** So many of all are taken out or held, more than go unasked, and not as many as were said. */
  | { readonly ok: false; readonly affected: number; readonly all: number }

/**
 * Takes rounds back. Each method that changes something is one transaction within the budgets, and
 * may be repeated after a crash, by any daemon.
 *
 * @throws {DirectoryError} `DIRECTORY_NOT_FOUND`, `DIRECTORY_CONFLICT`, `DIRECTORY_REFUSED`,
 *   `DIRECTORY_UNAVAILABLE`
 */
export interface UndoStore extends StepwiseWork {
  rounds(sourceId: string, limit: number): Promise<readonly EndedRound[]>
  outlook(roundId: string): Promise<UndoOutlook>
  /** Pauses the source, which would else tell the same again, and begins a round that takes this one back. */
  begin(
    undo: { readonly roundId: string; readonly count: number | null },
    actor: Actor,
  ): Promise<UndoBegun>
  counts(undoId: string): Promise<UndoCounts>
}
