import type { AccessDenial, Grant, Resource } from '../access/decide.ts'
import type { GuestDenial } from '../access/guest.ts'
import type { Credential } from '../directory/credential.ts'
import type { Guest } from '../directory/guest.ts'
import type { CredentialId, PrincipalId } from '../directory/id.ts'
import type { Person } from '../directory/person.ts'
import type { Entry } from '../directory/query.ts'
import type { Administrator, Service } from '../directory/service.ts'
import type { DelegatedDenial, DelegatedUnavailable, Note } from './delegated-password.ts'
import type { CodeDenial } from './second-factors.ts'

/** Where a try to get in comes from and what it is for. */
export interface Circumstances {
  readonly resource: Resource
  /** How the proof travelled, for the record: `ldap-simple`, `radius-pap`, `eap-tls` … */
  readonly method: string
  /** The address the request came from: a client's, a NAS's. */
  readonly address: string
  /** The end device where the protocol names one (Calling-Station-Id); null elsewhere. */
  readonly device: string | null
  /** More for the record of this attempt: NAS, SSID, TLS version … never a secret. */
  readonly detail?: Readonly<Record<string, string | number | boolean>> | null
}

/** Who somebody claims to be, whatever she shows for it. */
export interface Claimant extends Circumstances {
  /**
   * Whom the caller claims to be: a log-in name as it was typed, or an entry the gateway has found
   * by its own means (a DN). `null` where the name led to nobody, so that the answer takes as long.
   */
  readonly subject:
    | { readonly by: 'login-name'; readonly name: string }
    | { readonly by: 'entry'; readonly entry: Entry | null; readonly name: string }
  /** Something else is asked for when it is right: a yes is no answer yet, and not recorded as one. */
  readonly isFirstStep?: boolean
}

/** One try to get in with a certificate: TLS has proved its key and built its chain already. */
export interface CertificateAttempt extends Circumstances {
  /** DER, leaf first, as far as the peer sent it; issued below an authority of {@link ClientTrust}. */
  readonly chain: readonly Buffer[]
  /** What the peer calls itself outside the certificate: for the record, it decides nothing. */
  readonly name: string
}

/** A log-in that goes on from an earlier one: its key is known to be the same, nothing is proved. */
export interface ResumedAttempt extends Circumstances {
  /** What {@link ResumableLogins.remember} gave for the earlier log-in. */
  readonly token: string
  /** The name of the earlier log-in, for the record. */
  readonly name: string
}

/** Who may issue the certificates with which people come in, and what was revoked. */
export interface ClientTrust {
  /** Differs after every change; TLS contexts and the sessions made with them end with it. */
  readonly version: string
  /** PEM, one authority each, never a public one; empty where nobody comes in by certificate. */
  readonly authorities: readonly string[]
  /**
   * PEM, one list each. Where there is one, OpenSSL wants a list in force of every authority of a
   * chain, so give those of all authorities or leave the check to the certificate's own way in.
   */
  readonly revocationLists: readonly string[]
}

/** One try to get in with a password, by whatever protocol. */
export interface Attempt extends Claimant {
  /** Bytes as they came; prepared with PRECIS OpaqueString before any compare. */
  readonly password: Buffer
}

/** Knowledge of a network password, shown without sending it. */
export interface ChallengeProof<Answer> {
  /** What of the password the check works with. */
  readonly needs: 'nt-hash' | 'password'
  /** Null when it was made with another password. It keeps nothing of the secret. */
  check(secret: Buffer): Answer | null
}

export interface ChallengeAttempt<Answer> extends Claimant {
  readonly proof: ChallengeProof<Answer>
}

export type Denial =
  | 'unknown-name'
  | 'wrong-password'
  | 'no-credential'
  | 'credential-expired'
  /** Set by an admin, and not changed by herself yet. */
  | 'credential-temporary'
  /** Not what it was when the log-in that is resumed was made. */
  | 'credential-changed'
  /** A right app password, which is good for something else. */
  | 'credential-scope'
  | 'backing-off'
  | 'locked-out'
  /** The address has failed with too many different names. */
  | 'too-many-names'
  | CodeDenial
  | CertificateDenial
  | DelegatedDenial
  | GuestDenial
  | AccessDenial

/** What is wrong with a certificate, whoever it belongs to. */
export type CertificateDenial =
  /** No authority that is trusted here is above it. */
  | 'certificate-untrusted'
  /** Signed by our own authority, and not on record: made behind our back, or before a restore. */
  | 'certificate-unknown'
  | 'certificate-revoked'
  | 'certificate-expired'
  | 'certificate-not-yet-valid'
  /** Not made to log in with: no clientAuth among its purposes. */
  | 'certificate-usage'
  /** None of its names leads to anybody. */
  | 'certificate-unmatched'
  /** Its names lead to several. */
  | 'certificate-ambiguous'
  /** The CRL of its authority has run out, so that nobody knows what was revoked since. */
  | 'certificate-list-expired'
  /** An authority between it and the one trusted here signed it, and its CRL is not known here. */
  | 'certificate-list-missing'

export type Authenticated = Entry<Person> | Entry<Service>

/** A guest is no entry of the directory, and comes into networks alone. */
export interface AdmittedGuest {
  readonly value: Guest
}

/** Who has shown that it is her, and with what. */
export interface Proved {
  readonly who: Authenticated | AdmittedGuest
  /** Of what she showed, where it can be revoked by itself: a certificate, a generated password. */
  readonly credentialId?: CredentialId
  /** Of her credentials as they were when it was checked; absent where none of ours was. */
  readonly stamp?: number
  /** The password she showed; absent where it is kept elsewhere. */
  readonly password?: ShownPassword
}

/** Which one it was: its id goes on when another is set in its place, its cost may be raised. */
export type ShownPassword = Pick<Credential, 'id' | 'createdAtMs'>

export type Outcome =
  | (Proved & { readonly ok: true; readonly grant: Grant })
  | { readonly ok: false; readonly denial: Denial }

export type ChallengeOutcome<Answer> =
  | (Proved & {
      readonly ok: true
      readonly grant: Grant
      /** What the check made of the secret. */
      readonly answer: Answer
    })
  | { readonly ok: false; readonly denial: Denial }

export type UnavailableReason =
  /** What a proof is checked with could not be read. */
  | 'database'
  /** The read model is older than allowed. */
  | 'stale'
  /** Too many verifications are waiting already. */
  | 'overloaded'
  | 'stopping'
  | DelegatedUnavailable

/** A fault: we cannot say yes or no. It must never read as a wrong password. */
export class AuthenticationUnavailable extends Error {
  override readonly name = 'AuthenticationUnavailable'
  readonly reason: UnavailableReason
  /** For the record of the attempt: what the source answered, and about whom. */
  readonly note: Note | null
  readonly principalId: PrincipalId | null

  constructor(
    reason: UnavailableReason,
    options: ErrorOptions & { readonly note?: Note; readonly principalId?: PrincipalId } = {},
  ) {
    super(`authentication is unavailable: ${reason}`, options)
    this.reason = reason
    this.note = options.note ?? null
    this.principalId = options.principalId ?? null
  }
}

/** Who waits for an answer. The signal is asked for only where there is something to wait for. */
export interface Caller {
  /** Aborts when the caller has gone away. */
  readonly signal: AbortSignal
}

/** The one way in: every gateway that takes a password ends here. */
export interface Authenticator {
  /**
   * Answers at once where memory suffices (a cached verdict), with a promise where argon2 must run;
   * callers on a hot path look at which it is.
   *
   * @throws {AuthenticationUnavailable} (or rejects with it) when neither yes nor no can be said
   */
  authenticate(attempt: Attempt, caller: Caller): Outcome | Promise<Outcome>
}

/** The one way in with a certificate; asked again, with the same chain, when a session is resumed. */
export interface CertificateAuthenticator {
  /** @throws {AuthenticationUnavailable} (or rejects with it) when neither yes nor no can be said */
  authenticateCertificate(attempt: CertificateAttempt, caller: Caller): Outcome | Promise<Outcome>
}

/** The way in for proofs that never send the password (MS-CHAPv2, CHAP). */
export interface ChallengeAuthenticator {
  /** @throws {AuthenticationUnavailable} as a rejection, when neither yes nor no can be said */
  authenticateChallenge<Answer>(
    attempt: ChallengeAttempt<Answer>,
    caller: Caller,
  ): Promise<ChallengeOutcome<Answer>>
}

/** Log-ins by password whose TLS session may be resumed. */
export interface ResumableLogins {
  /** What to ask by later; null of somebody who has to log in whole each time. */
  remember(proved: Proved): string | null
  /** Whether her credentials are still those of that log-in. Records nothing. */
  isCurrent(token: string): boolean
  /**
   * May she come in, now, with what she came in before? Answers from memory.
   *
   * @throws {AuthenticationUnavailable} when neither yes nor no can be said
   */
  resume(attempt: ResumedAttempt): Outcome
}

/** An administrator's try to get in with a password; the Unix socket needs none and stays open. */
export interface AdministratorAttempt {
  readonly username: string
  readonly password: Buffer
  readonly method: string
  readonly address: string
}

export type AdministratorOutcome =
  | { readonly ok: true; readonly who: Administrator }
  | { readonly ok: false; readonly denial: Denial }

/** The way in for administrators, who are no entries of the directory's view. */
export interface AdministratorAuthenticator {
  /** @throws {AuthenticationUnavailable} (or rejects with it) when neither yes nor no can be said */
  authenticateAdministrator(
    attempt: AdministratorAttempt,
    caller: Caller,
  ): AdministratorOutcome | Promise<AdministratorOutcome>
}

/** Finds the service or administrator a bearer token belongs to. Constant time, no SQL. */
export interface TokenVerifier {
  verifyToken(token: string): Entry<Service> | Administrator | null
}
