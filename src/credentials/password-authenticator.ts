import type { Directory, Freshness } from '../directory/directory.ts'
import type { CredentialStore, RememberedPasswordStore } from '../directory/ports/resources.ts'
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
import { type DelegatedPasswords, noDelegation } from './delegated-password.ts'
import { DelegatedVerifier } from './delegated-verifier.ts'
import { EntryLogin, type EntryLoginParts } from './entry-login.ts'
import type { Failures } from './failures.ts'
import type { ForwardBudget } from './forward-budget.ts'
import { GuestLogin } from './guest-login.ts'
import { LoginProcedure } from './login.ts'
import { NameLimit } from './name-limit.ts'
import { PasswordVerifier } from './password-verifier.ts'
import { Rehasher } from './rehasher.ts'
import { RememberedPasswords } from './remembered-passwords.ts'
import type { VerifierCache } from './verifier-cache.ts'

export interface PasswordAuthenticatorParts {
  readonly directory: Directory
  readonly credentials: CredentialIndex
  readonly pool: Argon2Pool
  readonly failures: Failures
  /** Where raised verifiers go. */
  readonly store: Pick<CredentialStore, 'rehash'>
  readonly events: AuthEventSink
  /** Where some people's passwords are checked instead of here; nobody's by default. */
  readonly delegated?: DelegatedParts
  /** How well the read model can be trusted; asked before every answer. */
  readonly freshness: () => Freshness
  readonly names?: NameLimit
  readonly cache?: VerifierCache
  readonly nowMs?: () => number
  /** Told of what went wrong behind an answer; the answer stands. */
  readonly onFault?: (error: unknown) => void
}

/** Passwords checked elsewhere, and what keeps the accounts there from harm. */
export interface DelegatedParts {
  readonly source: DelegatedPasswords
  readonly budget: ForwardBudget
  readonly store: RememberedPasswordStore
  /** How long an answer may take; some seconds. */
  readonly deadlineMs?: number
}

/** The one way in with a password, for people, guests, services and administrators. */
export class PasswordAuthenticator implements Authenticator, AdministratorAuthenticator {
  readonly #parts: EntryLoginParts & { readonly nowMs: () => number }
  readonly #procedure: LoginProcedure
  readonly #rehasher: Rehasher
  readonly #remembered: RememberedPasswords | null

  constructor(parts: PasswordAuthenticatorParts) {
    const nowMs = parts.nowMs ?? Date.now
    const onFault = parts.onFault ?? (() => undefined)
    const { directory, credentials, pool, delegated } = parts
    this.#parts = { directory, credentials, delegated: delegated?.source ?? noDelegation, nowMs }
    this.#rehasher = new Rehasher({ pool, store: parts.store, onFault })
    this.#remembered =
      delegated === undefined
        ? null
        : new RememberedPasswords({ pool, credentials, store: delegated.store, nowMs, onFault })
    const verifier =
      delegated === undefined || this.#remembered === null
        ? {}
        : {
            delegated: new DelegatedVerifier({
              ...delegated,
              pool,
              failures: parts.failures,
              remembered: this.#remembered,
              nowMs,
            }),
          }
    this.#procedure = new LoginProcedure({
      verifier: new PasswordVerifier({
        pool,
        failures: parts.failures,
        ...(parts.cache === undefined ? {} : { cache: parts.cache }),
        ...verifier,
        nowMs,
      }),
      names: parts.names ?? new NameLimit(),
      events: parts.events,
      freshness: parts.freshness,
      nowMs,
      onRight: (credential, password) => this.#rehasher.raise(credential, password),
    })
  }

  authenticate(attempt: Attempt, caller: Caller): Outcome | Promise<Outcome> {
    const { password } = attempt
    const guest = GuestLogin.of(this.#parts, attempt, password)
    return this.#procedure.run(guest ?? new EntryLogin(this.#parts, attempt, password), caller)
  }

  authenticateAdministrator(
    attempt: AdministratorAttempt,
    caller: Caller,
  ): AdministratorOutcome | Promise<AdministratorOutcome> {
    const login = new AdministratorLogin(this.#parts.directory, this.#parts.credentials, attempt)
    return this.#procedure.run(login, caller)
  }

  /** Resolves when verifiers that are being raised have been, or have failed to be. */
  rehashed(): Promise<void> {
    return this.#rehasher.settled()
  }

  /** Resolves when what is to be remembered, or forgotten, of passwords checked elsewhere is. */
  async remembered(): Promise<void> {
    await this.#remembered?.settled()
  }
}
