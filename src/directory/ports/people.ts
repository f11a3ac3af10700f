import type { EditableAttribute, Edits } from '../attributes.ts'
import type { Group } from '../group.ts'
import type { HoldReason } from '../hold.ts'
import type { GroupId, PrincipalId } from '../id.ts'
import type { Person } from '../person.ts'

/** Who does something, and in whose name it goes to the journal. */
export interface Actor {
  /** `admin:<username>`, `service:<name>`, `source:<id>`, `cli`, `system` */
  readonly name: string
  /** Why, in the actor's own words; null when none were given. */
  readonly reason: string | null
}

/**
 * Commands on people. Each is one transaction with its journal rows, idempotent, and resolves to
 * the journal number up to which a reader must be to see it (null when nothing changed).
 *
 * @throws {DirectoryError} `DIRECTORY_NOT_FOUND`, `DIRECTORY_REFUSED`, `DIRECTORY_CONFLICT`,
 *   `DIRECTORY_UNAVAILABLE`
 */
export interface PeopleStore {
  read(id: PrincipalId): Promise<Person | null>
  activate(ids: readonly PrincipalId[], actor: Actor): Promise<Written>
  /** Sets the hold, or leaves it when it is there. */
  hold(ids: readonly PrincipalId[], reason: HoldReason, options: HoldOptions): Promise<Written>
  release(ids: readonly PrincipalId[], reason: HoldReason, actor: Actor): Promise<Written>
  rename(id: PrincipalId, username: string, actor: Actor): Promise<Written>
  /** Changes attributes; from then on they are mastered here, whatever a source says. */
  edit(id: PrincipalId, edits: Edits, actor: Actor): Promise<Written>
  /** Gives attributes back to the source, whose last word holds again. */
  yield(id: PrincipalId, attributes: readonly EditableAttribute[], actor: Actor): Promise<Written>
  setSshPublicKeys(id: PrincipalId, keys: readonly string[], actor: Actor): Promise<Written>
  /** Notes that an admin had failed tries forgotten; the counts themselves are kept elsewhere. */
  noteUnlock(id: PrincipalId, failures: number, actor: Actor): Promise<Written>
}

export interface HoldOptions {
  readonly actor: Actor
  readonly note: string | null
}

export interface Written {
  /** How many entities changed. */
  readonly changed: number
  /**
   * A token for {@link FollowWrites.reached}; null when nothing changed. On PostgreSQL the number
   * is known only once stamped, so this is an opaque id of the writing transaction's last row.
   */
  readonly inboxSeq: bigint | null
}

export interface GroupStore {
  read(id: GroupId): Promise<Group | null>
  create(
    group: {
      readonly name: string
      readonly displayName: string
      readonly description: string | null
    },
    actor: Actor,
  ): Promise<Written & { readonly id: GroupId }>
  remove(id: GroupId, actor: Actor): Promise<Written>
  /** Direct members of a static group. A mirrored group refuses: its source masters it. */
  addMembers(id: GroupId, members: readonly string[], actor: Actor): Promise<Written>
  removeMembers(id: GroupId, members: readonly string[], actor: Actor): Promise<Written>
}
