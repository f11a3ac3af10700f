import type { Retransmission } from '../../../../protocols/radius/index.ts'
import { decide, type Grant } from '../../../access/decide.ts'
import type { Freshness } from '../../../directory/directory.ts'
import type { SessionReport } from '../../../directory/ports/accounting.ts'
import type {
  ClaimedLane,
  DisconnectClaim,
  DisconnectOutcome,
  DisconnectStore,
  OpenSession,
  Wanted,
} from '../../../directory/ports/disconnects.ts'
import type { Service } from '../../../lifecycle.ts'
import type { Log } from '../../../observe/log.ts'
import { Turns } from '../../../turns.ts'
import { digestGrant, takesRequests } from '../reply-attributes.ts'
import { type JudgeParts, judgeSession } from './judge.ts'
import { type Order, sendOrder } from './sender.ts'

/** How soon a row of another daemon, or one whose wait is over, is seen. */
const EVERY_MS = 1_000
/** How often all open sessions are judged, whatever was told. */
const SWEEP_MS = 60_000
/** And when a rule has changed, as an import does over and over. */
const SWEEP_AT_ONCE_MS = 2_000
const SWEEP_PAGE = 500
/** Requests under way at once in each lane. */
const CLAIMED_AT_ONCE = 32
/**
 * Whoever is ended comes back with a whole log-in: after an edit that ends thousands, no NAS is asked
 * for more than ten of them a second, and no more than {@link CLAIMED_AT_ONCE} are ended in all.
 */
const PACE_MS = 1_000
const PACED_PER_NAS = 10
/** More people than these at a time, and all sessions are looked through instead. */
const MAX_TOUCHED = 500

export interface DisconnectorParts extends JudgeParts {
  readonly store: DisconnectStore
  readonly freshness: () => Freshness
  readonly isLeader: () => boolean
  readonly log: Log
  readonly nowMs?: () => number
  /** How often one request is repeated, and when. */
  readonly retransmission?: Retransmission
}

/**
 * Ends the sessions of whoever may be let in no more. What is compared is the state, open sessions
 * with the rules, and not what has happened: whoever is told of a change looks at the sessions it
 * touches at once, each daemon looks at the sessions reported to it, and the leader looks at all of
 * them each minute, so that one begun by an answer that was under way, or missed by a daemon that
 * died, is found by the next look.
 */
export class Disconnector implements Service {
  readonly name = 'session disconnects'
  readonly #parts: DisconnectorParts
  readonly #looking: Turns
  readonly #sending: Turns
  readonly #pacing: Turns
  #people = new Set<string>()
  #credentials = new Set<string>()
  #isAllTouched = true
  #sweptAtMs = Number.NEGATIVE_INFINITY
  #pacedAtMs = Number.NEGATIVE_INFINITY

  constructor(parts: DisconnectorParts) {
    this.#parts = parts
    const onFault = (error: unknown) => parts.log.warn('radius.disconnects-failed', { error })
    this.#looking = new Turns({ work: (signal) => this.#look(signal), onFault, everyMs: EVERY_MS })
    this.#sending = new Turns({ work: (signal) => this.#send(signal), onFault, everyMs: EVERY_MS })
    this.#pacing = new Turns({ work: (signal) => this.#pace(signal), onFault, everyMs: EVERY_MS })
  }

  async start(): Promise<void> {
    this.#looking.start()
    this.#sending.start()
    this.#pacing.start()
  }

  async stop(): Promise<void> {
    await Promise.all([this.#looking.stop(), this.#sending.stop(), this.#pacing.stop()])
  }

  /** These people, or the credentials, have changed. */
  touch(people: Iterable<string>, credentials: Iterable<string> = []): void {
    this.#note(people, credentials)
    this.#looking.wake()
  }

  #note(people: Iterable<string>, credentials: Iterable<string>): void {
    for (const id of people) this.#people.add(id)
    for (const id of credentials) this.#credentials.add(id)
    if (this.#people.size + this.#credentials.size > MAX_TOUCHED) this.touchAll()
  }

  /** A rule has changed, and with it what anybody may. */
  touchAll(): void {
    this.#isAllTouched = true
    this.#people.clear()
    this.#credentials.clear()
  }

  /** A session was reported: the one it belongs to may have been shut out meanwhile. */
  reported({ principalId, nasId, admission }: SessionReport): void {
    if (principalId === null) return
    // Nearly always she may go on, and then nothing is read.
    const judged = judgeSession({ id: '', nasId, principalId, ...admission }, this.#parts)
    if (judged !== null) this.touch([principalId])
  }

  /** There is something to send. */
  wake(): void {
    this.#sending.wake()
    this.#pacing.wake()
  }

  async #look(signal: AbortSignal): Promise<void> {
    // Who knows too little takes nothing from anybody; what was touched waits.
    if (this.#parts.freshness() === 'too-stale') return
    const people = [...this.#people]
    const credentials = [...this.#credentials]
    this.#people.clear()
    this.#credentials.clear()
    try {
      if (people.length + credentials.length > 0)
        await this.#judge(await this.#parts.store.openOf(people, credentials))
    } catch (error) {
      // Not at once: the next turn comes by itself.
      this.#note(people, credentials)
      throw error
    }
    if (this.#isSweepDue()) await this.#sweep(signal)
  }

  #isSweepDue(): boolean {
    if (!this.#parts.isLeader()) return false
    const agoMs = performance.now() - this.#sweptAtMs
    return agoMs >= (this.#isAllTouched ? SWEEP_AT_ONCE_MS : SWEEP_MS)
  }

  async #sweep(signal: AbortSignal): Promise<void> {
    this.#isAllTouched = false
    this.#sweptAtMs = performance.now()
    let after: string | null = null
    do {
      const page: readonly OpenSession[] = await this.#parts.store.openAfter(after, SWEEP_PAGE)
      await this.#judge(page)
      after = page.length === SWEEP_PAGE ? (page.at(-1)?.id ?? null) : null
    } while (after !== null && !signal.aborted)
  }

  async #judge(sessions: readonly OpenSession[]): Promise<void> {
    const wanted = sessions.flatMap((session): Wanted[] => {
      const judged = judgeSession(session, this.#parts)
      return judged === null ? [] : [{ sessionId: session.id, ...judged }]
    })
    if ((await this.#parts.store.want(wanted)) > 0) this.wake()
  }

  async #send(signal: AbortSignal): Promise<void> {
    for (;;) {
      const count = await this.#serveLane({ lane: 'urgent' }, signal)
      if (count < CLAIMED_AT_ONCE || signal.aborted) return
    }
  }

  /** What follows from a rule: a few each second, and by one daemon for all. */
  async #pace(signal: AbortSignal): Promise<void> {
    const nowMs = performance.now()
    if (!this.#parts.isLeader() || nowMs - this.#pacedAtMs < PACE_MS) return
    this.#pacedAtMs = nowMs
    await this.#serveLane({ lane: 'paced', perNas: PACED_PER_NAS }, signal)
  }

  async #serveLane(lane: ClaimedLane, signal: AbortSignal): Promise<number> {
    const claims = await this.#parts.store.claim(CLAIMED_AT_ONCE, lane)
    await Promise.all(claims.map((claim) => this.#serve(claim, signal)))
    return claims.length
  }

  async #serve(claim: DisconnectClaim, signal: AbortSignal): Promise<void> {
    const outcome = await this.#ask(claim, signal)
    const isOurs = await this.#parts.store.settle(claim, outcome)
    this.#parts.log.info('radius.session-disconnect', {
      session: claim.sessionId,
      principal: claim.session.principalId,
      cause: claim.cause,
      attempts: claim.attempts,
      isOurs,
      ...outcome,
    })
    // A change that was refused becomes another request, due at once.
    if (outcome.status === 'waiting' && outcome.kind !== undefined) this.wake()
  }

  async #ask(claim: DisconnectClaim, signal: AbortSignal): Promise<DisconnectOutcome> {
    const { directory, retransmission, nowMs = Date.now } = this.#parts
    const judged = judgeSession(claim.session, this.#parts)
    if (judged === null && claim.actor === null)
      return { status: 'needless', outcome: 'she may go on after all' }
    const nas = directory.nasById(claim.session.nasId)
    if (nas === null) return { status: 'left', outcome: 'the NAS is known no more' }
    const { mode } = nas.dynamicAuthorization
    if (!takesRequests(nas))
      return {
        status: 'left',
        outcome: 'the NAS takes no such requests: its Session-Timeout ends it',
      }
    const { identity } = claim.session
    if (identity === null)
      return { status: 'left', outcome: 'the NAS has not said yet where the session is' }
    const grant =
      judged?.kind === 'disconnect' || claim.kind === 'disconnect' ? null : this.#grantOf(claim)
    // No VLAN at all is nothing that a CoA could say.
    const isChange = mode === 'coa' && grant !== null && grant.vlan !== null
    const order: Order = {
      claim,
      nas,
      address: identity.from,
      vlan: isChange ? grant.vlan : null,
    }
    const outcome = await sendOrder(order, {
      signal,
      nowMs,
      ...(retransmission === undefined ? {} : { retransmission }),
    })
    return outcome.status === 'done' && isChange
      ? { ...outcome, granted: digestGrant(grant) }
      : outcome
  }

  /** What lets her in now; null when nothing does. */
  #grantOf({ session }: DisconnectClaim): Grant | null {
    const { directory } = this.#parts
    const entry = directory.entryById(session.principalId)
    const network = directory.networks().find(({ id }) => id === session.networkId)
    if (entry === null || network === undefined) return null
    const decision = decide(directory, entry, { kind: 'network', network })
    return decision.ok ? decision.grant : null
  }
}
