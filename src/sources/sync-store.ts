import type { GroupVerdict, KnownGroup } from './judge-groups.ts'
import type { ImportScope, Known, PersonVerdict } from './judge-people.ts'
import type { ExternalId, SourceItem, Stream } from './source.ts'
import type { HoldingsStore } from './verify.ts'

export type SourceState = 'active' | 'paused' | 'quarantined'

/** Where the next delta round of a stream begins. */
export interface StreamToken {
  readonly deltaLink: string
  readonly fingerprint: string
  readonly generation: number
  /** A delta cannot tell all that is to be known: read everything. */
  readonly needsFull: boolean
  /** Delta is best effort: everything of the stream was last read whole too long ago, or never. */
  readonly isFullDue: boolean
  readonly confirmedAtMs: number
}

export interface Round {
  readonly id: string
  readonly sourceId: string
  readonly stream: Stream
  readonly mode: 'delta' | 'full'
  readonly fingerprint: string
  /** Objects seen by a full round carry its number; those with an older one have disappeared. */
  readonly generation: number
}

/** What was found of a whole answer. Found once: while it is applied, what it is held against changes. */
export interface Judgement {
  /** False: what the answer lacks is not removed but waits for an admin. */
  readonly isBelieved: boolean
  /** The answer was short of what the source says it has: read everything again. */
  readonly needsFull: boolean
  /** What an admin should know of it; null when all is as usual. */
  readonly note: string | null
}

export interface OpenRound extends Round {
  readonly state: 'fetching' | 'applying'
  /** As it was sealed with. */
  readonly judgement: Judgement
}

/** What one statement tells of a source before a run. */
export interface SyncState {
  readonly state: SourceState
  readonly tokens: Readonly<Partial<Record<Stream, StreamToken>>>
  readonly openRounds: readonly OpenRound[]
  /** Approved removals, newcomers, memberships or managers that are yet to be worked out. */
  readonly hasUnsettled: boolean
  /** The source was counted too long ago, or never. */
  readonly isVerificationDue: boolean
}

export interface PeopleBatch {
  readonly items: readonly SourceItem[]
  readonly known: Known
  /** Removals and suspensions the window still allows. */
  readonly allowed: number
}

export interface GroupBatch {
  readonly items: readonly SourceItem[]
  readonly known: ReadonlyMap<ExternalId, KnownGroup>
  readonly allowed: number
}

export type JudgePeople = (batch: PeopleBatch) => readonly PersonVerdict[]
export type JudgeGroups = (batch: GroupBatch) => readonly GroupVerdict[]

/** How many objects or edges something happened to. */
export interface SyncCounts {
  readonly created: number
  readonly updated: number
  readonly restored: number
  readonly removed: number
  readonly suspended: number
  readonly resumed: number
  readonly membersAdded: number
  readonly membersRemoved: number
  /** Removals and suspensions that wait for approval. */
  readonly waiting: number
  /** People who are new in the source, and stay outside until somebody chooses them. */
  readonly proposed: number
  /** Of those created: they are active at once, as a rule says. */
  readonly activated: number
}

export const NO_COUNTS: SyncCounts = {
  created: 0,
  updated: 0,
  restored: 0,
  removed: 0,
  suspended: 0,
  resumed: 0,
  membersAdded: 0,
  membersRemoved: 0,
  waiting: 0,
  proposed: 0,
  activated: 0,
}

export function addCounts(a: SyncCounts, b: Partial<SyncCounts>): SyncCounts {
  const sum = { ...a }
  for (const name of Object.keys(NO_COUNTS) as (keyof SyncCounts)[]) sum[name] += b[name] ?? 0
  return sum
}

/** One transaction's work; null from a step means that it had nothing left to do. */
export interface BatchResult {
  readonly counts: Partial<SyncCounts>
  /** Items done, for progress. */
  readonly items: number
}

/** What the staged answers leave blank. */
export interface Blanks {
  /** Of the people who live here and are named: who would lose UPN or display name. */
  readonly blanked: number
  readonly known: number
  /** Of all who are named: whose account is neither enabled nor disabled. */
  readonly unsaid: number
  readonly told: number
}

export interface Disappearance {
  /** Objects the staged answers name. */
  readonly seen: number
  readonly known: number
  readonly missing: number
  /** What the window allows of removals just now. */
  readonly allowed: number
}

/**
 * Where the engine keeps what it has read and applies what was decided. Each method that changes
 * something is one transaction within the budgets, and may be repeated after a crash.
 *
 * @throws {DirectoryError} `DIRECTORY_UNAVAILABLE`; `DIRECTORY_CONFLICT` when another process took over
 */
export interface StreamReport {
  readonly stream: Stream
  /** `nothing` when the source had nothing new. */
  readonly mode: 'nothing' | 'delta' | 'full'
  readonly counts: SyncCounts
  readonly items: number
  readonly pages: number
  /** What an admin should know of this round; null when all went as usual. */
  readonly note: string | null
  readonly examples: readonly PreviewExample[]
}

export interface LastRound {
  readonly startedAtMs: number
  readonly durationMs: number
  readonly isGood: boolean
  readonly isHinted: boolean
}

/** What of a source's health all daemons can know. */
export interface KeptHealth {
  readonly lastSuccessAtMs: number | null
  /** When the last round began, well or not, and how long it took; null before the first. */
  readonly lastRound: LastRound | null
  /** Null while one runs. */
  readonly nextRoundAtMs: number | null
  /** Faults since a round last ended well. */
  readonly faultsInRow: number
  readonly lastReports: readonly StreamReport[]
  /** What went wrong last; null once it went right again. */
  readonly lastError: string | null
  readonly nextStep: string | null
}

export interface SyncStore extends HoldingsStore {
  readState(sourceId: string): Promise<SyncState>
  /** Of the last round, for the other daemons. */
  keepHealth(sourceId: string, health: KeptHealth): Promise<void>
  /** A round that brought nothing: the new link takes the place of `from`, if that is still there. */
  confirmToken(
    sourceId: string,
    stream: Stream,
    links: { readonly from: string; readonly to: string },
  ): Promise<void>

  openRound(round: Omit<Round, 'id'>): Promise<Round>
  stagePage(round: Round, page: number, items: readonly SourceItem[]): Promise<void>
  /** Everything is here: from now on the round is applied, and after a crash resumed. */
  sealRound(
    round: Round,
    end: { readonly deltaLink: string; readonly judgement: Judgement },
  ): Promise<void>
  abandonRound(round: Round, why: string): Promise<void>
  /** Commits the delta token; the last step of a round. */
  finishRound(round: Round, counts: SyncCounts): Promise<void>

  countBlanked(round: Round): Promise<Blanks>
  /** Of the objects that live here, how many the staged answers do not name. */
  readDisappearance(round: Round): Promise<Disappearance>
  /**
   * The next batch of staged items. When somebody came back, or is new to us though not to the
   * source, the groups' token is marked: their memberships are news that no delta will bring.
   */
  applyPeople(round: Round, judge: JudgePeople): Promise<BatchResult | null>
  applyGroups(round: Round, judge: JudgeGroups): Promise<BatchResult | null>
  /** After a full round: candidates of an older generation. They are in no use, and just go. */
  sweepCandidates(round: Round): Promise<BatchResult | null>
  /** After a full round: objects, or edges, of an older generation. `isBelieved` false: all wait. */
  sweepObjects(round: Round, options: { readonly isBelieved: boolean }): Promise<BatchResult | null>
  sweepMembers(round: Round, options: { readonly isBelieved: boolean }): Promise<BatchResult | null>
  /** Approved removals, then memberships and managers that could not be worked out on the way. */
  applyApproved(sourceId: string): Promise<BatchResult | null>
  /** Candidates whom the source's rules, or its policy, take in by now. */
  admitNewcomers(sourceId: string, scope: ImportScope): Promise<BatchResult | null>
  settleEdges(sourceId: string): Promise<BatchResult | null>
  settleManagers(sourceId: string): Promise<BatchResult | null>

  /** What a round would do, without doing it. Reads a batch after `afterSeq`; null at the end. */
  previewPeople(round: Round, afterSeq: number, judge: JudgePeople): Promise<Preview | null>
  previewGroups(round: Round, afterSeq: number, judge: JudgeGroups): Promise<Preview | null>

  /** What a round has found. A paused source stays paused: only an admin ends that. */
  setState(
    sourceId: string,
    state: Exclude<SourceState, 'paused'>,
    reason: string | null,
  ): Promise<void>
  /** A sound full answer: a quarantined source is active again, a paused one stays paused. */
  liftQuarantine(sourceId: string): Promise<void>
  /** Deletes what was staged more than seven days ago, a slice at a time; false when nothing is left. */
  pruneStaging(sourceId: string): Promise<boolean>
}

export interface Preview {
  readonly lastSeq: number
  readonly counts: Partial<SyncCounts>
  /** Names of people and groups, for an admin to recognise. */
  readonly examples: readonly PreviewExample[]
}

export interface PreviewExample {
  readonly act: 'create' | 'update' | 'restore' | 'remove' | 'suspend' | 'wait'
  readonly name: string
}
