import type { PrincipalId } from '../id.ts'
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
  /** Sealed by the store; stays the caller's, to wipe. */
  readonly ntHash: Buffer
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

/** What MS-CHAPv2 is checked with. */
export interface NtHashReader {
  /**
   * 16 bytes, the caller's to wipe. Null where she has none, or none is allowed.
   *
   * @throws {StorageError} when what is stored cannot be opened
   */
  readNtHash(principalId: PrincipalId): Promise<Buffer | null>
}
