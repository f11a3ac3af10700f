import type { Argon2Pool } from './argon2-pool.ts'
import { AuthenticationUnavailable } from './authenticate.ts'
import type { Asked, Checked, Claim, Verdict } from './claim.ts'
import type { DelegatedAnswer, DelegatedPasswords, Delegation, Note } from './delegated-password.ts'
import { ExpiringMap } from './expiring-map.ts'
import type { Failures } from './failures.ts'
import type { ForwardBudget } from './forward-budget.ts'
import type { RememberedPasswords } from './remembered-passwords.ts'
import { SharedWork } from './shared-work.ts'
import { Slots } from './slots.ts'

/**
 * A yes is good for so long without asking again, not sliding: LDAP applications bind for each
 * request, and a password changed at the source stops working here within this time.
 */
const RIGHT_KEPT_MS = 60_000
/** A wrong value is not sent again for so long; a NAS repeats it, and the source would count it. */
const WRONG_KEPT_MS = 5 * 60_000
/** A refusal with the right password raises the account's risk at the source if it is repeated. */
const REFUSED_KEPT_MS = 60_000
/** As long as tries that were sent are counted. */
const LATE_KEPT_MS = 10 * 60_000
const MAX_ANSWERS = 100_000
const MAX_PEOPLE = 50_000
/** Sent at the same time; each on a connection of its own. */
const MAX_SENDING = 32
const MAX_WAITING = 512
const MAX_WAITING_EACH = 8
/** From the question to the answer, the wait for a turn included: RADIUS clients ask elsewhere then. */
const DEADLINE_MS = 5_000

/** A claim of somebody whose password is checked where she comes from. */
export interface DelegatedClaim extends Claim {
  readonly delegation: Delegation
}

/** What was answered, as the source's setting was then: with another one it is asked again. */
interface Known {
  readonly verdict: Verdict
  readonly delegation: Delegation
}

type Answered =
  | { readonly isAnswer: true; readonly verdict: Verdict }
  | { readonly isAnswer: false; readonly answer: Unavailable }
  | { readonly isAnswer: null }
type Unavailable = Extract<DelegatedAnswer, { kind: 'unavailable' }>

export interface DelegatedVerifierParts {
  readonly source: DelegatedPasswords
  readonly pool: Argon2Pool
  readonly failures: Failures
  readonly budget: ForwardBudget
  readonly remembered: RememberedPasswords
  readonly nowMs: () => number
  readonly deadlineMs?: number
}

/**
 * Has passwords checked where people come from, with care for the accounts there: what is known is
 * not asked again, so few wrong ones are sent that none locks an account, and what goes wrong with
 * one person's attempt is no other's business. Only an explicit yes is a yes.
 */
export class DelegatedVerifier {
  readonly #parts: DelegatedVerifierParts
  readonly #known = new ExpiringMap<Known>(MAX_ANSWERS)
  readonly #coolDowns = new ExpiringMap<Verdict | Unavailable>(MAX_PEOPLE)
  /** People whose last attempt found no answer in time. */
  readonly #late = new ExpiringMap<Unavailable>(MAX_PEOPLE)
  /** Pairs that did not match what is remembered; told apart from wrong, since it may be old. */
  readonly #unlike = new ExpiringMap<true>(MAX_ANSWERS)
  readonly #asking = new SharedWork<Answered>()
  readonly #slots = new Slots({
    slots: MAX_SENDING,
    maxWaiting: MAX_WAITING,
    maxWaitingPerKey: MAX_WAITING_EACH,
  })

  constructor(parts: DelegatedVerifierParts) {
    this.#parts = parts
  }

  /** Whether this very attempt is under way already, so that joining it is no further guess. */
  isAsking(pair: string): boolean {
    return this.#asking.has(pair)
  }

  /**
   * Null when the source does not know her after all.
   *
   * @throws {AuthenticationUnavailable} as a rejection, when neither yes nor no can be said
   */
  check(claim: DelegatedClaim, asked: Asked): Checked | Promise<Checked | null> {
    const { pair, turn } = asked
    const known = this.#known.find(pair, turn.atMs)
    if (known !== null && known.delegation === claim.delegation) {
      const { verdict } = known
      if (verdict.isRight) this.#parts.failures.recordSuccess(claim)
      return { verdict, hasTakenTime: false, pair }
    }
    const cooling = this.#coolDowns.find(claim.principalId, turn.atMs)
    if (cooling !== null && 'isRight' in cooling) {
      return { verdict: cooling, hasTakenTime: false, pair }
    }
    if (cooling !== null) return this.#standIn(claim, asked, cooling)
    if (!this.#asking.has(pair) && this.#parts.budget.isSpent(claim)) {
      const late = this.#late.find(claim.principalId, turn.atMs)
      // Nobody has said that they were wrong, so it is no "no"; nor is it known that nobody would.
      if (late !== null) return Promise.reject(unavailableTo(claim, late))
      const verdict = refusal('source-tries-spent', { source: claim.delegation.sourceName })
      return { verdict, hasTakenTime: false, pair }
    }
    const password = Buffer.from(asked.password)
    return this.#ask(claim, { ...asked, password }).finally(() => password.fill(0))
  }

  async #ask(claim: DelegatedClaim, asked: Asked): Promise<Checked | null> {
    const { pair, turn } = asked
    const answered = await this.#asking.join(
      pair,
      (signal) => this.#askOnce(claim, asked, signal),
      turn.signal,
    )
    if (answered.isAnswer === null) return null
    if (!answered.isAnswer) return this.#standIn(claim, asked, answered.answer)
    return { verdict: answered.verdict, hasTakenTime: true, pair }
  }

  /** Remembers and counts here, once for all who share it, and also when they have gone away. */
  async #askOnce(claim: DelegatedClaim, asked: Asked, gone: AbortSignal): Promise<Answered> {
    const { budget, failures } = this.#parts
    const ends = [budget.begin(claim), failures.beginTry(claim)]
    const deadline = AbortSignal.timeout(this.#parts.deadlineMs ?? DEADLINE_MS)
    // Whoever began it may go away, and wipes what was typed then.
    const password = Buffer.from(asked.password)
    const own = { ...asked, password }
    try {
      const giveBack = await this.#takeSlot(claim, gone, deadline)
      const answer = await this.#send(claim, own, deadline).finally(giveBack)
      return this.#learn(claim, own, answer)
    } finally {
      password.fill(0)
      for (const end of ends) end()
    }
  }

  /** Our own crowd says nothing about the source, so nothing remembered may stand in for it. */
  async #takeSlot(
    { principalId }: Claim,
    gone: AbortSignal,
    deadline: AbortSignal,
  ): Promise<() => void> {
    try {
      return await this.#slots.take(principalId, AbortSignal.any([gone, deadline]))
    } catch (error) {
      if (!deadline.aborted || gone.aborted) throw error
      throw new AuthenticationUnavailable('overloaded', { principalId })
    }
  }

  /**
   * Once it is sent the source counts it, whether or not anybody waits: so a caller who hangs up
   * does not end it, and one whose answer did not come in time counts as wrong, unless it is what
   * the source has found right lately.
   */
  async #send(
    claim: DelegatedClaim,
    asked: Asked,
    deadline: AbortSignal,
  ): Promise<DelegatedAnswer> {
    const { principalId, delegation } = claim
    try {
      const { password } = asked
      const answer = await this.#parts.source.check({ delegation, principalId, password }, deadline)
      if (answer.kind !== 'unavailable') this.#late.delete(principalId)
      return answer
    } catch (error) {
      if (!(deadline.aborted && (await this.#isRemembered(claim, asked)))) this.#countWrong(claim)
      if (!deadline.aborted) throw error
      const note = { source: delegation.sourceName, why: 'no answer in time' }
      const reason = 'source-unavailable'
      const late = { kind: 'unavailable', reason, note, coolDownMs: 0 } as const
      this.#late.put(principalId, late, this.#parts.nowMs() + LATE_KEPT_MS)
      return late
    }
  }

  /** Not asked whether it may serve: only whether the source is likely to have counted it. */
  async #isRemembered(claim: DelegatedClaim, { password, turn }: Asked): Promise<boolean> {
    const { pool, remembered } = this.#parts
    const held = remembered.find(claim)
    if (held === null) return false
    return await pool.verify(held.verifier, password, { key: turn.key }).catch(() => false)
  }

  #countWrong(claim: DelegatedClaim): void {
    this.#parts.budget.recordWrong(claim)
    this.#parts.failures.recordFailure(claim)
  }

  #learn(claim: DelegatedClaim, asked: Asked, answer: DelegatedAnswer): Answered {
    switch (answer.kind) {
      case 'right':
        return { isAnswer: true, verdict: this.#learnRight(claim, asked, answer.note) }
      case 'wrong':
        return { isAnswer: true, verdict: this.#learnWrong(claim, asked, answer.note) }
      case 'impossible':
        return { isAnswer: true, verdict: this.#learnImpossible(claim, asked, answer.note) }
      case 'refused':
        return { isAnswer: true, verdict: this.#learnRefused(claim, asked, answer) }
      case 'unavailable':
        this.#coolDown(claim, answer, answer.coolDownMs)
        return { isAnswer: false, answer }
      default:
        return { isAnswer: null }
    }
  }

  #learnRight(claim: DelegatedClaim, { pair, password }: Asked, note: Note): Verdict {
    const { budget, failures, remembered } = this.#parts
    budget.recordRight(claim)
    failures.recordSuccess(claim)
    remembered.remember(claim, password)
    const verdict: Verdict = { isRight: true, credential: null, note }
    this.#know(claim, pair, { verdict, keptMs: RIGHT_KEPT_MS })
    return verdict
  }

  #learnWrong(claim: DelegatedClaim, { pair, password }: Asked, note: Note): Verdict {
    this.#countWrong(claim)
    this.#parts.remembered.forgetIfMadeOf(claim.principalId, password)
    const verdict = refusal('wrong-password', note)
    this.#know(claim, pair, { verdict, keptMs: WRONG_KEPT_MS })
    return verdict
  }

  /** Never sent, so the source has not counted it; whoever tries many is slowed down all the same. */
  #learnImpossible(claim: DelegatedClaim, { pair }: Asked, note: Note): Verdict {
    this.#parts.failures.recordFailure(claim)
    const verdict = refusal('source-unsupported', note)
    this.#know(claim, pair, { verdict, keptMs: WRONG_KEPT_MS })
    return verdict
  }

  #learnRefused(
    claim: DelegatedClaim,
    { pair }: Asked,
    answer: Extract<DelegatedAnswer, { kind: 'refused' }>,
  ): Verdict {
    const verdict = refusal(answer.denial, answer.note)
    if (answer.forgets) this.#parts.remembered.forget(claim.principalId)
    this.#know(claim, pair, { verdict, keptMs: REFUSED_KEPT_MS })
    this.#coolDown(claim, verdict, answer.coolDownMs)
    return verdict
  }

  #know(
    { delegation }: DelegatedClaim,
    pair: string,
    { verdict, keptMs }: { readonly verdict: Verdict; readonly keptMs: number },
  ): void {
    this.#known.put(pair, { verdict, delegation }, this.#parts.nowMs() + keptMs)
  }

  #coolDown({ principalId }: Claim, known: Verdict | Unavailable, forMs: number): void {
    if (forMs > 0) this.#coolDowns.put(principalId, known, this.#parts.nowMs() + forMs)
  }

  /** The source cannot be asked: what it said lately may serve, where that is allowed. */
  async #standIn(claim: DelegatedClaim, asked: Asked, answer: Unavailable): Promise<Checked> {
    const { pool, failures, remembered, nowMs } = this.#parts
    const { pair, password, turn } = asked
    const { reason, note } = answer
    const unavailable = unavailableTo(claim, answer)
    const held = reason === 'source-unavailable' ? remembered.find(claim) : null
    if (held === null || this.#unlike.find(pair, nowMs()) !== null) throw unavailable
    const endTry = failures.beginTry(claim)
    const isRight = await pool
      .verify(held.verifier, password, { key: turn.key, signal: turn.signal })
      .finally(endTry)
    if (isRight) {
      failures.recordSuccess(claim)
      const verdict: Verdict = {
        isRight: true,
        credential: held,
        note: { ...note, remembered: true },
      }
      return { verdict, hasTakenTime: true, pair }
    }
    // It may be the new one, so it is no "wrong"; but whoever guesses is slowed down all the same.
    failures.recordFailure(claim)
    this.#unlike.put(pair, true, nowMs() + WRONG_KEPT_MS)
    throw unavailable
  }
}

type Wrong = Extract<Verdict, { isRight: false }>

function unavailableTo(
  { principalId }: Claim,
  { reason, note }: Unavailable,
): AuthenticationUnavailable {
  return new AuthenticationUnavailable(reason, { note, principalId })
}

function refusal(denial: Wrong['denial'], note: Note): Wrong {
  return { isRight: false, denial, note }
}
