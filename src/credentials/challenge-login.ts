import { randomBytes } from 'node:crypto'
import type { Credential } from '../directory/credential.ts'
import type { Directory, Freshness } from '../directory/directory.ts'
import type { NetworkSecret } from '../directory/ports/network-passwords.ts'
import type { AuthEventSink } from '../observe/auth-event.ts'
import { addressKey } from './address-key.ts'
import {
  AuthenticationUnavailable,
  type Caller,
  type ChallengeAttempt,
  type ChallengeAuthenticator,
  type ChallengeOutcome,
  type ChallengeProof,
  type Denial,
  type Outcome,
} from './authenticate.ts'
import { type Claim, noteOf, revocableIdOf } from './claim.ts'
import type { CredentialIndex } from './credential-index.ts'
import { noDelegation } from './delegated-password.ts'
import { EntryLogin, type EntryLoginParts } from './entry-login.ts'
import type { Failures } from './failures.ts'
import { GuestLogin } from './guest-login.ts'
import { denyWithoutCredential, type Login, reasonOf } from './login.ts'
import type { NetworkSecrets } from './network-secrets.ts'

type Yes = Extract<Outcome, { ok: true }>

/** A credential that keeps changing under a log-in is somebody's mistake, not a reason to go on. */
const MAX_RUNS = 3
const none = Buffer.alloc(0)
/** What a proof is checked against where there is nothing: the work is the same, the answer is no. */
const decoy: NetworkSecret = { ntHash: randomBytes(16), password: randomBytes(32) }

export interface ChallengeLoginParts {
  readonly directory: Directory
  readonly credentials: CredentialIndex
  readonly secrets: NetworkSecrets
  readonly failures: Failures
  readonly events: AuthEventSink
  readonly freshness: () => Freshness
  readonly nowMs?: () => number
}

/** What a proof was judged to be, and by which credential. */
interface Judged<Answer> {
  readonly denial: Denial | null
  readonly answer: Answer | null
  readonly credential: Credential | null
}

/**
 * The way in with a network password that is never sent. Such a password carries 128 random bits or
 * more: a wrong proof counts and is answered by what has been counted, but no lock of somebody else's
 * making holds a right one, as with the password itself.
 */
export class ChallengeLogins implements ChallengeAuthenticator {
  readonly #parts: ChallengeLoginParts
  readonly #entryParts: EntryLoginParts & { readonly nowMs: () => number }
  readonly #nowMs: () => number

  constructor(parts: ChallengeLoginParts) {
    const { directory, credentials } = parts
    this.#parts = parts
    // Nobody else has a network password of hers, so nobody else is asked.
    this.#nowMs = parts.nowMs ?? Date.now
    this.#entryParts = { directory, credentials, delegated: noDelegation, nowMs: this.#nowMs }
  }

  async authenticateChallenge<Answer>(
    attempt: ChallengeAttempt<Answer>,
    caller: Caller,
  ): Promise<ChallengeOutcome<Answer>> {
    const guest = GuestLogin.of(this.#entryParts, attempt, none)
    const login = guest ?? new EntryLogin(this.#entryParts, attempt, none)
    try {
      return guest === null
        ? await this.#run(login, attempt.proof, caller)
        : this.#runGuest(guest, attempt.proof)
    } catch (error) {
      const answer = { atMs: this.#nowMs(), outcome: 'unavailable' } as const
      const reason = reasonOf(error)
      this.#parts.events.record(login.describe({ ...answer, reason, principalId: null }))
      throw error
    }
  }

  /** A guest's secret is in memory with the guest, and wrong proofs of one are not counted. */
  #runGuest<Answer>(login: GuestLogin, proof: ChallengeProof<Answer>): ChallengeOutcome<Answer> {
    this.#requireFresh()
    const claim = login.find()
    const answer = proof.check(pick(login.secret ?? decoy, proof) ?? none)
    const denial = claim === null ? 'unknown-name' : answer === null ? 'wrong-password' : null
    return this.#conclude(login, claim, { denial, answer, credential: null })
  }

  async #run<Answer>(
    login: Login<Yes>,
    proof: ChallengeProof<Answer>,
    caller: Caller,
  ): Promise<ChallengeOutcome<Answer>> {
    for (let run = 0; run < MAX_RUNS; run++) {
      this.#requireFresh()
      const credential = credentialOf(login.find())
      const secret = await this.#secretOf(login, credential, caller)
      // While it was read anything may have changed: what is answered is what holds now.
      this.#requireFresh()
      const claim = login.find()
      if (credentialOf(claim) === credential) {
        return this.#conclude(login, claim, this.#judge(claim, { credential, secret, proof }))
      }
    }
    throw new Error('a network password kept changing while a proof was checked')
  }

  async #secretOf(
    login: Login<Yes>,
    credential: Credential | null,
    { signal }: Caller,
  ): Promise<NetworkSecret | null> {
    const key = `${login.resourceKind}|${addressKey(login.address)}`
    const turn = { key, signal, atMs: this.#nowMs() }
    if (credential !== null) return this.#parts.secrets.find(credential, turn)
    await this.#parts.secrets.pretend(login.name, turn)
    return null
  }

  #judge<Answer>(
    claim: Claim | null,
    shown: {
      readonly credential: Credential | null
      readonly secret: NetworkSecret | null
      readonly proof: ChallengeProof<Answer>
    },
  ): Judged<Answer> {
    const { credential, proof } = shown
    const secret = pick(shown.secret, proof)
    const answer = proof.check(secret ?? pick(decoy, proof) ?? none)
    if (claim === null) return { denial: 'unknown-name', answer: null, credential: null }
    if (secret === null) return { denial: 'no-credential', answer: null, credential }
    if (answer === null) return { denial: this.#countWrong(claim), answer: null, credential: null }
    this.#parts.failures.recordSuccess(claim)
    return { denial: null, answer, credential }
  }

  #countWrong(claim: Claim): Denial {
    const blocked = this.#parts.failures.findBlocked(claim)
    if (blocked !== null) return blocked
    this.#parts.failures.recordFailure(claim)
    return 'wrong-password'
  }

  #conclude<Answer>(
    login: Login<Yes>,
    claim: Claim | null,
    { denial, answer, credential }: Judged<Answer>,
  ): ChallengeOutcome<Answer> {
    const outcome = outcomeOf(login, { denial, answer, credential })
    this.#parts.events.record(
      login.describe({
        atMs: this.#nowMs(),
        outcome: outcome.ok ? 'success' : 'denied',
        reason: outcome.ok ? null : outcome.denial,
        principalId: claim?.principalId ?? null,
        note: credential === null ? undefined : noteOf(credential),
      }),
    )
    return outcome
  }

  #requireFresh(): void {
    if (this.#parts.freshness() === 'too-stale') throw new AuthenticationUnavailable('stale')
  }
}

/** Her network password, where one may be used; a person has one at most. */
function credentialOf(claim: Claim | null): Credential | null {
  if (claim === null || !claim.takesNetworkPassword) return null
  return claim.candidates.generated.find(({ type }) => type === 'network-password') ?? null
}

function pick<Answer>(
  secret: NetworkSecret | null,
  { needs }: ChallengeProof<Answer>,
): Buffer | null {
  if (secret === null) return null
  return needs === 'nt-hash' ? secret.ntHash : secret.password
}

function outcomeOf<Answer>(
  login: Login<Yes>,
  { denial, answer, credential }: Judged<Answer>,
): ChallengeOutcome<Answer> {
  if (denial === 'no-credential') return denyWithoutCredential(login.decide())
  if (denial !== null) return { ok: false, denial }
  if (answer === null) throw new Error('a right proof has an answer')
  const decision = login.decide()
  if (!decision.ok) return decision
  const credentialId = revocableIdOf(credential)
  return credentialId === undefined
    ? { ...decision, answer }
    : { ...decision, answer, credentialId }
}
