import type { Edits, MasteredName } from '../attributes.ts'
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
 *   `DIRECTORY_UNAVAILABLE`; `DIRECTORY_APPROVAL_NEEDED` where more lose their access than go unasked
 */
export interface PeopleStore {
  read(id: PrincipalId): Promise<Person | null>
  activate(ids: readonly PrincipalId[], actor: Actor): Promise<Written>
  /** Sets the hold, or leaves it when it is there. */
  hold(ids: readonly PrincipalId[], reason: HoldReason, options: HoldOptions): Promise<Written>
  release(ids: readonly PrincipalId[], reason: HoldReason, actor: Actor): Promise<Written>
  /** Makes tombstones of them, whatever a source says, until they are restored here. */
  delete(ids: readonly PrincipalId[], actor: Actor, options?: Meant): Promise<Written>
  /**
   * Lets one list of several commands be one decision: those that follow, of the same actor, find
   * their people counted. Nothing else is done.
   */
  allowCutOffs(whom: CutOffList, actor: Actor, count: Meant['count']): Promise<void>
  /** Brings back, as they were, those who were deleted here; within their grace. */
  restore(ids: readonly PrincipalId[], actor: Actor): Promise<Written>
  /** The dead whose grace is not over, the latest first; `name` in its folded form, or an id. */
  deleted(filter: {
    readonly name: string | null
    readonly limit: number
  }): Promise<readonly DeletedPerson[]>
  /** Neither suspended nor deleted from then on, unless named for it. */
  protect(ids: readonly PrincipalId[], isProtected: boolean, actor: Actor): Promise<Written>
  setDate(
    id: PrincipalId,
    date: NewDate,
    actor: Actor,
    options?: Pick<Meant, 'count'>,
  ): Promise<Written>
  cancelDate(id: PrincipalId, act: DatedAct, actor: Actor): Promise<Written>
  /** Of everybody, the next first. */
  dates(limit: number): Promise<readonly (LifecycleDate & { readonly username: string })[]>
  /** What people are bound to elsewhere. */
  ties(ids: readonly PrincipalId[]): Promise<ReadonlyMap<PrincipalId, Ties>>
  rename(id: PrincipalId, username: string, actor: Actor): Promise<Written>
  /** Changes attributes; from then on they are mastered here, whatever a source says. */
  edit(id: PrincipalId, edits: Edits, actor: Actor): Promise<Written>
  /** Gives attributes back to the source, whose last word holds again. */
  yield(id: PrincipalId, attributes: readonly MasteredName[], actor: Actor): Promise<Written>
  setSshPublicKeys(id: PrincipalId, keys: readonly string[], actor: Actor): Promise<Written>
  /** Notes that an admin had failed tries forgotten; the counts themselves are kept elsewhere. */
  noteUnlock(id: PrincipalId, failures: number, actor: Actor): Promise<Written>
}

/** What an actor has said about whom a command takes access from. */
export interface Meant {
  /** Protected people are meant as well; else they are refused. */
  readonly includesProtected?: boolean
  /**
   * How many lose their access by it and by what the actor did lately, where that is many; `'any'`
   * where nobody is to be asked.
   */
  readonly count?: number | 'any' | null
}

/** People who are to lose their access, by how. */
export interface CutOffList {
  readonly suspended: readonly PrincipalId[]
  readonly deleted: readonly PrincipalId[]
  /** At a date. */
  readonly leaving: readonly PrincipalId[]
}

export interface HoldOptions extends Meant {
  readonly actor: Actor
  readonly note: string | null
}

/** What a person is bound to outside of the directory, and what is decided about her. */
export interface Ties {
  /** Neither suspended nor deleted by a source, a date or a list of people. */
  readonly isProtected: boolean
  /** An administrator of Gatehouse who is the same human; that account goes on. */
  readonly administrator: string | null
  readonly accounts: readonly Account[]
  readonly dates: readonly LifecycleDate[]
}

/** An account where she comes from. */
export interface Account {
  readonly source: string
  /** What we may do there: `read`, `disable` or `write-back`. */
  readonly tier: string
  readonly isEnabled: boolean
  /** Mastered by a directory behind the source, through which it cannot be written. */
  readonly isOnPremises: boolean
  readonly isDisabledByUs: boolean
  /** Has something there that was bought, and is counted. */
  readonly isLicensed: boolean
}

/** What is to happen to somebody at a moment. */
export interface LifecycleDate {
  readonly act: DatedAct
  readonly atMs: number
  readonly setBy: string
  readonly reason: string | null
  /** Why it was not carried out when it was due; null while it is to come. */
  readonly refused: string | null
}

export interface NewDate {
  readonly act: DatedAct
  readonly atMs: number
}

export type DatedAct = 'activate' | 'suspend' | 'delete'

export interface DeletedPerson {
  readonly id: PrincipalId
  readonly username: string
  readonly displayName: string
  readonly deletedAtMs: number
  /** From then on nothing is known of her any more. */
  readonly restorableUntilMs: number
  /** The source that has deleted her, and may bring her back; null when it was done here. */
  readonly deletedBy: string | null
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

export type GroupMaster = 'here' | 'source'

export interface GroupMastery {
  readonly source: string
  readonly master: GroupMaster
}

export interface GroupPushes {
  /** Those not taken first. */
  readonly pushes: readonly PushedMember[]
  /** How many there are, shown or not. */
  readonly total: number
  /** Of them, how many wait to leave. */
  readonly held: number
}

/** What became of writing one membership where the group comes from. */
export interface PushedMember {
  readonly person: string
  /** What was wanted. */
  readonly isMember: boolean
  readonly status: string
  readonly reason: string | null
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
  /** Who decides on the people of a group of a source; null for another. */
  mastery(id: GroupId): Promise<GroupMastery | null>
  /** What was written of a group of a source. */
  pushes(id: GroupId, limit: number): Promise<GroupPushes>
  /** People of a mirrored group are decided on by its source, until somebody says: here. */
  setMaster(id: GroupId, master: GroupMaster, actor: Actor): Promise<Written>
  /** Lets removals go that were too many; `count` is how many were seen. */
  approveRemovals(id: GroupId, count: number, actor: Actor): Promise<Written>
  /** Direct members of a static group, or people of a mirrored one that is decided on here. */
  addMembers(id: GroupId, members: readonly string[], actor: Actor): Promise<Written>
  removeMembers(id: GroupId, members: readonly string[], actor: Actor): Promise<Written>
}
