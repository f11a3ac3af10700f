import { DirectoryError } from '../directory/errors.ts'
import type { Service } from '../lifecycle.ts'
import { Turns } from '../turns.ts'
import { drain } from './drain.ts'
import type { ImportSession, ImportStore } from './import.ts'
import type { SyncStore } from './sync-store.ts'

/** So often a leader looks for runs that another daemon was asked for, or that one left half done. */
const INTERVAL_MS = 2_000

export interface ImportsParts {
  readonly store: ImportStore
  readonly sync: Pick<SyncStore, 'settleManagers' | 'settleEdges'>
  /** Only one daemon of many runs imports. */
  readonly isLeader: () => boolean
  readonly onEnded?: (session: ImportSession) => void
  readonly onFault?: (id: string, error: unknown) => void
  readonly intervalMs?: number
}

/**
 * Carries out the imports that admins have let begin. All it knows of one is in the database: a run
 * that is cut off at any point is gone on with by whoever leads next.
 */
export class Imports implements Service {
  readonly name = 'imports'
  readonly #parts: ImportsParts
  readonly #turns: Turns

  constructor(parts: ImportsParts) {
    this.#parts = parts
    this.#turns = new Turns({
      work: () => this.#look(),
      // The database is away, as others tell; the next look finds what this one did not.
      onFault: () => undefined,
      firstMs: 0,
      everyMs: parts.intervalMs ?? INTERVAL_MS,
    })
  }

  async start(): Promise<void> {
    this.#turns.start()
  }

  stop(): Promise<void> {
    return this.#turns.stop()
  }

  /** A run was let begin just now. */
  wake(): void {
    this.#turns.wake()
  }

  async #look(): Promise<void> {
    if (!this.#parts.isLeader()) return
    for (const { id, sourceId } of await this.#parts.store.running()) await this.#run(id, sourceId)
  }

  async #run(id: string, sourceId: string): Promise<void> {
    const { store, sync, onEnded, onFault } = this.#parts
    const { signal } = this.#turns
    try {
      while (await store.runBatch(id)) signal.throwIfAborted()
      await drain(() => sync.settleManagers(sourceId), signal)
      await drain(() => sync.settleEdges(sourceId), signal)
      await store.finish(id)
    } catch (error) {
      if (signal.aborted || isPassing(error)) return
      onFault?.(id, error)
      await store.fail(id, error instanceof Error ? error.message : String(error))
    }
    onEnded?.(await store.session(id))
  }
}

/** Another daemon is at it, the database is away for a while, or an admin has ended it. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof DirectoryError)) return false
  return error.code !== 'DIRECTORY_REFUSED'
}
