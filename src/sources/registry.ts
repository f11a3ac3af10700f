import type { Actor } from '../directory/ports/people.ts'
import type { TokenFiles } from './microsoft365/token-file.ts'
import type { SourceIdentity } from './source.ts'
import type { KeptHealth, SourceState } from './sync-store.ts'
import type { Verification } from './verify.ts'

/** A connected source as it is kept, without its secret. */
export interface StoredSource {
  readonly id: string
  readonly kind: string
  readonly name: string
  /** Its kind's own; each kind parses it. */
  readonly config: unknown
  /** Another one after each change of configuration or secret, not of state. */
  readonly revision: string
  readonly state: SourceState
  readonly stateReason: string | null
  readonly waitingRemovals: number
  /** What was counted last, and when; null before. */
  readonly verification: { readonly atMs: number; readonly streams: Verification } | null
  /** When its answers were last complete, over all streams; null before the first import. */
  readonly confirmedAtMs: number | null
  /** Of the last round, of whatever daemon; null before the first. */
  readonly kept: KeptHealth | null
  /** A round is open, on whatever daemon. */
  readonly isReading: boolean
}

export interface NewSource {
  readonly kind: string
  readonly name: string
  readonly config: unknown
  /** Kept sealed. */
  readonly secret: Buffer
  /** Proven by signing in; the first source's domain becomes the directory's. */
  readonly identity: SourceIdentity
  /** A paused one is read for a dry run only. */
  readonly state: 'active' | 'paused'
}

export interface WaitingRemoval {
  readonly kind: 'person' | 'group' | 'membership' | 'suspension'
  readonly externalId: string
  readonly groupExternalId: string | null
  /** Our name of whom it is about. */
  readonly subject: string
  readonly group: string | null
  readonly sinceMs: number
}

/** What waits for an admin's word: a page of it, and what an approval of all of it names. */
export interface Waiting {
  readonly count: number
  /** Since when the last of them waits; null when nothing does. Compared, never calculated with. */
  readonly until: string | null
  readonly removals: readonly WaitingRemoval[]
}

export interface Page {
  readonly limit: number
  readonly offset: number
}

/** What an admin has looked at: so many, of those that waited at that moment. */
export interface Seen {
  readonly count: number
  readonly until: string
}

/**
 * Which sources there are.
 *
 * @throws {DirectoryError} `DIRECTORY_REFUSED` for a name or a tenant that is connected already,
 *   `DIRECTORY_CONFLICT`, `DIRECTORY_NOT_FOUND`, `DIRECTORY_UNAVAILABLE`
 */
export interface SourceRegistry {
  /** What a source may sign in with in place of a secret, as this daemon's configuration says. */
  readonly tokenFiles: TokenFiles
  list(): Promise<readonly StoredSource[]>
  find(nameOrId: string): Promise<StoredSource | null>
  readSecret(source: StoredSource): Promise<Buffer>
  /** @returns the new source's id */
  connect(source: NewSource, actor: Actor): Promise<string>
  /** Takes the place of what the source signs in with; of the configuration, what changes. */
  replaceSecret(
    sourceId: string,
    change: Pick<NewSource, 'config' | 'secret'>,
    actor: Actor,
  ): Promise<void>
  /** Changes what is kept of it beside its secret; the journal calls it `decision`. */
  configure(
    sourceId: string,
    change: {
      /** What of it changes; the rest stays. */
      readonly config: object
      /** Nothing was written there until now. */
      readonly startsPushing: boolean
      readonly decision: `source.${string}`
      readonly detail: Readonly<Record<string, unknown>>
    },
    actor: Actor,
  ): Promise<void>
  /** No round begins until it is resumed, whatever a round that is under way finds. */
  pause(sourceId: string, actor: Actor): Promise<void>
  /** A paused source is active again; any other stays as it is. */
  resume(sourceId: string, actor: Actor): Promise<void>
  readWaiting(sourceId: string, page: Page): Promise<Waiting>
  /**
   * Approves what was seen, and nothing that came after it; the next run, or `applyApproved`,
   * carries it out.
   *
   * @throws {DirectoryError} `DIRECTORY_CONFLICT` when what waited then are no longer so many
   */
  approve(sourceId: string, seen: Seen, actor: Actor): Promise<number>
  /** Keeps them: they are asked about again only if the source says so again. */
  reject(sourceId: string, actor: Actor): Promise<number>
}
