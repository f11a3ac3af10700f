import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { DirectoryError } from '../directory/errors.ts'
import type { Service } from '../lifecycle.ts'
import type { AuthEvent, AuthEventSink } from './auth-event.ts'
import type { AuthEventBatch, AuthEventRow, AuthEventWriter } from './auth-event-writer.ts'
import { NOT_KEPT_SINGLY, Overflow } from './overflow.ts'
import { SuccessWindows } from './success-windows.ts'

/** ARCHITECTURE §3: an answer is on its way to the table within this time. */
const FLUSH_EVERY_MS = 250
const MAX_BATCH = 1_000
/** Some 400 bytes each; a minute of a thousand denials a second without a database. */
const MAX_QUEUED = 50_000
/** A batch the table refuses for its own sake, not for being away, is then kept as counts only. */
const MAX_REFUSALS = 8
const FIRST_RETRY_MS = 250
const MAX_RETRY_MS = 15_000
/** How long a stop waits for the database before it says what it could not write. */
const STOP_MS = 5_000

export interface BatchingAuthEventsParts {
  readonly writer: AuthEventWriter
  readonly nowMs?: () => number
  readonly maxQueued?: number
  /** Told of each write that failed; it is repeated. */
  readonly onFault?: (error: unknown) => void
  /** Told at the end of how many answers never reached the table. */
  readonly onLost?: (count: number) => void
}

/**
 * Records answers in batches behind them. Every denial is a row; successes alike are merged; with a
 * full queue answers are counted, and the counts become rows. Only a stop without a database loses
 * anything, and says how much.
 */
export class BatchingAuthEvents implements AuthEventSink, Service {
  readonly name = 'auth events'
  readonly #writer: AuthEventWriter
  readonly #nowMs: () => number
  readonly #maxQueued: number
  readonly #onFault: (error: unknown) => void
  readonly #onLost: (count: number) => void
  readonly #windows = new SuccessWindows()
  readonly #overflow = new Overflow()
  /** Aborted when a stop begins: a long wait ends, further ones are short. */
  readonly #stopping = new AbortController()
  /** Aborted when a stop has waited long enough. */
  readonly #givenUp = new AbortController()
  #queue: AuthEventRow[] = []
  #unwritten: AuthEventBatch | null = null
  #flushing: Promise<void> | null = null
  #timer: NodeJS.Timeout | null = null
  #retryMs = FIRST_RETRY_MS
  #refusals = 0
  #recorded = 0
  #written = 0

  constructor(parts: BatchingAuthEventsParts) {
    this.#writer = parts.writer
    this.#nowMs = parts.nowMs ?? Date.now
    this.#maxQueued = parts.maxQueued ?? MAX_QUEUED
    this.#onFault = parts.onFault ?? (() => undefined)
    this.#onLost = parts.onLost ?? (() => undefined)
  }

  async start(): Promise<void> {
    this.#timer = setInterval(() => this.#beat(), FLUSH_EVERY_MS)
    this.#timer.unref()
  }

  record(event: AuthEvent): void {
    this.#recorded += 1
    if (event.outcome === 'success') {
      for (const row of this.#windows.add(event)) this.#enqueue(row)
    } else this.#enqueue({ ...event, count: 1, lastAtMs: event.atMs })
  }

  /** Answers recorded and answers that the table has, by their counts. */
  get totals(): { readonly recorded: number; readonly written: number; readonly queued: number } {
    return { recorded: this.#recorded, written: this.#written, queued: this.#queue.length }
  }

  /** Writes what is known so far, open windows included; resolves when it is in the table. */
  async flush(): Promise<void> {
    for (const row of this.#windows.closeAll()) this.#enqueue(row)
    // A flush that was ending just now has not seen these.
    await this.#flush()
    await this.#flush()
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#stopping.abort()
    const timeout = new AbortController()
    const tooLate = delay(STOP_MS, undefined, { signal: timeout.signal }).catch(() => undefined)
    await Promise.race([this.flush(), tooLate])
    timeout.abort()
    this.#givenUp.abort()
    const lost = this.#recorded - this.#written
    if (lost > 0) this.#onLost(lost)
  }

  #beat(): void {
    for (const row of this.#windows.close(this.#nowMs())) this.#enqueue(row)
    void this.#flush()
  }

  #enqueue(row: AuthEventRow): void {
    if (this.#queue.length < this.#maxQueued) this.#queue.push(row)
    else this.#overflow.add(row)
  }

  #flush(): Promise<void> {
    this.#flushing ??= this.#writeAll().finally(() => {
      this.#flushing = null
    })
    return this.#flushing
  }

  async #writeAll(): Promise<void> {
    for (let batch = this.#nextBatch(); batch !== null; batch = this.#nextBatch()) {
      this.#unwritten = batch
      while (this.#unwritten !== null) {
        if (this.#givenUp.signal.aborted) return
        await this.#tryToWrite(batch)
      }
    }
  }

  async #tryToWrite(batch: AuthEventBatch): Promise<void> {
    try {
      await this.#writer.write(batch)
      for (const row of batch.rows) this.#written += row.count
      this.#unwritten = null
      this.#refusals = 0
      this.#retryMs = FIRST_RETRY_MS
    } catch (error) {
      this.#onFault(error)
      if (!isUnavailable(error)) this.#refusals += 1
      if (this.#refusals < MAX_REFUSALS) await this.#waitToRetry()
      else this.#keepAsCounts(batch)
    }
  }

  /** Counts that were refused in their turn have nothing left to be reduced to: they are lost. */
  #keepAsCounts(batch: AuthEventBatch): void {
    this.#unwritten = null
    this.#refusals = 0
    for (const row of batch.rows) if (row.reason !== NOT_KEPT_SINGLY) this.#overflow.add(row)
  }

  async #waitToRetry(): Promise<void> {
    const isStopping = this.#stopping.signal.aborted
    const { signal } = isStopping ? this.#givenUp : this.#stopping
    const waitMs = isStopping ? FIRST_RETRY_MS : this.#retryMs
    await delay(waitMs, undefined, { signal }).catch(() => undefined)
    this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS)
  }

  #nextBatch(): AuthEventBatch | null {
    if (this.#queue.length === 0 && this.#overflow.isEmpty) return null
    const rows = this.#queue.slice(0, MAX_BATCH)
    this.#queue = this.#queue.slice(MAX_BATCH)
    // What found no room came after what did, so its counts follow the last of the queue.
    if (this.#queue.length === 0) rows.push(...this.#overflow.take())
    return { id: randomUUID(), rows }
  }
}

function isUnavailable(error: unknown): boolean {
  return error instanceof DirectoryError && error.code === 'DIRECTORY_UNAVAILABLE'
}
