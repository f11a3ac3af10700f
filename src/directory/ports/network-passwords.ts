import type { CredentialId, PrincipalId } from '../id.ts'
import type { AppPasswordProof } from './app-passwords.ts'
import type { NewMail } from './mail.ts'
import type { Actor, Written } from './people.ts'

/** What is told of a person's network password. */
export interface NetworkPassword {
  readonly createdAtMs: number
  /** The last time it let her in, to the minute. */
  readonly lastUse: { readonly atMs: number; readonly address: string } | null
}

export interface NewNetworkPassword {
  readonly principalId: PrincipalId
  /** As `digestSecret` made it. */
  readonly verifier: string
  /** Sealed by the store; both stay the caller's, to wipe. */
  readonly ntHash: Buffer
  /** UTF-8. */
  readonly password: Buffer
  readonly proof: AppPasswordProof
  /** Told to her by mail in the same transaction; null where there is nobody to tell. */
  readonly notice: NewMail | null
}

/**
 * Network passwords, one of a person at most.
 *
 * @throws {DirectoryError} `DIRECTORY_NOT_FOUND`, `DIRECTORY_UNAVAILABLE`, and `DIRECTORY_REFUSED`
 *   where no admin has allowed them
 */
export interface NetworkPasswordStore {
  find(principalId: PrincipalId): Promise<NetworkPassword | null>
  /** In place of the one before it. Null when the proof no longer holds; nothing has changed then. */
  put(password: NewNetworkPassword, actor: Actor): Promise<Written | null>
  /** Null when the proof no longer holds. */
  revoke(principalId: PrincipalId, proof: AppPasswordProof, actor: Actor): Promise<Written | null>
}

/** What proofs are checked with that never send the password. */
export interface NetworkSecret {
  /** 16 bytes; MS-CHAPv2's. */
  readonly ntHash: Buffer
  /** UTF-8; CHAP's. Null of one made before it was kept. */
  readonly password: Buffer | null
}

export interface NetworkSecretReader {
  /**
   * Null where there is no such credential (any more), or none is allowed.
   *
   * @throws {DirectoryError} `DIRECTORY_UNAVAILABLE`
   * @throws {StorageError} when what is stored cannot be opened
   */
  readNetworkSecret(id: CredentialId): Promise<NetworkSecret | null>
}
