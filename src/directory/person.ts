import type { Hold, Lifecycle } from './hold.ts'
import type { PrincipalId } from './id.ts'

/** A name with which somebody may log in, in its folded form. */
export interface LoginName {
  readonly folded: string
  readonly kind: 'username' | 'upn' | 'mail'
}

/** What a source, or an admin, may say about a person. Absent is `null`, never `''`. */
export interface PersonAttributes {
  readonly displayName: string
  readonly givenName: string | null
  readonly surname: string | null
  readonly mail: string | null
  readonly userPrincipalName: string | null
  readonly jobTitle: string | null
  readonly department: string | null
  readonly companyName: string | null
  readonly officeLocation: string | null
  readonly employeeId: string | null
  readonly employeeType: string | null
  readonly mobilePhone: string | null
  readonly businessPhone: string | null
  readonly streetAddress: string | null
  readonly city: string | null
  readonly region: string | null
  readonly postalCode: string | null
  readonly country: string | null
  readonly preferredLanguage: string | null
}

/**
 * A person, as every gateway sees her.
 *
 * Values are immutable; a change makes a new Person.
 */
export interface Person extends PersonAttributes {
  readonly kind: 'person'
  readonly id: PrincipalId
  /** Persisted position among all entries: index of bitmaps, order of unsorted pages. */
  readonly no: number
  /** Grows with each change of the person or her holds. */
  readonly version: number
  /** Log-in name; unique among the living; changes only by an explicit command. */
  readonly username: string
  /** Every name that leads to her and to nobody else; a contested one is left out. */
  readonly loginNames: readonly LoginName[]
  readonly isGuest: boolean
  readonly managerId: PrincipalId | null
  readonly uidNumber: number
  readonly gidNumber: number
  readonly homeDirectory: string
  readonly loginShell: string
  readonly sshPublicKeys: readonly string[]
  readonly lifecycle: Lifecycle
  readonly holds: readonly Hold[]
  readonly createdAtMs: number
}
