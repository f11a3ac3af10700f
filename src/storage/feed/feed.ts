import { setTimeout as sleep } from 'node:timers/promises'
import { Kysely, PostgresDialect } from 'kysely'
import type pg from 'pg'
import type { FollowedKind, Position } from '../../directory/change.ts'
import type { Follower, Freshness } from '../../directory/directory.ts'
import { DirectoryError } from '../../directory/errors.ts'
import type { Service } from '../../lifecycle.ts'
import type { Database } from '../connection.ts'
import type { Tables } from '../database.ts'
import { makeReaders } from '../entities/readers.ts'
import { asFault } from '../fault.ts'
import type { Keys } from '../sealing.ts'
import { CHANNEL, parseHints, parseSignal } from '../wake-up.ts'
import { catchUp } from './catch-up.ts'
import { Denials } from './denials.ts'
import { fetchChanges, type Readers } from './fetch.ts'
import { type Clocks, FreshnessClock } from './freshness.ts'
import { coalesce, readJournal, stampAll } from './journal-rows.ts'
import { Slices } from './slices.ts'

const POLL_MS = 250
const FIRST_BACK_OFF_MS = 100
const MAX_BACK_OFF_MS = 5_000
/** A round's statements are short; one that takes longer than this has lost its server. */
const FEED_QUERY_TIMEOUT_MS = 10_000
const REACHED_TIMEOUT_MS = 10_000
/** Further behind than this, comparing versions is less work than reading the journal. */
const LONG_ABSENCE_ROWS = 200_000

export interface FeedOptions {
  readonly database: Database
  readonly keys: Keys
  readonly followers: readonly Follower[]
  /** Told at once when principals may be let in no more, to end what they have open. */
  readonly onDenied?: (principalIds: readonly string[]) => void
  /** Told of what another daemon, or this one, has said to all. */
  readonly onSignal?: (signal: string) => void
  /** Told after each round that changed something. */
  readonly onAdvanced?: (position: Position) => void
  /** Told of a round that failed; the feed goes on trying. */
  readonly onFault?: (error: unknown) => void
  /** Told of a row that is followed without its secret, which does not open. */
  readonly onUnreadable?: (error: unknown) => void
  readonly clocks?: Clocks
}

/**
 * Follows the journal and keeps every follower current: at the start, after lag, restore and change of
 * epoch by comparing versions, else by reading what was stamped after its position.
 */
export class Feed implements Service {
  readonly name = 'change feed'
  readonly #options: FeedOptions
  readonly #readers: Readers
  readonly #clock: FreshnessClock
  readonly #slices = new Slices()
  readonly #denials = new Denials()
  #position: Position | null = null
  #session: { readonly client: pg.Client; readonly db: Kysely<Tables> } | null = null
  #waiting: (() => void)[] = []
  #wake: () => void = () => {}
  #isDue = false
  #isStopping = false
  #failures = 0
  #loop: Promise<void> = Promise.resolve()
  #beat: NodeJS.Timeout | null = null

  constructor(options: FeedOptions) {
    this.#options = options
    this.#readers = makeReaders(options.keys, (error) => options.onUnreadable?.(error))
    this.#clock = new FreshnessClock(options.clocks)
  }

  /** Resolves when every follower is complete. @throws {DirectoryError} `DIRECTORY_UNAVAILABLE` */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    this.#beat = setInterval(() => this.#clock.beat(), POLL_MS)
    this.#beat.unref()
    try {
      await this.#round()
    } catch (error) {
      await this.stop()
      throw asFault(error)
    }
    this.#loop = this.#run()
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    if (this.#beat) clearInterval(this.#beat)
    this.#wake()
    await this.#loop
    await this.#disconnect()
    // Whoever follows on knows nothing of these hints and could never take them back.
    this.#endDenials(this.#denials.forgetUpTo(this.#denials.mark()))
  }

  get position(): Position | null {
    return this.#position
  }

  /** How long ago the followers were last known to be complete. */
  get ageMs(): number {
    return this.#clock.ageMs
  }

  /** @param maxStalenessMs 0 is strict */
  freshness(maxStalenessMs: number): Freshness {
    return this.#clock.freshness(maxStalenessMs)
  }

  /**
   * After a pause of this process: whether the followers are complete again. Asks the database at
   * once; false when it does not answer in `timeoutMs`.
   */
  async confirm(timeoutMs: number): Promise<boolean> {
    if (!this.#clock.mustConfirm) return true
    await this.#nextRound(timeoutMs)
    return !this.#clock.mustConfirm
  }

  /**
   * Resolves when this daemon's followers have what was committed before the call.
   *
   * @param inboxSeq from the write; null resolves at once
   * @throws {DirectoryError} `DIRECTORY_STORED_UNSEEN` when that takes too long
   */
  async reached(inboxSeq: bigint | null): Promise<void> {
    if (inboxSeq === null) return
    if (await this.#nextRound(REACHED_TIMEOUT_MS)) return
    throw new DirectoryError(
      'DIRECTORY_STORED_UNSEEN',
      'the change is stored, but this server has not seen it yet: it will show by itself, so do not send it again',
    )
  }

  /** Waits for a round that begins after the call; false when none ended in time. */
  #nextRound(timeoutMs: number): Promise<boolean> {
    if (this.#isStopping) return Promise.resolve(false)
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        resolve(true)
      }
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((other) => other !== done)
        resolve(false)
      }, timeoutMs)
      this.#waiting.push(done)
      this.#poke()
    })
  }

  #poke(): void {
    this.#isDue = true
    this.#wake()
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      await this.#sleep(this.#failures === 0 ? POLL_MS : this.#backOffMs())
      if (this.#isStopping) return
      try {
        await this.#round()
        this.#failures = 0
      } catch (error) {
        this.#failures++
        await this.#disconnect()
        this.#options.onFault?.(asFault(error))
      }
    }
  }

  #backOffMs(): number {
    const most = Math.min(FIRST_BACK_OFF_MS * 2 ** (this.#failures - 1), MAX_BACK_OFF_MS)
    // Several daemons should not come back in step.
    return most * (0.5 + Math.random() / 2)
  }

  /** Until somebody pokes, or the poll is due. After a failure a poke does not shorten the wait. */
  async #sleep(ms: number): Promise<void> {
    if (this.#failures > 0) {
      const stopping = new AbortController()
      this.#wake = () => {
        if (this.#isStopping) stopping.abort()
      }
      await sleep(ms, undefined, { signal: stopping.signal }).catch(() => {})
      return
    }
    if (this.#isDue) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  async #round(): Promise<void> {
    this.#isDue = false
    const waiting = [...this.#waiting]
    const mark = this.#denials.mark()
    const start = this.#clock.startRound()
    const { db } = await this.#connect()
    const head = await stampAll(db)
    const before = this.#position
    await this.#advance(db, head)
    this.#clock.confirm(start)
    this.#endDenials(this.#denials.forgetUpTo(mark))
    this.#waiting = this.#waiting.filter((done) => !waiting.includes(done))
    for (const done of waiting) done()
    if (before?.usn !== head.usn || before.epoch !== head.epoch) this.#options.onAdvanced?.(head)
  }

  async #advance(db: Kysely<Tables>, head: Position): Promise<void> {
    const position = this.#position
    const isContinuous =
      position !== null &&
      position.epoch === head.epoch &&
      position.usn <= head.usn &&
      head.usn - position.usn <= LONG_ABSENCE_ROWS &&
      (await this.#readUpTo(db, position, head))
    if (isContinuous) return
    // While this goes on, what is held is neither the old state nor the new.
    this.#position = null
    const { followers } = this.#options
    for (const follower of followers) {
      if (follower.position && follower.position.epoch !== head.epoch) follower.restarted?.()
    }
    await catchUp({ db, readers: this.#readers, followers, slices: this.#slices, head })
    this.#reach(head)
  }

  /** False when rows in between have been purged. */
  async #readUpTo(db: Kysely<Tables>, from: Position, head: Position): Promise<boolean> {
    for (let usn = from.usn; usn < head.usn; ) {
      const rows = await readJournal(db, { after: usn, upTo: head.usn })
      const last = rows.at(-1)
      if (rows[0]?.usn !== usn + 1 || last === undefined) return false
      const keys = coalesce(rows, this.#isFollowed)
      const changes = await fetchChanges(db, this.#readers, keys)
      await this.#slices.apply(this.#options.followers, changes)
      usn = last.usn
      this.#reach({ usn, epoch: head.epoch })
    }
    return true
  }

  readonly #isFollowed = (kind: string): kind is FollowedKind =>
    this.#readers.has(kind as FollowedKind)

  #reach(position: Position): void {
    this.#position = position
    for (const follower of this.#options.followers) follower.reached(position)
  }

  async #connect() {
    if (this.#session) return this.#session
    const client = await this.#options.database.direct({ queryTimeoutMs: FEED_QUERY_TIMEOUT_MS })
    const lost = () => {
      if (this.#session?.client !== client) return
      this.#session = null
      this.#poke()
    }
    client.once('error', lost)
    client.once('end', lost)
    client.on('notification', ({ payload }) => this.#notified(payload))
    const session = { client, db: kyselyOver(client) }
    this.#session = session
    await client.query(`listen ${CHANNEL}`)
    return session
  }

  #notified(payload: string | undefined): void {
    const signal = parseSignal(payload)
    if (signal !== null) {
      this.#options.onSignal?.(signal)
      return
    }
    const denied = parseHints(payload)
    if (denied.length > 0) {
      this.#denials.add(denied)
      for (const follower of this.#options.followers) follower.deny?.(denied, Date.now())
      this.#options.onDenied?.(denied)
    }
    this.#poke()
  }

  #endDenials(principalIds: readonly string[]): void {
    if (principalIds.length === 0) return
    for (const follower of this.#options.followers) follower.forgetDenials?.(principalIds)
  }

  async #disconnect(): Promise<void> {
    const session = this.#session
    this.#session = null
    if (!session) return
    session.client.removeAllListeners('notification')
    await Promise.race([session.client.end().catch(() => {}), sleep(1_000)])
  }
}

/** Kysely on one client, which stays the caller's. */
function kyselyOver(client: pg.Client): Kysely<Tables> {
  const held = {
    query: client.query.bind(client) as pg.PoolClient['query'],
    release: () => {},
  }
  const pool = { connect: async () => held, end: async () => {} }
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
}
