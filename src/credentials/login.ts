import type { Freshness } from '../directory/directory.ts'
import type { CredentialId } from '../directory/id.ts'
import type { AuthEvent, AuthEventSink } from '../observe/auth-event.ts'
import { addressKey } from './address-key.ts'
import type { Caller, Denial, ShownPassword } from './authenticate.ts'
import { AuthenticationUnavailable } from './authenticate.ts'
import { type Checked, type CheckTurn, type Claim, revocableIdOf } from './claim.ts'
import type { Note } from './delegated-password.ts'
import type { NameLimit } from './name-limit.ts'
import { prepareOpaqueString } from './opaque-string.ts'
import type { PasswordVerifier } from './password-verifier.ts'

interface Admitted {
  readonly ok: true
  readonly credentialId?: CredentialId
  readonly password?: ShownPassword
}

export interface Denied {
  readonly ok: false
  readonly denial: Denial
}

export type Answer = Pick<AuthEvent, 'atMs' | 'outcome' | 'reason' | 'principalId'> & {
  /** More for the record: what the place that checked the password said. */
  readonly note?: Note | undefined
}

/**
 * A try to get in, as its kind of caller looks it up and decides it. Each cached log-in makes one,
 * so an implementation is a class and not a handful of closures.
 */
export interface Login<Yes extends Admitted = Admitted> {
  /** Folded; counted against the address and standing for a name that leads to nobody. */
  readonly name: string
  readonly password: Buffer
  readonly address: string
  readonly resourceKind: AuthEvent['resourceKind']
  /** Whether the address stands for one party, so that the names it tries may be counted. */
  readonly isAddressLimited: boolean
  /** Whether more is asked for after a yes, which then is not recorded as the answer. */
  readonly isFirstStep: boolean
  /** Whom the name leads to now; asked again after every wait. Null when to nobody. */
  find(): Claim | null
  /** Whether the one found last may have what she asks for, her password being right. */
  decide(): Yes | Denied
  describe(answer: Answer): AuthEvent
}

/** Whom an answer is about, and what the record says beside it. */
interface About {
  readonly principalId: string | null
  readonly note?: Note | undefined
}

/** A credential that keeps changing under a log-in is somebody's mistake, not a reason to go on. */
const MAX_RUNS = 3

type Outcome<Yes extends Admitted> = Yes | Denied | Promise<Yes | Denied>

/**
 * The one order in which a try is judged: are we allowed to answer, may this address ask, who is it,
 * is the password right, may she use this. The password comes before anything is said about the
 * account, so the answers for unknown, held and wrong differ neither in text nor in time.
 */
export class LoginProcedure {
  readonly #verifier: PasswordVerifier
  readonly #names: NameLimit
  readonly #events: AuthEventSink
  readonly #freshness: () => Freshness
  readonly #nowMs: () => number
  readonly #onRight: NonNullable<CheckTurn['onRight']>

  constructor(parts: {
    readonly verifier: PasswordVerifier
    readonly names: NameLimit
    readonly events: AuthEventSink
    readonly freshness: () => Freshness
    readonly nowMs: () => number
    readonly onRight: NonNullable<CheckTurn['onRight']>
  }) {
    this.#verifier = parts.verifier
    this.#names = parts.names
    this.#events = parts.events
    this.#freshness = parts.freshness
    this.#nowMs = parts.nowMs
    this.#onRight = parts.onRight
  }

  /** @throws {AuthenticationUnavailable} (or rejects with it) when neither yes nor no can be said */
  run<Yes extends Admitted>(login: Login<Yes>, caller: Caller): Outcome<Yes> {
    try {
      const outcome = this.#judge(new Run(login, caller, this.#onRight))
      return outcome instanceof Promise
        ? outcome.catch((error: unknown) => this.#fail(login, error))
        : outcome
    } catch (error) {
      return this.#fail(login, error)
    }
  }

  #judge<Yes extends Admitted>(run: Run<Yes>): Outcome<Yes> {
    const { login } = run
    if (this.#freshness() === 'too-stale') throw new AuthenticationUnavailable('stale')
    run.atMs = this.#nowMs()
    if (login.isAddressLimited && this.#names.isLimited(login.address, run.atMs)) {
      return this.#denyNameless(run, 'too-many-names', null)
    }
    const claim = login.find()
    if (claim === null) return this.#denyNameless(run, 'unknown-name', null)
    const password = prepareOpaqueString(login.password)
    // Never right, so it is no guess: a wrong shared secret turns passwords into such bytes.
    if (password === null) return this.#denyNameless(run, 'wrong-password', claim.principalId)
    const checked = this.#verifier.check(claim, password, run)
    return checked instanceof Promise
      ? checked.then((later) => this.#concludeLater(run, claim, later))
      : this.#conclude(run, claim, checked)
  }

  /** While argon2 ran, anything may have changed: what is answered is what holds now. */
  #concludeLater<Yes extends Admitted>(
    run: Run<Yes>,
    before: Claim,
    checked: Checked,
  ): Outcome<Yes> {
    if (this.#freshness() === 'too-stale') throw new AuthenticationUnavailable('stale')
    run.atMs = this.#nowMs()
    const claim = run.login.find()
    if (claim === null) return this.#answer(run.login, 'deleted', before)
    const isSame = claim.candidates === before.candidates && claim.delegation === before.delegation
    if (isSame) return this.#conclude(run, claim, checked)
    if (run.count === MAX_RUNS) throw new Error('a credential kept changing while it was verified')
    run.count++
    return this.#judge(run)
  }

  #conclude<Yes extends Admitted>(run: Run<Yes>, claim: Claim, checked: Checked): Outcome<Yes> {
    const { login } = run
    const { principalId } = claim
    const outcome = outcomeOf(login, checked)
    if (outcome.ok) {
      if (login.isAddressLimited) this.#names.recordSuccess(login)
      const { note } = checked.verdict
      const credential = checked.verdict.isRight ? checked.verdict.credential : null
      const credentialId = revocableIdOf(credential)
      const admitted = credentialId === undefined ? outcome : { ...outcome, credentialId }
      if (login.isFirstStep) {
        // What is remembered of a password that is the source's is none of hers here.
        const isHers = credential !== null && credential.type !== 'source-password'
        return isHers ? { ...admitted, password: credential } : admitted
      }
      const answer = {
        atMs: run.atMs,
        outcome: 'success',
        reason: null,
        principalId,
        note,
      } as const
      this.#events.record(login.describe(answer))
      return admitted
    }
    const about = { principalId, note: checked.verdict.note }
    if (!checked.hasTakenTime) return this.#denyInTime(run, checked.pair, [outcome, about])
    this.#verifier.markSeen(checked.pair)
    return this.#answer(login, outcome.denial, about)
  }

  /** For a denial that depends on the name alone and not on any credential. */
  #denyNameless(run: Run, denial: Denial, principalId: string | null): Denied | Promise<Denied> {
    const pair = this.#verifier.pairOfName(run.login.name, run.login.password)
    return this.#denyInTime(run, pair, [{ ok: false, denial }, { principalId }])
  }

  #denyInTime(
    run: Run,
    pair: string,
    [denied, about]: readonly [Denied, About],
  ): Denied | Promise<Denied> {
    const moment = this.#verifier.settle(pair, run)
    return moment === null
      ? this.#answer(run.login, denied.denial, about)
      : moment.then(() => this.#answer(run.login, denied.denial, about))
  }

  #answer(login: Login, denial: Denial, { principalId, note }: About): Denied {
    const atMs = this.#nowMs()
    if (login.isAddressLimited && (denial === 'unknown-name' || denial === 'wrong-password')) {
      this.#names.recordFailure(login.address, login.name, atMs)
    }
    const answer = { atMs, outcome: 'denied', reason: denial, principalId, note } as const
    this.#events.record(login.describe(answer))
    return { ok: false, denial }
  }

  /** A fault is recorded and goes on its way; leaving before the answer is recorded as well. */
  #fail(login: Login, error: unknown): never {
    const reason = reasonOf(error)
    const isSaid = error instanceof AuthenticationUnavailable
    const principalId = isSaid ? error.principalId : null
    const note = (isSaid ? error.note : null) ?? undefined
    const answer = { atMs: this.#nowMs(), outcome: 'unavailable', reason } as const
    this.#events.record(login.describe({ ...answer, principalId, note }))
    throw error
  }
}

/** Made for every try, so all that only a wait needs is found when it is asked for. */
class Run<Yes extends Admitted = Admitted> implements CheckTurn {
  readonly login: Login<Yes>
  readonly onRight: NonNullable<CheckTurn['onRight']>
  /** How many times the password has been checked because its credential changed meanwhile. */
  count = 1
  /** The moment it is judged by; read once, for a clock costs as much as a look-up. */
  atMs = 0
  readonly #caller: Caller

  constructor(login: Login<Yes>, caller: Caller, onRight: NonNullable<CheckTurn['onRight']>) {
    this.login = login
    this.onRight = onRight
    this.#caller = caller
  }

  get key(): string {
    return `${this.login.resourceKind}|${addressKey(this.login.address)}`
  }

  get signal(): AbortSignal {
    return this.#caller.signal
  }
}

function outcomeOf<Yes extends Admitted>(login: Login<Yes>, { verdict }: Checked): Yes | Denied {
  if (verdict.isRight) return login.decide()
  return verdict.denial === 'no-credential'
    ? denyWithoutCredential(login.decide())
    : { ok: false, denial: verdict.denial }
}

/** Of somebody who has nothing to show, that she is staged or held tells the reader more. */
export function denyWithoutCredential(decision: Admitted | Denied): Denied {
  const isAboutHer = !decision.ok && (decision.denial === 'staged' || decision.denial === 'held')
  return isAboutHer ? decision : { ok: false, denial: 'no-credential' }
}

/** What the record calls a fault. */
export function reasonOf(error: unknown): string {
  if (error instanceof AuthenticationUnavailable) return error.reason
  return error instanceof Error && error.name === 'AbortError' ? 'abandoned' : 'fault'
}
