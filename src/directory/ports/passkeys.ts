import type { PrincipalId } from '../id.ts'
import type { NewMail } from './mail.ts'
import type { Actor, Written } from './people.ts'
import type { FactorProof } from './second-factors.ts'

export const MAX_PASSKEYS = 20
export const MAX_PASSKEY_NAME = 64

export interface Passkey {
  readonly id: string
  /** What she calls it; unique among hers. */
  readonly name: string
  /** As browsers name it, in base64url. */
  readonly credentialId: string
  readonly transports: readonly string[]
  /** Kept by more than one device of hers. */
  readonly isSynced: boolean
  readonly createdAtMs: number
  readonly lastUsedAtMs: number | null
}

/** What an answer is checked with. */
export interface PasskeyKey {
  readonly id: string
  readonly principalId: PrincipalId
  /** COSE; no secret. */
  readonly publicKey: Uint8Array<ArrayBuffer>
}

/** A challenge is good for one answer. */
export interface SpentChallenge {
  readonly digest: string
  readonly expiresAtMs: number
}

export interface NewPasskey
  extends Pick<Passkey, 'name' | 'credentialId' | 'transports' | 'isSynced'> {
  readonly principalId: PrincipalId
  readonly publicKey: Uint8Array
  readonly counter: number
  readonly challenge: SpentChallenge
  readonly proof: FactorProof
  /** Told to her by mail in the same transaction; null where there is nobody to tell. */
  readonly notice: NewMail | null
}

/**
 * Passkeys of people.
 *
 * @throws {DirectoryError} `DIRECTORY_NOT_FOUND`, `DIRECTORY_REFUSED`, `DIRECTORY_CONFLICT`,
 *   `DIRECTORY_UNAVAILABLE`
 */
export interface PasskeyStore {
  /** The oldest first. */
  listFor(principalId: PrincipalId): Promise<readonly Passkey[]>
  find(credentialId: string): Promise<PasskeyKey | null>
  /** Null when the proof no longer holds, or the challenge was answered before. */
  add(passkey: NewPasskey, actor: Actor): Promise<Written | null>
  /**
   * Takes an answer that was right. `regressed` where its counter is not beyond the last one: there
   * may be a copy of the key (WebAuthn §6.1.1).
   */
  use(answer: {
    readonly id: string
    readonly counter: number
    readonly isSynced: boolean
    readonly challenge: SpentChallenge
  }): Promise<'used' | 'spent' | 'regressed'>
  /** One of hers or, with `all`, every one. Null when the proof no longer holds. */
  remove(
    which: {
      readonly principalId: PrincipalId
      readonly id: string
      readonly proof: FactorProof
      readonly notice: NewMail | null
    },
    actor: Actor,
  ): Promise<Written | null>
}
