import type { PrincipalId } from '../id.ts'
import type { NewMail } from './mail.ts'
import type { Proof } from './passwords.ts'
import type { Actor, Written } from './people.ts'

/** What is told of a person's code generator (TOTP, RFC 6238); never its secret. */
export interface Totp {
  readonly createdAtMs: number
  /** The last time a code of it was taken. */
  readonly lastUsedAtMs: number | null
  readonly recoveryCodesLeft: number
}

/** What codes are checked with. */
export interface TotpSecret {
  /** Of this setting up; another one has another. */
  readonly id: string
  /** The caller's, to wipe. */
  readonly secret: Buffer
  /** Codes up to this time step are good no more. */
  readonly lastStep: number
}

interface Change {
  readonly principalId: PrincipalId
  /** Told to her by mail in the same transaction; null where there is nobody to tell. */
  readonly notice: NewMail | null
}

/** A link is good for a password and for nothing else. */
export type FactorProof = Exclude<Proof, { by: 'link' }>

export interface NewTotp extends Change {
  /** Sealed by the store; stays the caller's, to wipe. */
  readonly secret: Buffer
  /** Of the code that has shown that she has it. */
  readonly step: number
  /** As `digestSecret` made them. */
  readonly recoveryCodes: readonly string[]
  readonly proof: FactorProof
}

/**
 * Second factors of people.
 *
 * @throws {DirectoryError} `DIRECTORY_NOT_FOUND`, `DIRECTORY_UNAVAILABLE`
 */
export interface SecondFactorStore {
  findTotp(principalId: PrincipalId): Promise<Totp | null>
  /** @throws {StorageError} when what is stored cannot be opened */
  readTotpSecret(principalId: PrincipalId): Promise<TotpSecret | null>
  /**
   * Null when the proof no longer holds; nothing has changed then.
   *
   * @throws {DirectoryError} `DIRECTORY_CONFLICT` for whoever has one
   */
  addTotp(totp: NewTotp, actor: Actor): Promise<Written | null>
  /** Takes a code once: false when it, or a later one, was taken before. */
  takeStep(principalId: PrincipalId, taken: { id: string; step: number }): Promise<boolean>
  /** Takes a recovery code once: null when it is none of hers, or was taken before. */
  takeRecoveryCode(use: Change & { readonly digest: string }, actor: Actor): Promise<Written | null>
  /** In place of those before. Null when the proof no longer holds; 0 changed without a TOTP. */
  replaceRecoveryCodes(
    change: Pick<NewTotp, 'principalId' | 'recoveryCodes' | 'proof' | 'notice'>,
    actor: Actor,
  ): Promise<Written | null>
  /** With its recovery codes. Null when the proof no longer holds. */
  removeTotp(
    change: Pick<NewTotp, 'principalId' | 'proof' | 'notice'>,
    actor: Actor,
  ): Promise<Written | null>
}
