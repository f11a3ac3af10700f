import type { Credential } from '../directory/credential.ts'
import type { CredentialId, PrincipalId } from '../directory/id.ts'
import type { FailureKey } from '../directory/ports/resources.ts'
import type { Caller } from './authenticate.ts'
import type { Candidates } from './credential-index.ts'
import type { DelegatedDenial, Delegation, Note } from './delegated-password.ts'
import type { Blocked } from './failure-policy.ts'

/** Somebody the directory knows, and what her password is checked against. */
export interface Claim extends FailureKey {
  readonly principalVersion: number
  /** Where a password is changed, one that has to be changed is as good as any until it is over. */
  readonly isToChange?: boolean
  readonly candidates: Candidates
  /** The LDAP client through which she signs in; null elsewhere. */
  readonly clientId: PrincipalId | null
  /** Whether a network password would be taken, were it right. */
  readonly takesNetworkPassword: boolean
  /** Where the password is checked instead of here; app passwords are ours all the same. */
  readonly delegation: Delegation | null
}

export type Verdict =
  /** The credential is null where the place that checked it keeps it. */
  | { readonly isRight: true; readonly credential: Credential | null; readonly note?: Note }
  | { readonly isRight: false; readonly denial: WrongReason; readonly note?: Note }

export type WrongReason =
  | 'wrong-password'
  | 'no-credential'
  | 'credential-expired'
  | 'credential-temporary'
  | 'credential-scope'
  | Blocked
  | DelegatedDenial

/** A verdict, and whether reaching it has already taken a verification's time. */
export interface Checked {
  readonly verdict: Verdict
  readonly hasTakenTime: boolean
  /** Stands for (who, password); what `PasswordVerifier.settle` is asked with. */
  readonly pair: string
}

/** Whose turn a check takes, should it have to wait, and when to give up. */
export interface CheckTurn extends Caller {
  readonly key: string
  /** The moment the check is made. */
  readonly atMs: number
  /** Told of a primary password just found right, while its text is at hand. */
  readonly onRight?: (credential: Credential, password: Buffer) => void
}

export interface Asked {
  readonly pair: string
  readonly password: Buffer
  readonly turn: CheckTurn
}

/** Of one that is revoked by itself, and ends what was opened with it; undefined of any other. */
export function revocableIdOf(credential: Credential | null): CredentialId | undefined {
  const isByItself = credential?.type === 'app-password' || credential?.type === 'network-password'
  return isByItself ? credential.id : undefined
}

/** What the record says of an app or network password that was shown. */
export function noteOf(credential: Credential): Note {
  return {
    credential: credential.id,
    credentialType: credential.type,
    credentialLabel: credential.label,
  }
}
