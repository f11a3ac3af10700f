import type { Directory } from '../directory/directory.ts'
import type { PasswordPolicy } from '../directory/password-policy.ts'
import type { Person } from '../directory/person.ts'
import type { NewMail } from '../directory/ports/mail.ts'
import type { NewPassword, PasswordStore, Proof } from '../directory/ports/passwords.ts'
import type { Actor, Written } from '../directory/ports/people.ts'
import type { Argon2Pool } from './argon2-pool.ts'
import { isAppPassword } from './generated-secret.ts'
import { prepareOpaqueString } from './opaque-string.ts'
import {
  guessableOf,
  judgeBanned,
  judgeLength,
  judgeStrength,
  LIKE_APP_PASSWORD,
  type PasswordFault,
  UNUSABLE_CHARACTERS,
  USED_BEFORE,
} from './password-rules.ts'
import type { PasswordStrength } from './password-strength.ts'

const DAY_MS = 24 * 60 * 60 * 1_000
/** Somebody else knows a temporary one: it is there to be changed soon. */
const TEMPORARY_MS = 3 * DAY_MS

export interface PasswordToSet {
  readonly person: Person
  /** As it was typed; it stays the caller's, to wipe. */
  readonly password: Buffer
  readonly isTemporary: boolean
  /** Made by us from 128 bits or more: there is nothing to judge. */
  readonly isGenerated?: boolean
  readonly proof: Proof
  /** Whose turn the work takes: the address it came from. */
  readonly key: string
  readonly signal: AbortSignal
}

export type PasswordSet =
  | { readonly kind: 'set'; readonly written: Written }
  | { readonly kind: 'refused'; readonly faults: readonly PasswordFault[] }
  /** Somewhere else it is set first, and there it was not. */
  | { readonly kind: 'not-pushed'; readonly message: string }
  /** Whether it was set there is not known, or it was, and is not stored here. */
  | { readonly kind: 'unknown'; readonly message: string }
  /** The link was used up, or the password changed, in the meantime. */
  | { readonly kind: 'stale' }
  /** Another is setting it at this moment. */
  | { readonly kind: 'busy' }

/** Takes a password elsewhere before it is stored here. */
export interface PasswordPush {
  /**
   * Whether it was taken there, if there is such a place. Keeps nothing of it.
   *
   * @param password prepared bytes
   */
  push(person: Person, password: Buffer, signal: AbortSignal): Promise<Pushed>
}

export type Pushed =
  | { readonly kind: 'nowhere' }
  /** `where` in words for the person. */
  | { readonly kind: 'taken'; readonly where: string }
  | { readonly kind: 'refused' | 'unknown'; readonly message: string }

export interface PasswordSetterParts {
  readonly directory: Directory
  readonly pool: Argon2Pool
  readonly strength: PasswordStrength
  readonly store: PasswordStore
  /** What she is told by mail; null when nothing is sent. */
  readonly notice: (
    person: Person,
    what: { readonly isTemporary: boolean },
  ) => Promise<NewMail | null>
  /** Null where passwords go nowhere else. */
  readonly push: PasswordPush | null
  /** Told what kept a password from being stored here, once another place had taken it. */
  readonly onFault: (person: Person, error: unknown) => void
  readonly nowMs?: () => number
}

/** The one way in which people's passwords are set, whoever sets them. */
export class PasswordSetter {
  readonly #parts: PasswordSetterParts

  constructor(parts: PasswordSetterParts) {
    this.#parts = parts
  }

  /** The rules that hold now. */
  get policy(): PasswordPolicy {
    return this.#parts.directory.settings.passwordPolicy
  }

  /**
   * Judges the password by the policy, takes it elsewhere, and stores what verifies it. Nothing is
   * known to have changed here unless it says `set`; where it throws, nothing has changed anywhere
   * else.
   *
   * @throws {AuthenticationUnavailable} {@link DirectoryError}
   */
  async set(asked: PasswordToSet, actor: Actor): Promise<PasswordSet> {
    const password = prepareOpaqueString(asked.password)
    if (password === null) return { kind: 'refused', faults: [UNUSABLE_CHARACTERS] }
    try {
      // What is judged tells whether it was used before: to nobody whose proof is over.
      if (!(await this.#parts.store.holds(asked.person.id, asked.proof))) return { kind: 'stale' }
      const faults = asked.isGenerated === true ? [] : await this.#judge(asked, password)
      if (faults.length > 0) return { kind: 'refused', faults }
      return await this.#store(asked, password, actor)
    } finally {
      if (password !== asked.password) password.fill(0)
    }
  }

  async #store(asked: PasswordToSet, password: Buffer, actor: Actor): Promise<PasswordSet> {
    const { pool, store, notice, onFault } = this.#parts
    const { person, isTemporary, proof, key, signal } = asked
    // Before anything is written anywhere: a hash that fails leaves both places as they were.
    const verifier = await pool.hash(password, { key, signal })
    const told = await notice(person, { isTemporary })
    const claimed = await store.claim(person.id, proof)
    if (claimed.kind !== 'claimed') return claimed
    const { claim } = claimed
    try {
      const pushed = await this.#push(asked, password)
      if (pushed.kind === 'refused') return { kind: 'not-pushed', message: pushed.message }
      if (pushed.kind === 'unknown') return { kind: 'unknown', message: pushed.message }
      const kept = {
        principalId: person.id,
        verifier,
        isTemporary,
        expiresAtMs: this.#expiryOf(isTemporary),
        keptHistory: this.policy.history,
        proof,
        claim,
        notice: told,
      }
      return pushed.kind === 'taken'
        ? await this.#keepPushed(asked, kept, { where: pushed.where, actor })
        : setOrStale(await store.set(kept, actor))
    } finally {
      // One that stays ends by itself.
      await store.release(person.id, claim).catch((error: unknown) => onFault(person, error))
    }
  }

  async #push({ person, isTemporary, signal }: PasswordToSet, password: Buffer): Promise<Pushed> {
    const { push } = this.#parts
    return isTemporary || push === null ? NOWHERE : push.push(person, password, signal)
  }

  /** The other place has it and gives it back to nobody: what fails here now is no plain failure. */
  async #keepPushed(
    { person }: PasswordToSet,
    kept: NewPassword,
    { where, actor }: { readonly where: string; readonly actor: Actor },
  ): Promise<PasswordSet> {
    const { store, onFault } = this.#parts
    try {
      const written = await store.set(kept, actor)
      if (written !== null) return { kind: 'set', written }
    } catch (error) {
      onFault(person, error)
    }
    const message = `${where} has the new password; here the old one may still hold. Set it again.`
    return { kind: 'unknown', message }
  }

  #expiryOf(isTemporary: boolean): number | null {
    const { maxAgeDays } = this.policy
    const ageMs = maxAgeDays === null ? null : maxAgeDays * DAY_MS
    const livesMs = isTemporary ? Math.min(TEMPORARY_MS, ageMs ?? TEMPORARY_MS) : ageMs
    return livesMs === null ? null : (this.#parts.nowMs ?? Date.now)() + livesMs
  }

  async #judge(asked: PasswordToSet, password: Buffer): Promise<readonly PasswordFault[]> {
    const { policy } = this
    if (isAppPassword(password)) return [LIKE_APP_PASSWORD]
    const faults = [judgeLength(password, policy), judgeBanned(password, policy)].filter(
      (fault) => fault !== null,
    )
    if (faults.length > 0) return faults
    const weak = await this.#judgeStrength(asked.person, password)
    if (weak !== null) return [weak]
    return (await this.#wasUsed(asked, password)) ? [USED_BEFORE] : []
  }

  async #judgeStrength(person: Person, password: Buffer): Promise<PasswordFault | null> {
    if (this.policy.minStrength === 0) return null
    const { strength, directory } = this.#parts
    const measured = await strength.measure(password, guessableOf(person, directory.settings))
    return judgeStrength(measured, this.policy)
  }

  /** One after the other, and as part of her turn: a long history must not fill the queue. */
  async #wasUsed({ person, key, signal }: PasswordToSet, password: Buffer): Promise<boolean> {
    const { pool, store } = this.#parts
    const { current, earlier } = await store.read(person.id, this.policy.history)
    const verifiers = current === null ? earlier : [current.verifier, ...earlier]
    for (const verifier of verifiers) {
      if (await pool.verify(verifier, password, { key, signal })) return true
    }
    return false
  }
}

const NOWHERE: Pushed = { kind: 'nowhere' }

function setOrStale(written: Written | null): PasswordSet {
  return written === null ? { kind: 'stale' } : { kind: 'set', written }
}
