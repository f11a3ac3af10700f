import type { Service } from '../lifecycle.ts'
import { Turns } from '../turns.ts'
import { lookAgainInMs, MAX_REPEATS, type Planned, planPushes } from './desired.ts'
import type { Claim, PushStore, Settled } from './push-store.ts'
import { isMet, type Refusal, type Target, type Write, type WriteAnswer } from './target.ts'

/** How soon a change is noticed; a look at a number in memory. */
const LOOK_MS = 100
/** All worked on at once, so that what a target takes together can go together. */
const CLAIMS = 20
/** Far less than a claim is held, so that no later holder writes while our request is under way. */
const REQUEST_TIMEOUT_MS = 10_000
/** Between saying that a value is sent and sending it; a process that was stopped takes longer. */
const SEND_WITHIN_MS = 2_000
const RETRY_BASE_MS = 1_000
const RETRY_MAX_MS = 5 * 60_000
/**
 * Whoever was cut off here is cut off there within five seconds of the first moment the target would
 * answer, however long it did not.
 */
const URGENT_RETRY_MAX_MS = 2_000
/** A read waits and tries again by itself while the target is away; not beyond this. */
const URGENT_READ_MS = 2_000
/** A permission may be granted at any time; the app is asked again so seldom. */
const NOT_ALLOWED_RETRY_MS = 15 * 60_000

export interface Pushed {
  readonly principalId: string
  readonly planned: Planned
  readonly settled: Settled
}

export interface PusherParts {
  readonly sourceId: string
  readonly store: PushStore
  readonly target: Target
  readonly isLeader: () => boolean
  /** The journal number this daemon has seen: another one means that something has changed. */
  readonly usn: () => number
  readonly onPushed?: (pushed: Pushed) => void
  readonly onFault?: (error: unknown) => void
  /** Monotonic. */
  readonly nowMs?: () => number
}

/**
 * Brings what we decide about people to one target. It is driven by what differs and not by events:
 * a person who is marked is looked at as she is by then, so a mark too many costs a look and no more.
 */
export class Pusher implements Service {
  readonly name: string
  readonly #parts: PusherParts
  readonly #nowMs: () => number
  readonly #turns: Turns
  #seenUsn = -1
  #dueAtMs = 0
  /** After a fault, and for as long as the target asks for quiet. */
  #quietUntilMs = 0

  constructor(parts: PusherParts) {
    this.#parts = parts
    this.#nowMs = parts.nowMs ?? (() => performance.now())
    this.name = `pushes to ${parts.sourceId}`
    this.#turns = new Turns({
      work: () => this.#look(),
      onFault: (error) => parts.onFault?.(error),
      everyMs: LOOK_MS,
    })
  }

  async start(): Promise<void> {
    this.#turns.start()
  }

  stop(): Promise<void> {
    return this.#turns.stop()
  }

  /** The next look comes at once, whether or not anything has changed. */
  wake(): void {
    this.#dueAtMs = 0
  }

  async #look(): Promise<void> {
    const usn = this.#parts.usn()
    const isQuiet = usn === this.#seenUsn && this.#nowMs() < this.#dueAtMs
    const isTooSoon = this.#nowMs() < this.#quietUntilMs
    if (!this.#parts.isLeader() || isQuiet || isTooSoon) return
    try {
      // Whoever is claimed by a daemon that has died comes back by itself; so do retries.
      this.#dueAtMs = this.#nowMs() + RETRY_BASE_MS
      await this.pushAll()
      this.#seenUsn = usn
    } catch (error) {
      this.#quietUntilMs = this.#nowMs() + RETRY_BASE_MS
      throw error
    }
  }

  /** Marks who has changed, and works until nobody is due any more. */
  async pushAll(): Promise<void> {
    const { sourceId, store } = this.#parts
    for (;;) {
      // In each turn, since whoever was suspended just now must not wait for a backlog.
      while (await store.markChanged(sourceId)) this.#turns.signal.throwIfAborted()
      const isQuiet = this.#nowMs() < this.#quietUntilMs
      const claims = isQuiet ? [] : await store.claim(sourceId, CLAIMS)
      if (claims.length === 0) return
      // All of them end before the first fault is told, so that no two looks ever overlap.
      const ends = await Promise.allSettled(claims.map((claim) => this.#push(claim)))
      const answered = ends.filter((end) => end.status === 'fulfilled' && end.value).length
      const failed = ends.find((end) => end.status === 'rejected')
      if (failed !== undefined) throw failed.reason
      this.#turns.signal.throwIfAborted()
      // A target that is away is asked for a few people now and then, and not for all who wait.
      if (answered === 0) this.#keepQuiet(URGENT_RETRY_MAX_MS)
    }
  }

  #keepQuiet(ms: number): void {
    this.#quietUntilMs = Math.max(this.#quietUntilMs, this.#nowMs() + ms)
  }

  /** @returns whether the target answered, or had nothing to be asked */
  async #push(claim: Claim): Promise<boolean> {
    let isAnswered = true
    const again = [lookAgainInMs(claim.subject)]
    for (const planned of planPushes(claim.subject)) {
      const end = await this.#pushOne(claim, planned)
      if (end === 'lost') return true
      again.push(end.againInMs)
      if (end.isUnanswered === true) isAnswered = false
      // What one value is refused for says nothing of the others.
      if (end.isOver) break
    }
    const waits = again.filter((ms) => ms !== null)
    await this.#parts.store.release(claim, waits.length === 0 ? null : Math.min(...waits))
    return isAnswered
  }

  async #pushOne(claim: Claim, planned: Planned): Promise<End | 'lost'> {
    const { store, target } = this.#parts
    const { write, refusal } = planned
    if (refusal !== null) {
      await this.#settle(claim, planned, { status: 'refused', reason: refusal })
      return done
    }
    const found = planned.mustRead ? await this.#lookAt(claim, planned) : 'differs'
    if (found === 'unknown') return { ...this.#retry(claim, write), isOver: true }
    if (found === 'settled') return done
    if (planned.isTheirs) {
      await store.giveBack(claim, planned)
      return done
    }
    const begun = await store.begin(claim, planned)
    if (typeof begun === 'object') {
      await this.#settle(claim, planned, { status: 'refused', reason: begun.waits })
      return done
    }
    if (begun === 'lost') {
      // Marked anew, paused, or another's by now: what is wanted is worked out again.
      await store.release(claim, RETRY_BASE_MS)
      return 'lost'
    }
    const begunAtMs = this.#nowMs()
    let answer: WriteAnswer
    try {
      const sending = this.#signal()
      // Read just before the request leaves: whoever was stopped meanwhile leads no longer.
      if (!this.#parts.isLeader() || this.#nowMs() - begunAtMs > SEND_WITHIN_MS) return 'lost'
      answer = await target.write(claim.externalId, write, sending)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      await this.#settle(claim, planned, { status: 'undecided', reason })
      // Those claimed with her, and whoever is suspended meanwhile, wait for the end of this.
      return { ...this.#retry(claim, write), isOver: !isUrgent(write) }
    }
    return this.#conclude(claim, planned, answer)
  }

  async #conclude(claim: Claim, planned: Planned, answer: WriteAnswer): Promise<End> {
    if (answer.kind === 'written') {
      await this.#settle(claim, planned, { status: 'written' })
      return done
    }
    if (answer.kind === 'later') {
      const retry = this.#retry(claim, planned.write)
      const againInMs = Math.max(answer.afterMs ?? 0, retry.againInMs)
      if (answer.afterMs !== null) this.#keepQuiet(answer.afterMs)
      await this.#settle(claim, planned, { status: 'undecided', reason: answer.reason })
      return { ...retry, againInMs, isOver: true }
    }
    const reason = `${answer.refusal}: ${answer.message}`
    await this.#settle(claim, planned, { status: 'refused', reason })
    return mayBeGranted(answer.refusal) ? { againInMs: NOT_ALLOWED_RETRY_MS, isOver: false } : done
  }

  /** Reads what is there, and settles what that settles. */
  async #lookAt(claim: Claim, planned: Planned): Promise<'differs' | 'settled' | 'unknown'> {
    const held = await this.#read(claim, planned.write)
    if (held === 'unknown') return 'unknown'
    if (held === null) {
      await this.#settle(claim, planned, { status: 'refused', reason: 'gone' })
      return 'settled'
    }
    if (isMet(planned.write, held) && !isGivenBack(planned)) {
      await this.#settle(claim, { ...planned, repeats: 0 }, { status: 'written' })
      return 'settled'
    }
    if (planned.repeats <= MAX_REPEATS) return 'differs'
    const reason = 'somebody keeps changing it back there'
    await this.#settle(claim, planned, { status: 'contested', reason })
    return 'settled'
  }

  async #read({ externalId }: Claim, write: Write) {
    const signal = this.#signal(isUrgent(write) ? URGENT_READ_MS : undefined)
    try {
      return await this.#parts.target.read(externalId, signal, write.attribute)
    } catch (error) {
      this.#parts.onFault?.(error)
      return 'unknown'
    }
  }

  async #settle(claim: Claim, planned: Planned, settled: Settled): Promise<void> {
    await this.#parts.store.settle(claim, planned, settled)
    this.#parts.onPushed?.({ principalId: claim.principalId, planned, settled })
  }

  #signal(withinMs = REQUEST_TIMEOUT_MS): AbortSignal {
    return AbortSignal.any([this.#turns.signal, AbortSignal.timeout(withinMs)])
  }

  #retry({ attempts }: Claim, write: Write) {
    const maxMs = isUrgent(write) ? URGENT_RETRY_MAX_MS : RETRY_MAX_MS
    const againInMs = Math.min(maxMs, RETRY_BASE_MS * 2 ** Math.min(attempts, 10))
    return { againInMs, isUnanswered: true }
  }
}

/** How a value ended: when to look at it again, and whether the others have to wait for that, too. */
interface End {
  readonly againInMs: number | null
  readonly isOver: boolean
  /** Nobody can tell whether the target is there at all. */
  readonly isUnanswered?: boolean
}

const done: End = { againInMs: null, isOver: false }

/** What is there is then of no interest, only that no write of ours is under way any more. */
function isGivenBack({ isTheirs, write }: Planned): boolean {
  return isTheirs && write.attribute !== 'enabled'
}

/** It ends what somebody could still do there. */
function isUrgent({ attribute, value }: Write): boolean {
  return attribute === 'sessions-ended' || (attribute === 'enabled' && value === false)
}

function mayBeGranted(refusal: Refusal): boolean {
  return refusal === 'not-allowed'
}
