import type { Actor } from '../directory/ports/people.ts'
import type { SourceIdentity } from './source.ts'
import type { SourceState } from './sync-store.ts'

/** A connected source as it is kept, without its secret. */
export interface StoredSource {
  readonly id: string
  readonly kind: string
  readonly name: string
  /** Its kind's own; each kind parses it. */
  readonly config: unknown
  readonly state: SourceState
  readonly stateReason: string | null
  readonly waitingRemovals: number
  /** When its answers were last complete, over all streams; null before the first import. */
  readonly confirmedAtMs: number | null
  readonly lastFullAtMs: number | null
}

export interface NewSource {
  readonly kind: string
  readonly name: string
  readonly config: unknown
  /** Kept sealed. */
  readonly secret: Buffer
  /** Proven by signing in; the first source's domain becomes the directory's. */
  readonly identity: SourceIdentity
}

export interface WaitingRemoval {
  readonly kind: 'person' | 'group' | 'membership' | 'suspension'
  readonly externalId: string
  readonly groupExternalId: string | null
  /** Our name of whom it is about. */
  readonly subject: string
  readonly group: string | null
  readonly sinceMs: number
  readonly isApproved: boolean
}

/**
 * Which sources there are.
 *
 * @throws {DirectoryError} `DIRECTORY_REFUSED` for a name or a tenant that is connected already,
 *   `DIRECTORY_NOT_FOUND`, `DIRECTORY_UNAVAILABLE`
 */
export interface SourceRegistry {
  list(): Promise<readonly StoredSource[]>
  find(nameOrId: string): Promise<StoredSource | null>
  readSecret(source: StoredSource): Promise<Buffer>
  /** @returns the new source's id */
  connect(source: NewSource, actor: Actor): Promise<string>
  listWaiting(sourceId: string): Promise<readonly WaitingRemoval[]>
  /** Approves all that waits now; the next run, or `applyApproved`, carries it out. */
  approve(sourceId: string, actor: Actor): Promise<number>
  /** Keeps them: they are asked about again only if the source says so again. */
  reject(sourceId: string, actor: Actor): Promise<number>
}
