import type { AuthEvent } from './auth-event.ts'

/** What becomes one row: a single answer, or several alike with their number. */
export interface AuthEventRow extends AuthEvent {
  /** Answers the row stands for, 1 or more. */
  readonly count: number
  /** The last of them; `atMs` is the first. */
  readonly lastAtMs: number
}

export interface AuthEventBatch {
  /** The same at each repetition, so that a write whose outcome was unknown is not made twice. */
  readonly id: string
  /** In the order in which they are to be read. */
  readonly rows: readonly AuthEventRow[]
}

/** Where batches end up; storage implements it. */
export interface AuthEventWriter {
  /** All rows or none; throws when they are not safely written. */
  write(batch: AuthEventBatch): Promise<void>
}
