import type { Credential } from '../directory/credential.ts'
import type { CredentialStore } from '../directory/ports/resources.ts'
import type { Argon2Pool } from './argon2-pool.ts'

/** At most so many verifiers are made anew at once; the next log-in is another chance. */
const MAX_UNDER_WAY = 32

/** Raises the cost of stored verifiers at log-in, the only moment the password is at hand. */
export class Rehasher {
  readonly #pool: Argon2Pool
  readonly #store: Pick<CredentialStore, 'rehash'>
  readonly #onFault: (error: unknown) => void
  readonly #underWay = new Map<string, Promise<void>>()

  constructor(parts: {
    readonly pool: Argon2Pool
    readonly store: Pick<CredentialStore, 'rehash'>
    readonly onFault: (error: unknown) => void
  }) {
    this.#pool = parts.pool
    this.#store = parts.store
    this.#onFault = parts.onFault
  }

  /** Never throws and never keeps the log-in waiting. */
  raise(credential: Credential, password: Buffer): void {
    if (!this.#pool.needsRehash(credential.verifier)) return
    if (this.#underWay.has(credential.id) || this.#underWay.size >= MAX_UNDER_WAY) return
    const copy = Buffer.from(password)
    const work = this.#raise(credential, copy)
      .catch(this.#onFault)
      .finally(() => {
        copy.fill(0)
        this.#underWay.delete(credential.id)
      })
    this.#underWay.set(credential.id, work)
  }

  /** Resolves when what is under way has ended, well or not. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay.values())
  }

  async #raise(credential: Credential, password: Buffer): Promise<void> {
    const after = await this.#pool.hash(password, { key: 'rehash' })
    await this.#store.rehash(credential.id, { before: credential.verifier, after })
  }
}
