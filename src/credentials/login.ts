import type { Freshness } from '../directory/directory.ts'
import type { AuthEvent, AuthEventSink } from '../observe/auth-event.ts'
import { addressKey } from './address-key.ts'
import type { Denial } from './authenticate.ts'
import { AuthenticationUnavailable } from './authenticate.ts'
import type { NameLimit } from './name-limit.ts'
import { prepareOpaqueString } from './opaque-string.ts'
import type { Checked, CheckTurn, Claim, PasswordVerifier } from './password-verifier.ts'

/** What is known of a try to get in before anything is checked. */
export interface Login<W> {
  /** Folded; counted against the address and standing for a name that leads to nobody. */
  readonly name: string
  readonly password: Buffer
  readonly address: string
  readonly resourceKind: AuthEvent['resourceKind']
  /** Whether the address stands for one party, so that the names it tries may be counted. */
  readonly isAddressLimited: boolean
  /** Whom the name leads to now; asked again after every wait. Null when to nobody. */
  readonly find: () => Claimed<W> | null
  /** The event of an answer; the outcome, reason and principal are filled in. */
  readonly describe: () => Omit<AuthEvent, 'atMs' | 'outcome' | 'reason' | 'principalId'>
}

export interface Claimed<W> {
  readonly claim: Claim
  readonly decide: () => LoginOutcome<W>
}

export type LoginOutcome<W> =
  | { readonly ok: true; readonly who: W }
  | { readonly ok: false; readonly denial: Denial }

/** A credential that keeps changing under a log-in is somebody's mistake, not a reason to go on. */
const MAX_RUNS = 3

interface Run<W> {
  readonly login: Login<W>
  readonly signal: AbortSignal
  readonly count: number
}

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
  run<W>(login: Login<W>, signal: AbortSignal): LoginOutcome<W> | Promise<LoginOutcome<W>> {
    try {
      const outcome = this.#judge({ login, signal, count: 1 })
      return outcome instanceof Promise
        ? outcome.catch((error: unknown) => this.#fail(login, error))
        : outcome
    } catch (error) {
      return this.#fail(login, error)
    }
  }

  #judge<W>(run: Run<W>): LoginOutcome<W> | Promise<LoginOutcome<W>> {
    const { login } = run
    if (this.#freshness() === 'too-stale') throw new AuthenticationUnavailable('stale')
    if (login.isAddressLimited && this.#names.isLimited(login.address, this.#nowMs())) {
      return this.#denyNameless(run, 'too-many-names')
    }
    const claimed = login.find()
    if (claimed === null) return this.#denyNameless(run, 'unknown-name')
    const password = prepareOpaqueString(login.password)
    // Never right, so it is no guess: a wrong shared secret turns passwords into such bytes.
    if (password === null) {
      return this.#denyNameless(run, 'wrong-password', claimed.claim.principalId)
    }
    const checked = this.#verifier.check(claimed.claim, password, this.#turnOf(run))
    return checked instanceof Promise
      ? checked.then((later) => this.#concludeLater(run, claimed, later))
      : this.#conclude(run, claimed, checked)
  }

  /** While argon2 ran, anything may have changed: what is answered is what holds now. */
  #concludeLater<W>(
    run: Run<W>,
    before: Claimed<W>,
    checked: Checked,
  ): LoginOutcome<W> | Promise<LoginOutcome<W>> {
    if (this.#freshness() === 'too-stale') throw new AuthenticationUnavailable('stale')
    const now = run.login.find()
    if (now === null) return this.#answer(run.login, 'deleted', before.claim.principalId)
    if (now.claim.candidates === before.claim.candidates) return this.#conclude(run, now, checked)
    if (run.count === MAX_RUNS) throw new Error('a credential kept changing while it was verified')
    return this.#judge({ ...run, count: run.count + 1 })
  }

  #conclude<W>(
    run: Run<W>,
    claimed: Claimed<W>,
    checked: Checked,
  ): LoginOutcome<W> | Promise<LoginOutcome<W>> {
    const { principalId } = claimed.claim
    const outcome = outcomeOf(claimed, checked)
    if (outcome.ok) {
      if (run.login.isAddressLimited) this.#names.recordSuccess(run.login.address, run.login.name)
      this.#record(run.login, { outcome: 'success', reason: null, principalId })
      return outcome
    }
    if (checked.hasTakenTime) {
      this.#verifier.markSeen(checked.pair)
      return this.#answer(run.login, outcome.denial, principalId)
    }
    return this.#denyInTime(run, checked.pair, { denial: outcome.denial, principalId })
  }

  /** For a denial that depends on the name alone and not on any credential. */
  #denyNameless<W>(run: Run<W>, denial: Denial, principalId: string | null = null) {
    const pair = this.#verifier.pairOfName(run.login.name, run.login.password)
    return this.#denyInTime(run, pair, { denial, principalId })
  }

  #denyInTime<W>(
    run: Run<W>,
    pair: string,
    { denial, principalId }: { readonly denial: Denial; readonly principalId: string | null },
  ): LoginOutcome<W> | Promise<LoginOutcome<W>> {
    const moment = this.#verifier.settle(pair, this.#turnOf(run))
    return moment === null
      ? this.#answer(run.login, denial, principalId)
      : moment.then(() => this.#answer<W>(run.login, denial, principalId))
  }

  #answer<W>(login: Login<W>, denial: Denial, principalId: string | null): LoginOutcome<W> {
    if (login.isAddressLimited && (denial === 'unknown-name' || denial === 'wrong-password')) {
      this.#names.recordFailure(login.address, login.name, this.#nowMs())
    }
    this.#record(login, { outcome: 'denied', reason: denial, principalId })
    return { ok: false, denial }
  }

  /** A fault is recorded and goes on its way; leaving before the answer is recorded as well. */
  #fail<W>(login: Login<W>, error: unknown): never {
    this.#record(login, { outcome: 'unavailable', reason: reasonOf(error), principalId: null })
    throw error
  }

  #record<W>(login: Login<W>, answer: Pick<AuthEvent, 'outcome' | 'reason' | 'principalId'>): void {
    this.#events.record({ ...login.describe(), ...answer, atMs: this.#nowMs() })
  }

  #turnOf<W>({ login, signal }: Run<W>): CheckTurn {
    const key = `${login.resourceKind}|${addressKey(login.address)}`
    return { key, signal, onRight: this.#onRight }
  }
}

function outcomeOf<W>(claimed: Claimed<W>, { verdict }: Checked): LoginOutcome<W> {
  if (verdict.isRight) return claimed.decide()
  if (verdict.denial !== 'no-credential') return { ok: false, denial: verdict.denial }
  // Of somebody who never had a password, that she is staged or held tells the reader more.
  const decision = claimed.decide()
  const isAboutHer = !decision.ok && (decision.denial === 'staged' || decision.denial === 'held')
  return isAboutHer ? decision : { ok: false, denial: 'no-credential' }
}

function reasonOf(error: unknown): string {
  if (error instanceof AuthenticationUnavailable) return error.reason
  return error instanceof Error && error.name === 'AbortError' ? 'abandoned' : 'fault'
}
