import { DirectoryError } from '../directory/errors.ts'
import type { Service } from '../lifecycle.ts'
import { type HintPace, Hints, type Wait } from './hints.ts'
import { SourceError } from './source.ts'
import type { SyncEngine, SyncProgress } from './sync.ts'
import type { KeptHealth, LastRound, SourceState, StreamReport, SyncStore } from './sync-store.ts'
import type { Verification } from './verify.ts'

const INTERVAL_MS = 60_000
/** Daemons that started together do not ask together. */
const JITTER_SHARE = 0.1
const BACK_OFF_MAX_MS = 30 * 60_000
/** So many senseless answers in a row, and an admin is told in so many words. */
const NONSENSE_LIMIT = 3
const QUARANTINE_INTERVAL_MS = 30 * 60_000
/** Standing by for another daemon that leads. */
const FOLLOWER_INTERVAL_MS = 5_000
const PRUNE_EVERY_MS = 60 * 60_000

/** How a source does, in words for people. */
export interface SourceHealth extends KeptHealth {
  readonly state: SourceState
  readonly isRunning: boolean
  readonly progress: SyncProgress | null
}

export interface SyncNowOptions {
  readonly isFull?: boolean
  readonly isDryRun?: boolean
  readonly onProgress?: (progress: SyncProgress) => void
  readonly signal?: AbortSignal
}

export interface SchedulerParts {
  readonly sourceId: string
  readonly engine: SyncEngine
  readonly store: SyncStore
  /** Only one daemon of many reads from a source. */
  readonly isLeader: () => boolean
  /** Told of each run, for log and metrics. */
  readonly onRun?: (result: RunResult) => void
  readonly intervalMs?: number
  readonly hintPace?: HintPace
  readonly nowMs?: () => number
  readonly random?: () => number
}

export type RunResult =
  | { readonly ok: true; readonly reports: readonly StreamReport[]; readonly durationMs: number }
  | { readonly ok: false; readonly error: unknown; readonly durationMs: number }

/** Runs one source's rounds, one at a time: every minute, when asked, and slower after faults. */
export class SyncScheduler implements Service {
  readonly name: string
  readonly #parts: SchedulerParts
  readonly #nowMs: () => number
  readonly #stopping = new AbortController()
  readonly #hints: Hints
  #turn: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | null = null
  #dueAtMs = Number.POSITIVE_INFINITY
  #isTicking = false
  #isWoken = false
  #faultsInRow = 0
  #nonsenseInRow = 0
  #prunedAtMs = 0
  #health: SourceHealth = {
    state: 'active',
    isRunning: false,
    lastSuccessAtMs: null,
    lastRound: null,
    nextRoundAtMs: null,
    faultsInRow: 0,
    lastReports: [],
    lastError: null,
    nextStep: null,
    progress: null,
  }

  constructor(parts: SchedulerParts) {
    this.#parts = parts
    this.#nowMs = parts.nowMs ?? Date.now
    this.#hints = new Hints(parts.hintPace)
    this.name = `sync of ${parts.sourceId}`
  }

  get health(): SourceHealth {
    return this.#health
  }

  start(): Promise<void> {
    this.#schedule(0)
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the daemon is stopping'))
    if (this.#timer) clearTimeout(this.#timer)
    await this.#turn.catch(() => {})
  }

  /**
   * Runs a round now, after one that is under way.
   *
   * @throws {SourceError} {@link DirectoryError} as {@link SyncEngine.run}
   */
  syncNow(options: SyncNowOptions = {}): Promise<readonly StreamReport[]> {
    if (!this.#parts.isLeader()) {
      const why = 'another daemon reads from the sources; ask that one'
      return Promise.reject(new DirectoryError('DIRECTORY_REFUSED', why))
    }
    return this.#queue(async () => {
      try {
        return await this.#run(options)
      } finally {
        await this.#keep(this.#dueAtMs)
      }
    })
  }

  /**
   * Compares by count, after a round that is under way.
   *
   * @throws {DirectoryError}
   */
  verify(signal: AbortSignal): Promise<Verification> {
    const either = AbortSignal.any([this.#stopping.signal, signal])
    return this.#queue(() => this.#parts.engine.verify(either))
  }

  /** Carries out what an admin has approved, without asking the source. */
  applyApproved(): Promise<void> {
    return this.#queue(async () => {
      await this.#parts.engine.applyApproved(this.#stopping.signal)
    })
  }

  /** An admin has changed something: the next round comes at once. */
  wake(): void {
    if (this.#isTicking) this.#isWoken = true
    else if (this.#timer) this.#schedule(0)
  }

  /** A hint that something changed, as a notification gives: the next round comes soon. */
  hint(): void {
    if (!this.#parts.isLeader()) return
    const atMs = this.#hints.come(this.#nowMs())
    if (this.#timer && !this.#isTicking && atMs < this.#dueAtMs)
      this.#schedule(atMs - this.#nowMs())
  }

  #queue<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.catch(() => {}).then(work)
    this.#turn = turn
    return turn
  }

  #schedule(delayMs: number): void {
    if (this.#timer) clearTimeout(this.#timer)
    if (this.#stopping.signal.aborted) return
    this.#dueAtMs = this.#nowMs() + delayMs
    this.#timer = setTimeout(() => {
      this.#tick().catch(() => {})
    }, delayMs)
    this.#timer.unref()
  }

  async #tick(): Promise<void> {
    if (this.#isTicking) return
    this.#isTicking = true
    let delayMs = FOLLOWER_INTERVAL_MS
    try {
      if (this.#parts.isLeader()) delayMs = await this.#queue(() => this.#scheduledRound())
    } finally {
      this.#isTicking = false
      this.#schedule(this.#isWoken ? 0 : delayMs)
      this.#isWoken = false
      this.#noteNext()
    }
  }

  async #scheduledRound(): Promise<number> {
    const delayMs = this.#withHints(await this.#round())
    await this.#keep(this.#nowMs() + delayMs)
    return delayMs
  }

  /** For the other daemons, and the next that leads; a database that is away shows it no more. */
  async #keep(nextRoundAtMs: number): Promise<void> {
    const { state, isRunning, progress, ...health } = this.#health
    if (this.#stopping.signal.aborted || health.lastRound === null) return
    await this.#parts.store
      .keepHealth(this.#parts.sourceId, { ...health, nextRoundAtMs })
      .catch(() => {})
  }

  #withHints(wait: Wait): number {
    const hasFound = this.#health.lastReports.some(({ mode }) => mode !== 'nothing')
    return this.#hints.shorten(wait, { nowMs: this.#nowMs(), hasFound })
  }

  #noteNext(): void {
    const nextRoundAtMs = this.#parts.isLeader() ? this.#dueAtMs : null
    this.#health = { ...this.#health, nextRoundAtMs }
  }

  /** One scheduled round. @returns how long to wait for the next */
  async #round(): Promise<Wait> {
    const { sourceId, store } = this.#parts
    try {
      const { state, isVerificationDue } = await store.readState(sourceId)
      this.#health = { ...this.#health, state }
      if (state === 'paused') return this.#waitOf(this.#intervalMs, false)
      // A doubtful source is heard again in full, but seldom.
      await this.#run({ isFull: state === 'quarantined' })
      if (isVerificationDue) await this.#parts.engine.verify(this.#stopping.signal)
      await this.#prune()
      const isDoubtful = this.#health.lastReports.some(({ note }) => note !== null)
      return isDoubtful
        ? this.#waitOf(QUARANTINE_INTERVAL_MS, false)
        : this.#waitOf(this.#intervalMs, true)
    } catch (error) {
      return this.#waitOf(this.#backOffMs(error), false)
    }
  }

  async #run(options: SyncNowOptions): Promise<readonly StreamReport[]> {
    const startedAtMs = this.#nowMs()
    const isHinted = options.isDryRun !== true && this.#hints.take()
    const signals = [this.#stopping.signal, ...(options.signal ? [options.signal] : [])]
    this.#health = { ...this.#health, isRunning: true, nextRoundAtMs: null }
    try {
      const reports = await this.#parts.engine.run({
        ...options,
        signal: AbortSignal.any(signals),
        onProgress: (progress) => {
          this.#health = { ...this.#health, progress }
          options.onProgress?.(progress)
        },
      })
      if (options.isDryRun !== true) {
        this.#noteRound({ startedAtMs, isGood: true, isHinted })
        this.#succeed(reports, startedAtMs)
      }
      return reports
    } catch (error) {
      this.#noteRound({ startedAtMs, isGood: false, isHinted })
      await this.#fail(error, startedAtMs)
      throw error
    } finally {
      this.#health = { ...this.#health, isRunning: false, progress: null }
    }
  }

  #noteRound(round: Omit<LastRound, 'durationMs'>): void {
    const durationMs = this.#nowMs() - round.startedAtMs
    this.#health = { ...this.#health, lastRound: { ...round, durationMs } }
  }

  #succeed(reports: readonly StreamReport[], startedAtMs: number): void {
    const nowMs = this.#nowMs()
    this.#faultsInRow = 0
    this.#nonsenseInRow = 0
    const note = reports.find((report) => report.note !== null)?.note ?? null
    this.#health = {
      ...this.#health,
      lastSuccessAtMs: nowMs,
      faultsInRow: 0,
      lastReports: reports,
      lastError: note,
      nextStep: note === null ? null : 'look at what waits, and approve it or mend the source',
    }
    this.#parts.onRun?.({ ok: true, reports, durationMs: nowMs - startedAtMs })
  }

  async #fail(error: unknown, startedAtMs: number): Promise<void> {
    if (this.#stopping.signal.aborted) return
    const { sourceId, store } = this.#parts
    this.#faultsInRow += 1
    const isNonsense = error instanceof SourceError && error.code === 'SOURCE_NONSENSE'
    this.#nonsenseInRow = isNonsense ? this.#nonsenseInRow + 1 : 0
    const message = error instanceof Error ? error.message : String(error)
    const faultsInRow = this.#faultsInRow
    const nextStep = nextStepOf(error)
    this.#health = { ...this.#health, faultsInRow, lastError: message, nextStep }
    this.#parts.onRun?.({ ok: false, error, durationMs: this.#nowMs() - startedAtMs })
    if (this.#nonsenseInRow !== NONSENSE_LIMIT) return
    // Should the database be gone as well, the health above still says what happened.
    await store.setState(sourceId, 'quarantined', message).catch(() => {})
  }

  async #prune(): Promise<void> {
    if (this.#nowMs() - this.#prunedAtMs < PRUNE_EVERY_MS) return
    this.#prunedAtMs = this.#nowMs()
    while (await this.#parts.store.pruneStaging(this.#parts.sourceId)) {
      this.#stopping.signal.throwIfAborted()
    }
  }

  get #intervalMs(): number {
    return this.#parts.intervalMs ?? INTERVAL_MS
  }

  #waitOf(ms: number, takesHints: boolean): Wait {
    const random = this.#parts.random ?? Math.random
    return { delayMs: ms * (1 + (random() - 0.5) * 2 * JITTER_SHARE), takesHints }
  }

  #backOffMs(error: unknown): number {
    const asked = error instanceof SourceError ? (error.retryAfterMs ?? 0) : 0
    const doubled = this.#intervalMs * 2 ** Math.min(this.#faultsInRow - 1, 10)
    return Math.max(asked, Math.min(BACK_OFF_MAX_MS, doubled))
  }
}

function nextStepOf(error: unknown): string {
  if (error instanceof DirectoryError) return 'see to the database; the round goes on by itself'
  if (!(error instanceof SourceError)) return 'report it, with the log of this moment'
  switch (error.code) {
    case 'SOURCE_REFUSED':
      return 'mend the app registration as the message says; the next round signs in anew'
    case 'SOURCE_NONSENSE':
      return 'check proxies between here and the source; nothing was changed'
    case 'SOURCE_THROTTLED':
    case 'SOURCE_UNAVAILABLE':
      return 'nothing to do: it is tried again by itself'
  }
}
