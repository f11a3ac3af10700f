import type { CredentialId, PrincipalId } from '../id.ts'
import type { NewMail } from './mail.ts'
import type { Actor, Written } from './people.ts'

/** What is known of somebody's passwords; verifiers, never more. */
export interface KnownPasswords {
  readonly current: {
    readonly id: CredentialId
    readonly version: number
    readonly verifier: string
  } | null
  /** Those before it, the latest first. */
  readonly earlier: readonly string[]
}

/**
 * What entitles to set a password, and must still hold when it is stored. Whose code generator was
 * set up meanwhile, with no second factor proven, has to prove one first.
 */
export type Proof =
  /** An admin's word. */
  | { readonly by: 'admin' }
  /** A link, which is used up by it. */
  | { readonly by: 'link'; readonly linkId: string; readonly hasSecondFactor: boolean }
  /** The password has not been changed since she signed in; null where she had none. */
  | {
      readonly by: 'sign-in'
      readonly credentialVersion: number | null
      readonly hasSecondFactor: boolean
      /** The passkey she signed in with, which is still hers; left out where it was none. */
      readonly passkeyId?: string
    }

/** Whether somebody may set a password now, and with what {@link PasswordStore.set} is told so. */
export type Claimed =
  | { readonly kind: 'claimed'; readonly claim: string }
  /** The proof does not hold. */
  | { readonly kind: 'stale' }
  /** Another is setting it at this moment. */
  | { readonly kind: 'busy' }

export interface NewPassword {
  readonly principalId: PrincipalId
  /** PHC string of argon2id. */
  readonly verifier: string
  readonly isTemporary: boolean
  readonly expiresAtMs: number | null
  /** So many of the earlier ones are remembered. */
  readonly keptHistory: number
  readonly proof: Proof
  readonly claim: string
  /** Told to her by mail in the same transaction; null where there is nobody to tell. */
  readonly notice: NewMail | null
}

/**
 * Passwords people choose.
 *
 * @throws {DirectoryError} `DIRECTORY_NOT_FOUND`, `DIRECTORY_UNAVAILABLE`
 */
export interface PasswordStore {
  read(principalId: PrincipalId, limit: number): Promise<KnownPasswords>
  /**
   * Takes the person for one change where the proof holds, before something is done elsewhere that
   * cannot be undone. It ends with the change, with {@link release}, or by itself after 90 s.
   */
  /** Whether a proof holds at this moment; it may not at the next. */
  holds(principalId: PrincipalId, proof: Proof): Promise<boolean>
  claim(principalId: PrincipalId, proof: Proof): Promise<Claimed>
  release(principalId: PrincipalId, claim: string): Promise<void>
  /**
   * One transaction: the proof is used up, the password replaced, her other links are void, whoever
   * was staged and has a link is active. Null when the proof or the claim no longer holds; nothing has
   * changed then.
   */
  set(password: NewPassword, actor: Actor): Promise<Written | null>
}
