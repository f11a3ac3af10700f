import { equalConstantTime } from '../../protocols/wire/index.ts'
import type { Directory } from '../directory/directory.ts'
import { canSignIn } from '../directory/hold.ts'
import type { Entry } from '../directory/query.ts'
import type { Administrator, Service } from '../directory/service.ts'
import type { TokenVerifier } from './authenticate.ts'
import type { CredentialIndex } from './credential-index.ts'
import { digestSecret } from './generated-secret.ts'

/** Ours have 35 characters; nothing longer than this is worth hashing. */
const MAX_TOKEN_CHARACTERS = 512

/**
 * Bearer tokens, looked up by digest in memory: what the look-up's time could tell is about a hash
 * the caller cannot steer, and the digests are then compared in constant time.
 */
export class MemoryTokenVerifier implements TokenVerifier {
  readonly #directory: Directory
  readonly #credentials: CredentialIndex
  readonly #nowMs: () => number

  constructor(parts: {
    readonly directory: Directory
    readonly credentials: CredentialIndex
    readonly nowMs?: () => number
  }) {
    this.#directory = parts.directory
    this.#credentials = parts.credentials
    this.#nowMs = parts.nowMs ?? Date.now
  }

  verifyToken(token: string): Entry<Service> | Administrator | null {
    if (token.length === 0 || token.length > MAX_TOKEN_CHARACTERS) return null
    const digest = digestSecret(token)
    const credential = this.#credentials.findToken(digest)
    if (credential === null) return null
    if (!equalConstantTime(Buffer.from(digest), Buffer.from(credential.verifier))) return null
    if (credential.expiresAtMs !== null && credential.expiresAtMs <= this.#nowMs()) return null
    return this.#findOwner(credential.principalId)
  }

  #findOwner(id: string): Entry<Service> | Administrator | null {
    const administrator = this.#directory.administratorById(id)
    if (administrator !== null) return canSignIn(administrator) ? administrator : null
    const entry = this.#directory.entryById(id)
    if (entry === null || entry.value.kind !== 'service') return null
    return canSignIn(entry.value) ? (entry as Entry<Service>) : null
  }
}
