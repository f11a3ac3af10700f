import type { CredentialId, PrincipalId } from './id.ts'

/** What an app password may be used with. */
export type AppPasswordUse = 'ldap' | 'radius'

/**
 * Something a principal can prove. Passwords people choose are argon2id in PHC form; generated
 * secrets carry 128 bits or more and are kept as a SHA-256 digest, never as argon2.
 */
export interface Credential {
  readonly kind: 'credential'
  readonly id: CredentialId
  readonly principalId: PrincipalId
  readonly version: number
  readonly type:
    | 'primary-password'
    | 'app-password'
    /** For RADIUS alone; its NT hash is sealed beside it, one of a person at most. */
    | 'network-password'
    | 'generated-secret'
    | 'token'
    /** What a source has found right, for the time it cannot be asked; labelled with its name. */
    | 'source-password'
  readonly label: string
  /** PHC string for a primary password; base64 of SHA-256 for generated ones. */
  readonly verifier: string
  /** Of a source's password: which version of the person it was found right for; null elsewhere. */
  readonly principalVersion: number | null
  /** Of an app or network password: where it is good; empty for all others. */
  readonly uses: readonly AppPasswordUse[]
  /** Of an app password that is good for LDAP: through this client alone, null for any way. */
  readonly serviceId: PrincipalId | null
  readonly expiresAtMs: number | null
  /** Set by somebody else: good for choosing another one and for nothing more. */
  readonly isTemporary: boolean
  readonly createdAtMs: number
}

export interface CredentialChange {
  readonly kind: 'credential'
  readonly id: string
  readonly value: Credential | null
  readonly usn: number
  readonly atMs: number
}
