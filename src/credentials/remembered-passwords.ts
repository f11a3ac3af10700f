import type { Credential } from '../directory/credential.ts'
import type { PrincipalId } from '../directory/id.ts'
import type { RememberedPasswordStore } from '../directory/ports/resources.ts'
import type { Argon2Pool } from './argon2-pool.ts'
import type { CredentialIndex } from './credential-index.ts'
import type { Delegation } from './delegated-password.ts'
import { ExpiringMap } from './expiring-map.ts'
import { KeyedDigest } from './keyed-digest.ts'

/** At most so many are hashed behind answers at once; the next log-in is another chance. */
const MAX_UNDER_WAY = 32
/** People whose last verifier is known; of others it is made once more than needed. */
const MAX_MADE = 50_000
/** A verifier is made anew when this part of its time is over, not at every log-in. */
const RENEWED_AFTER = 1 / 4

interface Whose {
  readonly principalId: PrincipalId
  readonly principalVersion: number
  readonly delegation: Delegation
}

/**
 * Passwords a source has found right, kept as verifiers for the time it cannot be asked. One serves
 * only while nothing about the person has changed since: a hold, a release or an edit ends it.
 */
export class RememberedPasswords {
  readonly #pool: Argon2Pool
  readonly #credentials: CredentialIndex
  readonly #store: RememberedPasswordStore
  readonly #nowMs: () => number
  readonly #onFault: (error: unknown) => void
  readonly #digest = new KeyedDigest()
  /** Which password the last verifier of a principal was made of. */
  readonly #made = new ExpiringMap<{ readonly verifier: string; readonly digest: string }>(MAX_MADE)
  /** Ended here, also while the database cannot be told. */
  readonly #ended = new WeakSet<Credential>()
  readonly #underWay = new Map<PrincipalId, Promise<void>>()

  constructor(parts: {
    readonly pool: Argon2Pool
    readonly credentials: CredentialIndex
    readonly store: RememberedPasswordStore
    readonly nowMs: () => number
    readonly onFault: (error: unknown) => void
  }) {
    this.#pool = parts.pool
    this.#credentials = parts.credentials
    this.#store = parts.store
    this.#nowMs = parts.nowMs
    this.#onFault = parts.onFault
  }

  /** What may stand in for the source just now; null when nothing does. */
  find({ principalId, principalVersion, delegation }: Whose): Credential | null {
    const found = this.#credentials.rememberedPasswordOf(principalId)
    if (found === null || this.#ended.has(found) || found.label !== delegation.sourceName)
      return null
    if (found.principalVersion !== principalVersion) return null
    const endsMs = found.createdAtMs + delegation.rememberMs
    return endsMs > this.#nowMs() ? found : null
  }

  /** After an explicit yes. Never throws and never keeps the log-in waiting. */
  remember(whose: Whose, password: Buffer): void {
    const { principalId, delegation } = whose
    if (delegation.rememberMs === 0) return
    if (this.#underWay.size >= MAX_UNDER_WAY) return
    const digest = this.#digest.ofText(principalId, password)
    const held = this.find(whose)
    const made = this.#made.find(principalId, this.#nowMs())
    const isSame = made?.digest === digest && made.verifier === held?.verifier
    if (held !== null && isSame && this.#isYoung(held, delegation)) return
    const copy = Buffer.from(password)
    this.#behind(principalId, () => this.#remember(whose, copy, digest))
  }

  /** The source has said no to her for a reason that holds in an outage as well. */
  forget(principalId: PrincipalId): void {
    const held = this.#credentials.rememberedPasswordOf(principalId)
    if (held !== null) this.#ended.add(held)
    // One may be on its way to the index, so the database is asked in any case where one could be.
    if (held !== null || this.#underWay.has(principalId)) {
      this.#behind(principalId, () => this.#store.forget(principalId))
    }
  }

  /** The source finds a password wrong: if that is the one remembered, it was changed there. */
  forgetIfMadeOf(principalId: PrincipalId, password: Buffer): void {
    const held = this.#credentials.rememberedPasswordOf(principalId)
    if (held === null) return
    const copy = Buffer.from(password)
    this.#behind(principalId, async () => {
      const verifying = this.#pool.verify(held.verifier, copy, { key: 'remembered' })
      const isSame = await verifying.finally(() => copy.fill(0))
      if (!isSame) return
      this.#ended.add(held)
      await this.#store.forget(principalId)
    })
  }

  /** Resolves when what is under way has ended, well or not. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay.values())
  }

  async #remember(whose: Whose, password: Buffer, digest: string): Promise<void> {
    const { principalId, principalVersion, delegation } = whose
    const hashing = this.#pool.hash(password, { key: 'remembered' })
    const verifier = await hashing.finally(() => password.fill(0))
    await this.#store.remember({
      principalId,
      principalVersion,
      verifier,
      sourceName: delegation.sourceName,
      rememberMs: delegation.rememberMs,
    })
    this.#made.put(principalId, { verifier, digest }, this.#nowMs() + delegation.rememberMs)
  }

  #isYoung(credential: Credential, { rememberMs }: Delegation): boolean {
    return this.#nowMs() - credential.createdAtMs < rememberMs * RENEWED_AFTER
  }

  /** One after the other for each person, so that what is forgotten last stays forgotten. */
  #behind(principalId: PrincipalId, work: () => Promise<void>): void {
    const before = this.#underWay.get(principalId)
    const done = (before ?? Promise.resolve())
      .then(work)
      .catch(this.#onFault)
      .finally(() => {
        if (this.#underWay.get(principalId) === done) this.#underWay.delete(principalId)
      })
    this.#underWay.set(principalId, done)
  }
}
