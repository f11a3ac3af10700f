import { DirectoryError } from '../directory/errors.ts'
import type { Service } from '../lifecycle.ts'
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
  readonly #stopping = new AbortController()
  #turn: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | null = null

  constructor(parts: ImportsParts) {
    this.#parts = parts
  }

  start(): Promise<void> {
    this.#schedule(0)
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the daemon is stopping'))
    if (this.#timer) clearTimeout(this.#timer)
    await this.#turn
  }

  /** A run was let begin just now. */
  wake(): void {
    if (this.#timer) this.#schedule(0)
  }

  #schedule(delayMs: number): void {
    if (this.#timer) clearTimeout(this.#timer)
    if (this.#stopping.signal.aborted) return
    this.#timer = setTimeout(() => {
      this.#turn = this.#turn.then(() => this.#tick())
    }, delayMs)
    this.#timer.unref()
  }

  async #tick(): Promise<void> {
    try {
      if (this.#parts.isLeader()) {
        for (const { id, sourceId } of await this.#parts.store.running())
          await this.#run(id, sourceId)
      }
    } catch {
      // The database is away, as others tell; the next look finds what this one did not.
    } finally {
      this.#schedule(this.#parts.intervalMs ?? INTERVAL_MS)
    }
  }

  async #run(id: string, sourceId: string): Promise<void> {
    const { store, sync, onEnded, onFault } = this.#parts
    const { signal } = this.#stopping
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
