import { DirectoryError } from '../directory/errors.ts'
import { drain } from './drain.ts'
import { Allowance, isAboutOthers, isBlanking, isFullAnswerSound, isShort } from './guard.ts'
import { judgeGroups } from './judge-groups.ts'
import { type ImportScope, judgePeople } from './judge-people.ts'
import { previewRound } from './preview-round.ts'
import { readStream, type StreamStep } from './read-stream.ts'
import { type Source, SourceError, type Stream } from './source.ts'
import {
  addCounts,
  type Disappearance,
  type GroupBatch,
  type Judgement,
  NO_COUNTS,
  type PeopleBatch,
  type Round,
  type StreamReport,
  type StreamToken,
  type SyncCounts,
  type SyncState,
  type SyncStore,
} from './sync-store.ts'

import { type Verification, verifySource } from './verify.ts'

const STREAMS: readonly Stream[] = ['people', 'groups']
/** A source that answers every full read with "read everything again" is not going to end. */
const MAX_RESTARTS = 3

export interface SyncProgress {
  readonly stream: Stream
  readonly phase: 'reading' | 'applying' | 'sweeping' | 'settling'
  /** Pages read, or items applied. */
  readonly done: number
  readonly items: number
}

export interface RunOptions {
  readonly signal: AbortSignal
  /** Read everything and compare, instead of what changed since. */
  readonly isFull?: boolean
  /** Tell what would happen, and change nothing. */
  readonly isDryRun?: boolean
  readonly onProgress?: (progress: SyncProgress) => void
}

/**
 * Brings one source's changes into the directory, round by round.
 *
 * A round reads pages into staging, is judged whole, and is applied in small transactions; the
 * source's token is kept with the last of them. It may be killed between any two statements: a round
 * that was being read is dropped and begun again from the old token, one that was being applied goes
 * on where it stopped.
 */
export class SyncEngine {
  readonly #source: Source
  readonly #store: SyncStore
  readonly #sourceId: string
  readonly #scope: ImportScope

  constructor(parts: {
    readonly source: Source
    readonly store: SyncStore
    readonly sourceId: string
    readonly scope: ImportScope
  }) {
    this.#source = parts.source
    this.#store = parts.store
    this.#sourceId = parts.sourceId
    this.#scope = parts.scope
  }

  /**
   * One round of each stream, people first.
   *
   * @throws {SourceError} when the source could not be read; nothing of the answer was used
   * @throws {DirectoryError} `DIRECTORY_UNAVAILABLE`, `DIRECTORY_CONFLICT`
   */
  async run(options: RunOptions): Promise<readonly StreamReport[]> {
    let state = await this.#store.readState(this.#sourceId)
    if (state.openRounds.length > 0 || state.hasUnsettled) {
      if (options.isDryRun === true) await this.#clearWay(state)
      else await this.#recover(state, options)
      state = await this.#store.readState(this.#sourceId)
    }
    const reports: StreamReport[] = []
    for (const stream of STREAMS) {
      const token = state.tokens[stream]
      const report = await this.#runStream(stream, token, options)
      reports.push(report)
      // Whoever came back is missing from the groups we know: read them whole right away.
      if (report.mode === 'nothing' || options.isDryRun === true) continue
      state = await this.#store.readState(this.#sourceId)
    }
    if (state.tokens.groups?.needsFull === true && options.isDryRun !== true) {
      reports.push(await this.#runStream('groups', state.tokens.groups, options))
    }
    const isSound = reports.every(({ note }) => note === null)
    if (isSound && state.state === 'quarantined' && options.isFull === true) {
      await this.#store.liftQuarantine(this.#sourceId)
    }
    return reports
  }

  /** A dry run changes nothing, so it cannot finish what an earlier run left half applied. */
  async #clearWay(state: SyncState): Promise<void> {
    if (state.openRounds.some((round) => round.state === 'applying')) {
      const why = 'a round that was cut off is half applied: let a sync finish it, then look again'
      throw new DirectoryError('DIRECTORY_CONFLICT', why)
    }
    await this.#abandonReading(state)
  }

  async #abandonReading(state: SyncState): Promise<void> {
    for (const round of state.openRounds) {
      if (round.state === 'fetching') {
        await this.#store.abandonRound(round, 'the daemon stopped while it was being read')
      }
    }
  }

  /** Finishes what an earlier run left behind, and what an admin has approved since. */
  async #recover(state: SyncState, options: RunOptions): Promise<void> {
    await this.#abandonReading(state)
    for (const round of state.openRounds) {
      if (round.state === 'applying') await this.#apply(round, round.judgement, options)
    }
    await drain(() => this.#store.applyApproved(this.#sourceId), options.signal)
    await this.#settle(options)
  }

  /** Counts what is there and what is here. */
  verify(signal: AbortSignal): Promise<Verification> {
    const parts = { source: this.#source, store: this.#store, sourceId: this.#sourceId }
    return verifySource(parts, signal)
  }

  /** Carries out approved removals now. */
  async applyApproved(signal: AbortSignal): Promise<SyncCounts> {
    const counts = await drain(() => this.#store.applyApproved(this.#sourceId), signal)
    await this.#settle({ signal })
    return counts
  }

  async #runStream(
    stream: Stream,
    token: StreamToken | undefined,
    options: RunOptions,
  ): Promise<StreamReport> {
    const fingerprint = this.#source.fingerprint(stream) + scopeFingerprint(stream, this.#scope)
    const isUsable = token?.fingerprint === fingerprint && !token.needsFull && !token.isFullDue
    let from = options.isFull !== true && isUsable ? token.deltaLink : null
    let mode: Round['mode'] = from === null ? 'full' : 'delta'
    for (let attempt = 0; attempt <= MAX_RESTARTS; attempt++) {
      const generation = (token?.generation ?? 0) + (mode === 'full' ? 1 : 0)
      const draft = { sourceId: this.#sourceId, stream, mode, fingerprint, generation }
      const fetched = await this.#fetch(draft, { from, isDelta: mode === 'delta' }, options)
      if (fetched.kind === 'nothing') return nothing(stream)
      if (fetched.kind === 'staged') return this.#conclude(fetched, options)
      if (fetched.kind === 'again') continue
      mode = 'full'
      from = fetched.link
    }
    throw new SourceError(
      'SOURCE_NONSENSE',
      'the source asked to begin again each time everything was read; nothing changed',
    )
  }

  /** Reads a whole round into staging. An empty delta costs one statement and leaves no round. */
  async #fetch(
    draft: Omit<Round, 'id'>,
    start: { readonly from: string | null; readonly isDelta: boolean },
    options: RunOptions,
  ): Promise<Fetched> {
    const steps = readStream(this.#source, draft.stream, start.from, { signal: options.signal })
    const first = await steps.next()
    if (first.done === true) throw new SourceError('SOURCE_NONSENSE', 'the source gave no answer')
    const restart = restartOf(first.value)
    if (restart) return restart
    const { value } = first
    if (start.isDelta && start.from !== null && value.kind === 'end' && value.items.length === 0) {
      if (options.isDryRun !== true) {
        const links = { from: start.from, to: value.deltaLink }
        await this.#store.confirmToken(draft.sourceId, draft.stream, links)
      }
      return { kind: 'nothing' }
    }
    const round = await this.#store.openRound(draft)
    try {
      return await this.#stage(round, prepend(value, steps), options)
    } catch (error) {
      await this.#store.abandonRound(round, describe(error)).catch(() => {})
      throw error
    }
  }

  async #stage(
    round: Round,
    steps: AsyncIterable<StreamStep>,
    options: RunOptions,
  ): Promise<Fetched> {
    let pages = 0
    let items = 0
    for await (const step of steps) {
      const restart = restartOf(step)
      if (restart) {
        await this.#store.abandonRound(round, 'the source asked to begin again')
        return restart
      }
      if (step.kind !== 'page' && step.kind !== 'end') continue
      pages += 1
      items += step.items.length
      await this.#store.stagePage(round, pages, step.items)
      options.onProgress?.({ stream: round.stream, phase: 'reading', done: pages, items })
      if (step.kind === 'end')
        return { kind: 'staged', round, deltaLink: step.deltaLink, pages, items }
    }
    throw new SourceError('SOURCE_NONSENSE', 'the pages ended without a token')
  }

  async #conclude(fetched: Staged, options: RunOptions): Promise<StreamReport> {
    const { round, pages, items } = fetched
    await this.#refuseNonsense(round)
    if (options.isDryRun === true) return this.#preview(fetched, options.signal)
    const judgement =
      round.mode === 'full'
        ? await this.#judgeWhole(round, await this.#store.readDisappearance(round), options.signal)
        : SOUND
    await this.#store.sealRound(round, { deltaLink: fetched.deltaLink, judgement })
    const counts = await this.#apply(round, judgement, options)
    const { note } = judgement
    return { stream: round.stream, mode: round.mode, counts, items, pages, note, examples: [] }
  }

  /**
   * What no tenant says of itself, though each object of it can be read.
   *
   * @throws {SourceError} `SOURCE_NONSENSE`; the round is dropped, and nothing of it used
   */
  async #refuseNonsense(round: Round): Promise<void> {
    const why = await this.#nonsenseOf(round)
    if (why === null) return
    await this.#store.abandonRound(round, why)
    throw new SourceError('SOURCE_NONSENSE', `${why}; nothing was changed`)
  }

  async #nonsenseOf(round: Round): Promise<string | null> {
    if (round.stream === 'people') {
      const { blanked, known, unsaid, told } = await this.#store.countBlanked(round)
      if (isBlanking(blanked, known))
        return `the answer takes the names from ${blanked} of ${known} people`
      if (isBlanking(unsaid, told))
        return `the answer does not say of ${unsaid} of ${told} people whether their account is enabled: has the application lost a permission?`
    }
    if (round.mode !== 'full') return null
    const { seen, known, missing } = await this.#store.readDisappearance(round)
    if (!isAboutOthers(seen, known, missing)) return null
    return `the answer names ${seen} ${round.stream}, but none of the ${known} known: is it another tenant's?`
  }

  /** What the source says it has; no count is no reason to stop. */
  async #count(stream: Stream, signal: AbortSignal): Promise<number | null> {
    try {
      return await this.#source.count(stream, signal)
    } catch (error) {
      if (error instanceof SourceError) return null
      throw error
    }
  }

  /** Everything after the last page; the same for a round just read and for one found half done. */
  async #apply(round: Round, judgement: Judgement, options: RunOptions): Promise<SyncCounts> {
    const { signal, onProgress } = options
    const { isBelieved, note } = judgement
    if (note !== null) await this.#store.setState(round.sourceId, 'quarantined', note)
    const apply =
      round.stream === 'people'
        ? () => this.#store.applyPeople(round, (batch) => this.#judgePeople(batch))
        : () => this.#store.applyGroups(round, judgeGroupBatch)
    const applied = await drain(apply, signal, (done) => {
      onProgress?.({ stream: round.stream, phase: 'applying', done, items: done })
    })
    const swept = round.mode === 'full' ? await this.#sweep(round, isBelieved, options) : NO_COUNTS
    const settled = await this.#settle(options)
    const counts = addCounts(addCounts(applied, swept), settled)
    await this.#store.finishRound(round, counts)
    return counts
  }

  /**
   * Whether a full answer may take objects away. One that shows nothing, or a good part less than
   * we know, takes nothing: what is missing waits for an admin, and the source is under suspicion
   * until it has given a sound answer.
   */
  async #judgeWhole(
    round: Round,
    { seen, known, missing }: Disappearance,
    signal: AbortSignal,
  ): Promise<Judgement> {
    const counted = await this.#count(round.stream, signal)
    const needsFull = isShort(seen, counted)
    if (!needsFull && isFullAnswerSound(known, missing)) return SOUND
    const what = needsFull
      ? `a full answer named ${seen} of ${counted} ${round.stream}`
      : `a full answer lacked ${missing} of ${known} known ${round.stream}`
    const note = `${what}; none of those missing is removed, they wait for approval`
    return { isBelieved: false, needsFull, note }
  }

  async #sweep(round: Round, isBelieved: boolean, options: RunOptions): Promise<SyncCounts> {
    const { signal, onProgress } = options
    const report = (done: number) =>
      onProgress?.({ stream: round.stream, phase: 'sweeping', done, items: done })
    const objects = await drain(
      () => this.#store.sweepObjects(round, { isBelieved }),
      signal,
      report,
    )
    if (round.stream === 'people') {
      if (isBelieved) await drain(() => this.#store.sweepCandidates(round), signal)
      return objects
    }
    const members = await drain(
      () => this.#store.sweepMembers(round, { isBelieved }),
      signal,
      report,
    )
    return addCounts(objects, members)
  }

  async #settle(options: RunOptions): Promise<SyncCounts> {
    const admit = () => this.#store.admitNewcomers(this.#sourceId, this.#scope)
    const admitted = await drain(admit, options.signal)
    const managers = await drain(() => this.#store.settleManagers(this.#sourceId), options.signal)
    const edges = await drain(() => this.#store.settleEdges(this.#sourceId), options.signal)
    return addCounts(admitted, addCounts(managers, edges))
  }

  #judgePeople(batch: PeopleBatch) {
    const parts = { scope: this.#scope, allowance: new Allowance(batch.allowed) }
    return judgePeople(batch.items, batch.known, parts)
  }

  async #preview(fetched: Staged, signal: AbortSignal): Promise<StreamReport> {
    const { round, pages, items } = fetched
    const { stream, mode } = round
    try {
      const disappearance = await this.#store.readDisappearance(round)
      const judgement =
        mode === 'full' ? await this.#judgeWhole(round, disappearance, signal) : SOUND
      const parts = { disappearance, judgement, scope: this.#scope }
      const preview = await previewRound(this.#store, round, parts)
      return { stream, mode, items, pages, note: judgement.note, ...preview }
    } finally {
      await this.#store.abandonRound(round, 'dry run')
    }
  }
}

const SOUND: Judgement = { isBelieved: true, needsFull: false, note: null }

type Fetched = { readonly kind: 'nothing' } | Staged | Restart

interface Staged {
  readonly kind: 'staged'
  readonly round: Round
  readonly deltaLink: string
  readonly pages: number
  readonly items: number
}

type Restart =
  | { readonly kind: 'restart'; readonly link: string | null }
  /** From the same place once more. */
  | { readonly kind: 'again' }

function restartOf(step: StreamStep): Restart | null {
  if (step.kind === 'stale-page') return { kind: 'again' }
  if (step.kind === 'expired') return { kind: 'restart', link: null }
  return step.kind === 'reset' ? { kind: 'restart', link: step.link } : null
}

async function* prepend(
  first: StreamStep,
  rest: AsyncGenerator<StreamStep, void, void>,
): AsyncGenerator<StreamStep, void, void> {
  yield first
  yield* rest
}

function judgeGroupBatch(batch: GroupBatch) {
  return judgeGroups(batch.items, batch.known, new Allowance(batch.allowed))
}

/** Another choice of people is another question: everything must be read again. */
function scopeFingerprint(stream: Stream, scope: ImportScope): string {
  if (stream === 'groups') return ''
  return `;guests=${scope.includesGuests};disabled=${scope.includesDisabled}`
}

function nothing(stream: Stream): StreamReport {
  const counts = NO_COUNTS
  return { stream, mode: 'nothing', counts, items: 0, pages: 1, note: null, examples: [] }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
