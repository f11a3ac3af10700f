import type { AppPasswordUse } from '../credential.ts'
import type { CredentialId, PrincipalId } from '../id.ts'
import type { NewMail } from './mail.ts'
import type { Proof } from './passwords.ts'
import type { Actor, Written } from './people.ts'

/** Enough for every device of a person, and few enough to look through. */
export const MAX_APP_PASSWORDS = 20
export const MAX_APP_PASSWORD_NAME = 64

/** One of a person's app passwords, without what verifies it. */
export interface AppPassword {
  readonly id: CredentialId
  /** What she calls it; unique among hers. */
  readonly name: string
  readonly uses: readonly AppPasswordUse[]
  /** LDAP through this client alone; null for any way. */
  readonly serviceId: PrincipalId | null
  readonly createdAtMs: number
  readonly expiresAtMs: number | null
  /** The last time it let her in, to the minute. */
  readonly lastUse: { readonly atMs: number; readonly address: string } | null
}

/** What entitles to see to app passwords: a link is good for a password and for nothing else. */
export type AppPasswordProof = Exclude<Proof, { by: 'link' }>

export interface NewAppPassword
  extends Pick<AppPassword, 'name' | 'uses' | 'serviceId' | 'expiresAtMs'> {
  readonly principalId: PrincipalId
  /** As `digestSecret` made it. */
  readonly verifier: string
  readonly proof: AppPasswordProof
  /** Told to her by mail in the same transaction; null where there is nobody to tell. */
  readonly notice: NewMail | null
}

/**
 * App passwords of people.
 *
 * @throws {DirectoryError} `DIRECTORY_NOT_FOUND`, `DIRECTORY_REFUSED`, `DIRECTORY_CONFLICT` for a
 *   name she has used, `DIRECTORY_UNAVAILABLE`
 */
export interface AppPasswordStore {
  /** The oldest first. */
  listFor(principalId: PrincipalId): Promise<readonly AppPassword[]>
  /** Null when the proof no longer holds; nothing has changed then. */
  add(
    password: NewAppPassword,
    actor: Actor,
  ): Promise<(Written & { readonly id: CredentialId }) | null>
  /** One of hers or, with `all`, every one. Null when the proof no longer holds. */
  revoke(
    which: {
      readonly principalId: PrincipalId
      readonly id: CredentialId | 'all'
      readonly proof: AppPasswordProof
    },
    actor: Actor,
  ): Promise<Written | null>
}
