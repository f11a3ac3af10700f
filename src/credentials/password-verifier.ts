import { equalConstantTime } from '../../protocols/wire/index.ts'
import type { Credential } from '../directory/credential.ts'
import type { Argon2Pool } from './argon2-pool.ts'
import {
  type Asked,
  type Checked,
  type CheckTurn,
  type Claim,
  noteOf,
  type Verdict,
} from './claim.ts'
import type { Candidates } from './credential-index.ts'
import type { DelegatedClaim, DelegatedVerifier } from './delegated-verifier.ts'
import type { Failures } from './failures.ts'
import { digestSecret, isAppPassword } from './generated-secret.ts'
import { SharedWork } from './shared-work.ts'
import { VerifierCache } from './verifier-cache.ts'

/**
 * Says whether a password is right. It answers at once from what it remembers and with a promise
 * where argon2 must run.
 *
 * Time is kept equal by one rule: the first denial of a pair (who, password) takes as long as a
 * verification, queueing included, whatever its reason, and a repetition of the same pair is
 * answered at once, whatever its reason. {@link settle} holds the answers to it that needed no argon2.
 */
export class PasswordVerifier {
  readonly #pool: Argon2Pool
  readonly #failures: Failures
  readonly #cache: VerifierCache
  readonly #delegated: DelegatedVerifier | null
  readonly #nowMs: () => number
  readonly #verifications = new SharedWork<boolean>()
  readonly #pauses = new SharedWork<void>()

  constructor(parts: {
    readonly pool: Argon2Pool
    readonly failures: Failures
    readonly cache?: VerifierCache
    readonly delegated?: DelegatedVerifier
    readonly nowMs?: () => number
  }) {
    this.#pool = parts.pool
    this.#failures = parts.failures
    this.#cache = parts.cache ?? new VerifierCache()
    this.#delegated = parts.delegated ?? null
    this.#nowMs = parts.nowMs ?? Date.now
  }

  /** @param password prepared bytes */
  check(claim: Claim, password: Buffer, turn: CheckTurn): Checked | Promise<Checked> {
    const { candidates } = claim
    const pair = this.#cache.keyOf(candidates.stamp, claim.principalVersion, password)
    const generated = candidates.generated.length === 0 ? null : findGenerated(candidates, password)
    // What carries 128 random bits cannot be guessed, so no lock of somebody else's making holds it.
    if (generated !== null) return atOnce(pair, judgeGenerated(claim, generated, turn.atMs))
    // Nobody chooses such a one. A revoked one on a forgotten device is not hashed, not counted, and
    // told to no source.
    if (isAppPassword(password)) return atOnce(pair, wrongPassword)
    // The same value sent twice at once, as by a pool of connections, is one guess.
    const isUnderWay = this.#verifications.has(pair) || this.#delegated?.isAsking(pair) === true
    const blocked = isUnderWay ? null : this.#failures.findBlocked(claim)
    if (blocked !== null) return atOnce(pair, { isRight: false, denial: blocked })
    const asked = { pair, password, turn }
    return this.#delegated !== null && isDelegated(claim)
      ? this.#checkThere(this.#delegated, claim, asked)
      : this.#checkHere(claim, asked)
  }

  #checkThere(
    delegated: DelegatedVerifier,
    claim: DelegatedClaim,
    asked: Asked,
  ): Checked | Promise<Checked> {
    const checked = delegated.check(claim, asked)
    if (!(checked instanceof Promise)) return checked
    const password = Buffer.from(asked.password)
    return checked
      .then((later) => later ?? this.#checkHere(claim, { ...asked, password }))
      .finally(() => password.fill(0))
  }

  #checkHere(claim: Claim, asked: Asked): Checked | Promise<Checked> {
    const { candidates } = claim
    return candidates.primary === null
      ? atOnce(asked.pair, withoutPrimary(candidates))
      : this.#checkPrimary(claim, candidates.primary, asked)
  }

  /** The pair of a name that leads to nobody. */
  pairOfName(name: string, password: Buffer): string {
    return this.#cache.keyOfName(name, password)
  }

  /**
   * To be called before a denial of `pair` is answered that took no time: returns null when it may
   * go out at once, a promise of the right moment otherwise.
   */
  settle(pair: string, turn: CheckTurn): Promise<void> | null {
    const nowMs = this.#nowMs()
    if (this.#cache.findDenied(pair, nowMs) !== null) return null
    const pause = (signal: AbortSignal) => this.#pool.pause({ key: turn.key, signal })
    return this.#pauses.join(pair, pause, turn.signal).then(() => this.markSeen(pair))
  }

  /** Notes a denial of `pair` that has taken its time already. */
  markSeen(pair: string): void {
    this.#cache.rememberDenied(pair, 'seen', this.#nowMs())
  }

  #checkPrimary(claim: Claim, primary: Credential, asked: Asked): Checked | Promise<Checked> {
    const { pair } = asked
    const nowMs = asked.turn.atMs
    const remembered = this.#cache.findRight(pair, nowMs)
    if (remembered !== null) {
      this.#failures.recordSuccess(claim)
      return atOnce(pair, judgeUse(claim, remembered, nowMs))
    }
    if (this.#cache.findDenied(pair, nowMs) === 'wrong') return atOnce(pair, wrongPassword)
    return this.#verifyPrimary(claim, primary, asked)
  }

  async #verifyPrimary(claim: Claim, primary: Credential, asked: Asked): Promise<Checked> {
    const { pair, turn } = asked
    const isRight = await this.#verifications.join(
      pair,
      (signal) => {
        // The caller's buffer may be a socket's; what waits in the queue needs bytes of its own.
        const password = Buffer.from(asked.password)
        const once = this.#verifyOnce(claim, primary, { pair, password, turn, signal })
        return once.finally(() => password.fill(0))
      },
      turn.signal,
    )
    const verdict = isRight ? judgeUse(claim, primary, this.#nowMs()) : wrongPassword
    return { verdict, hasTakenTime: true, pair }
  }

  /** Remembers and counts here, once for all who share it, and also when they have gone away. */
  async #verifyOnce(
    claim: Claim,
    primary: Credential,
    asked: Asked & { readonly signal: AbortSignal },
  ): Promise<boolean> {
    const { pair, password, turn, signal } = asked
    const endTry = this.#failures.beginTry(claim)
    const isRight = await this.#pool
      .verify(primary.verifier, password, { key: turn.key, signal })
      .finally(endTry)
    if (isRight) {
      this.#cache.rememberRight(pair, primary, this.#nowMs())
      this.#failures.recordSuccess(claim)
      turn.onRight?.(primary, password)
    } else {
      this.#cache.rememberDenied(pair, 'wrong', this.#nowMs())
      this.#failures.recordFailure(claim)
    }
    return isRight
  }
}

const wrongPassword: Verdict = { isRight: false, denial: 'wrong-password' }

/** The one that fits; whether one does, and which, is looked for in the same time. */
function findGenerated({ generated }: Candidates, password: Buffer): Credential | null {
  const digest = Buffer.from(digestSecret(password))
  let found: Credential | null = null
  for (const one of generated) {
    if (equalConstantTime(digest, Buffer.from(one.verifier))) found = one
  }
  return found
}

function judgeGenerated(claim: Claim, credential: Credential, atMs: number): Verdict {
  if (credential.type === 'generated-secret') return judgeUse(claim, credential, atMs)
  const note = noteOf(credential)
  if (!servesThere(credential, claim)) return { isRight: false, denial: 'credential-scope', note }
  return { ...judgeUse(claim, credential, atMs), note }
}

/** Where an app or network password is good; never where passwords are changed. */
function servesThere({ type, uses, serviceId }: Credential, claim: Claim): boolean {
  if (type === 'network-password') return claim.takesNetworkPassword
  if (claim.resourceKind === 'network') return uses.includes('radius')
  if (claim.resourceKind !== 'ldap' || !uses.includes('ldap')) return false
  return serviceId === null || serviceId === claim.clientId
}

/** Whether a right password is good for anything but to be changed. */
function judgeUse(
  { isToChange }: Pick<Claim, 'isToChange'>,
  credential: Credential,
  atMs: number,
): Verdict {
  const isExpired = credential.expiresAtMs !== null && credential.expiresAtMs <= atMs
  if (isExpired && credential.isTemporary) return { isRight: false, denial: 'credential-expired' }
  if (isToChange === true) return { isRight: true, credential }
  if (credential.isTemporary) return { isRight: false, denial: 'credential-temporary' }
  return isExpired
    ? { isRight: false, denial: 'credential-expired' }
    : { isRight: true, credential }
}

function isDelegated(claim: Claim): claim is DelegatedClaim {
  return claim.delegation !== null
}

function withoutPrimary(candidates: Candidates): Verdict {
  return candidates.generated.length > 0
    ? wrongPassword
    : { isRight: false, denial: 'no-credential' }
}

function atOnce(pair: string, verdict: Verdict): Checked {
  return { verdict, hasTakenTime: false, pair }
}
