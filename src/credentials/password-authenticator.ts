import type { Grant, Resource } from '../access/decide.ts'
import { decide } from '../access/decide.ts'
import type { Directory, Freshness } from '../directory/directory.ts'
import { foldText } from '../directory/fold.ts'
import { canSignIn } from '../directory/hold.ts'
import type { PrincipalId } from '../directory/id.ts'
import type { CredentialStore } from '../directory/ports/resources.ts'
import type { Entry } from '../directory/query.ts'
import type { Administrator } from '../directory/service.ts'
import type { AuthEventSink } from '../observe/auth-event.ts'
import type { Argon2Pool } from './argon2-pool.ts'
import type {
  AdministratorAttempt,
  AdministratorAuthenticator,
  AdministratorOutcome,
  Attempt,
  Authenticated,
  Authenticator,
  Outcome,
} from './authenticate.ts'
import type { CredentialIndex } from './credential-index.ts'
import type { Failures } from './failures.ts'
import type { Claimed, Login, LoginOutcome } from './login.ts'
import { LoginProcedure } from './login.ts'
import { NameLimit } from './name-limit.ts'
import { PasswordVerifier } from './password-verifier.ts'
import { Rehasher } from './rehasher.ts'
import type { VerifierCache } from './verifier-cache.ts'

/** Longer than any user principal name or mail address: nobody is called that. */
const MAX_NAME_CHARACTERS = 320
/** What the record keeps of a name. */
const RECORDED_CHARACTERS = 256

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

interface Admitted {
  readonly entry: Authenticated
  readonly grant: Grant
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

  authenticate(attempt: Attempt, signal: AbortSignal): Outcome | Promise<Outcome> {
    const outcome = this.#procedure.run(this.#loginOf(attempt), signal)
    return outcome instanceof Promise ? outcome.then(toOutcome) : toOutcome(outcome)
  }

  authenticateAdministrator(
    attempt: AdministratorAttempt,
    signal: AbortSignal,
  ): AdministratorOutcome | Promise<AdministratorOutcome> {
    return this.#procedure.run(this.#loginOfAdministrator(attempt), signal)
  }

  /** Resolves when verifiers that are being raised have been, or have failed to be. */
  rehashed(): Promise<void> {
    return this.#rehasher.settled()
  }

  #loginOf(attempt: Attempt): Login<Admitted> {
    const { subject, resource, device } = attempt
    const name = foldName(subject.name)
    return {
      name,
      password: attempt.password,
      address: attempt.address,
      resourceKind: resource.kind,
      isAddressLimited: isOneParty(resource),
      find: () => {
        const entry = this.#findEntry(subject, name)
        return entry === null ? null : this.#claimOf(entry, resource, device)
      },
      describe: () => ({
        resourceKind: resource.kind,
        resourceName: nameOfResource(resource),
        method: attempt.method,
        name: subject.name.slice(0, RECORDED_CHARACTERS),
        address: attempt.address,
        device,
        detail: attempt.detail ?? null,
      }),
    }
  }

  #findEntry(subject: Attempt['subject'], name: string): Authenticated | null {
    const entry = this.#currentEntry(subject, name)
    return entry === null || entry.value.kind === 'group' ? null : (entry as Authenticated)
  }

  #currentEntry(subject: Attempt['subject'], name: string): Entry | null {
    if (subject.by === 'login-name') return this.#directory.personByLoginName(name)
    // The entry the gateway found may be older than what the directory holds by now.
    return subject.entry === null ? null : this.#directory.entryById(subject.entry.value.id)
  }

  #claimOf(entry: Authenticated, resource: Resource, device: string | null): Claimed<Admitted> {
    const principal = entry.value
    const serviceId = resource.kind === 'ldap' ? (resource.client?.id ?? null) : null
    return {
      claim: {
        principalId: principal.id,
        principalVersion: principal.version,
        candidates: this.#credentials.candidatesFor(principal.id, serviceId),
        resourceKind: resource.kind,
        device,
      },
      decide: () => {
        const decision = decide(this.#directory, entry, resource)
        return decision.ok ? { ok: true, who: { entry, grant: decision.grant } } : decision
      },
    }
  }

  #loginOfAdministrator(attempt: AdministratorAttempt): Login<Administrator> {
    const name = foldName(attempt.username)
    return {
      name,
      password: attempt.password,
      address: attempt.address,
      resourceKind: 'admin',
      isAddressLimited: true,
      find: () => {
        const administrator = this.#directory.administratorByName(name)
        return administrator === null ? null : this.#claimOfAdministrator(administrator)
      },
      describe: () => ({
        resourceKind: 'admin',
        resourceName: null,
        method: attempt.method,
        name: attempt.username.slice(0, RECORDED_CHARACTERS),
        address: attempt.address,
        device: null,
        detail: null,
      }),
    }
  }

  #claimOfAdministrator(administrator: Administrator): Claimed<Administrator> {
    const id: PrincipalId = administrator.id
    return {
      claim: {
        principalId: id,
        principalVersion: administrator.version,
        candidates: this.#credentials.candidatesFor(id, null),
        resourceKind: 'admin',
        device: null,
      },
      decide: () => decideForAdministrator(administrator),
    }
  }
}

function decideForAdministrator(administrator: Administrator): LoginOutcome<Administrator> {
  if (canSignIn(administrator)) return { ok: true, who: administrator }
  const { lifecycle } = administrator
  return { ok: false, denial: lifecycle === 'active' ? 'held' : lifecycle }
}

/** As names are kept: RFC 8265's mappings, which the directory's own folding contains. */
function foldName(name: string): string {
  return name.length > MAX_NAME_CHARACTERS ? '' : foldText(name)
}

/** A NAS or an authenticated LDAP client asks for many; only others are known by their address. */
function isOneParty(resource: Resource): boolean {
  return resource.kind !== 'network' && !(resource.kind === 'ldap' && resource.client !== null)
}

function nameOfResource(resource: Resource): string | null {
  if (resource.kind === 'ldap') return resource.client?.name ?? null
  return resource.kind === 'network' ? resource.network.name : null
}

function toOutcome(outcome: LoginOutcome<Admitted>): Outcome {
  return outcome.ok ? { ok: true, who: outcome.who.entry, grant: outcome.who.grant } : outcome
}
