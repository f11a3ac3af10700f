import type { Directory, Freshness } from '../directory/directory.ts'
import type { CredentialStore } from '../directory/ports/resources.ts'
import type { AuthEventSink } from '../observe/auth-event.ts'
import { AdministratorLogin } from './administrator-login.ts'
import type { Argon2Pool } from './argon2-pool.ts'
import type {
  AdministratorAttempt,
  AdministratorAuthenticator,
  AdministratorOutcome,
  Attempt,
  Authenticator,
  Caller,
  Outcome,
} from './authenticate.ts'
import type { CredentialIndex } from './credential-index.ts'
import { EntryLogin } from './entry-login.ts'
import type { Failures } from './failures.ts'
import { LoginProcedure } from './login.ts'
import { NameLimit } from './name-limit.ts'
import { PasswordVerifier } from './password-verifier.ts'
import { Rehasher } from './rehasher.ts'
import type { VerifierCache } from './verifier-cache.ts'

export interface PasswordAuthenticatorParts {
  readonly directory: Directory
  readonly credentials: CredentialIndex
  readonly pool: Argon2Pool
  readonly failures: Failures
  /** Where raised verifiers go. */
  readonly store: Pick<CredentialStore, 'rehash'>
  readonly events: AuthEventSink
  /** How well the read model can be trusted; asked before every answer. */
  readonly freshness: () => Freshness
  readonly names?: NameLimit
  readonly cache?: VerifierCache
  readonly nowMs?: () => number
  /** Told of what went wrong behind an answer; the answer stands. */
  readonly onFault?: (error: unknown) => void
}

/** The one way in with a password, for people, services and administrators. */
export class PasswordAuthenticator implements Authenticator, AdministratorAuthenticator {
  readonly #directory: Directory
  readonly #credentials: CredentialIndex
  readonly #procedure: LoginProcedure
  readonly #rehasher: Rehasher

  constructor(parts: PasswordAuthenticatorParts) {
    const nowMs = parts.nowMs ?? Date.now
    this.#directory = parts.directory
    this.#credentials = parts.credentials
    this.#rehasher = new Rehasher({
      pool: parts.pool,
      store: parts.store,
      onFault: parts.onFault ?? (() => undefined),
    })
    this.#procedure = new LoginProcedure({
      verifier: new PasswordVerifier({ ...parts, nowMs }),
      names: parts.names ?? new NameLimit(),
      events: parts.events,
      freshness: parts.freshness,
      nowMs,
      onRight: (credential, password) => this.#rehasher.raise(credential, password),
    })
  }

  authenticate(attempt: Attempt, caller: Caller): Outcome | Promise<Outcome> {
    const login = new EntryLogin(this.#directory, this.#credentials, attempt)
    return this.#procedure.run(login, caller)
  }

  authenticateAdministrator(
    attempt: AdministratorAttempt,
    caller: Caller,
  ): AdministratorOutcome | Promise<AdministratorOutcome> {
    const login = new AdministratorLogin(this.#directory, this.#credentials, attempt)
    return this.#procedure.run(login, caller)
  }

  /** Resolves when verifiers that are being raised have been, or have failed to be. */
  rehashed(): Promise<void> {
    return this.#rehasher.settled()
  }
}
