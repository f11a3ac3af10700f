import type { Config } from '../config/config.ts'
import { Argon2Pool } from '../credentials/argon2-pool.ts'
import { ChallengeLogins } from '../credentials/challenge-login.ts'
import { Failures } from '../credentials/failures.ts'
import { ForwardBudget, SENT_KIND } from '../credentials/forward-budget.ts'
import { NetworkSecrets } from '../credentials/network-secrets.ts'
import { PasswordAuthenticator } from '../credentials/password-authenticator.ts'
import { ResumedLogins } from '../credentials/resumed-logins.ts'
import { MemoryTokenVerifier } from '../credentials/token-verifier.ts'
import type { PrincipalId } from '../directory/id.ts'
import type { CredentialStore } from '../directory/ports/resources.ts'
import type { Service } from '../lifecycle.ts'
import type { AuthEvent, AuthEventSink } from '../observe/auth-event.ts'
import { BatchingAuthEvents } from '../observe/auth-events.ts'
import type { PassThrough } from '../sources/pass-through.ts'
import { PostgresAuthEventWriter } from '../storage/auth-event-store.ts'
import { PostgresCredentialStore } from '../storage/credential-store.ts'
import { PostgresFailureStore } from '../storage/failure-store.ts'
import { PostgresNetworkPasswordStore } from '../storage/network-password-store.ts'
import { PostgresRememberedPasswords } from '../storage/remembered-passwords.ts'
import type { DirectoryParts, Observers } from './directory.ts'

/** The one way in, and the record of who came. */
export interface LogInParts {
  readonly authenticator: PasswordAuthenticator
  readonly challenges: ChallengeLogins
  readonly resumable: ResumedLogins
  readonly tokens: MemoryTokenVerifier
  readonly pool: Argon2Pool
  readonly failures: Failures
  readonly credentials: CredentialStore
  /** What counts against somebody just now, by way in. */
  failuresOf(id: PrincipalId): ReturnType<Failures['listFor']>
  /** Forgets it, and what was sent on to a source. */
  clearFailures(id: PrincipalId): void
  readonly events: AuthEventSink
  readonly services: readonly Service[]
}

export function makeLogIn(
  config: Config,
  directory: DirectoryParts,
  { log, metrics, passThrough }: Observers & { readonly passThrough: PassThrough },
): LogInParts {
  const { database, readModel, credentialIndex, feed } = directory
  const recorder = new BatchingAuthEvents({
    writer: new PostgresAuthEventWriter(database),
    onFault: (error) => {
      metrics.authEventWriteFailed()
      log.warn('auth-events.write-failed', { error })
    },
    onLost: (count) => {
      metrics.authEventsLost(count)
      log.error('auth-events.lost', { count })
    },
  })
  const events: AuthEventSink = {
    record(event: AuthEvent) {
      metrics.authenticationAnswered(event)
      recorder.record(event)
    },
  }
  const pool = new Argon2Pool({ onVerified: (time) => metrics.argon2Verified(time) })
  const counting = {
    store: new PostgresFailureStore(database),
    onFault: (error: unknown) => log.warn('failures.not-stored', { error }),
  }
  const failures = new Failures(counting)
  const budget = new ForwardBudget(counting)
  const credentials = new PostgresCredentialStore(database)
  const freshness = () => feed.freshness(config.maxStalenessMs)
  const authenticator = new PasswordAuthenticator({
    directory: readModel,
    credentials: credentialIndex,
    pool,
    failures,
    store: credentials,
    delegated: {
      source: passThrough,
      budget,
      store: new PostgresRememberedPasswords(database),
    },
    events,
    freshness,
    onFault: (error) => log.warn('authenticator.fault', { error }),
  })
  const challenges = new ChallengeLogins({
    directory: readModel,
    credentials: credentialIndex,
    secrets: new NetworkSecrets(new PostgresNetworkPasswordStore(database, directory.keys)),
    failures,
    events,
    freshness,
  })
  const resumable = new ResumedLogins({
    directory: readModel,
    credentials: credentialIndex,
    delegated: passThrough,
    events,
    freshness,
  })
  const tokens = new MemoryTokenVerifier({ directory: readModel, credentials: credentialIndex })
  // Stopped in reverse: what the pool refuses at its end is still recorded.
  return {
    authenticator,
    challenges,
    resumable,
    tokens,
    pool,
    failures,
    credentials,
    failuresOf: (id) => [
      ...failures.listFor(id).filter(({ key }) => key.resourceKind !== SENT_KIND),
      ...budget.listFor(id),
    ],
    clearFailures(id) {
      failures.clearAll(id)
      budget.clear(id)
    },
    events,
    services: [recorder, failures, budget, pool, passThrough],
  }
}
