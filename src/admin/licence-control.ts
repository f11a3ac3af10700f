import type { PrincipalId } from '../directory/id.ts'
import type { Actor, Written } from '../directory/ports/people.ts'

/** Something a tenant has bought, that people can be given. */
export interface BoughtLicence {
  readonly sku: string
  /** As Microsoft calls it, such as `SPE_E3`. */
  readonly name: string
  /** `Enabled`, or why it can no longer be given: `Warning`, `Suspended`, `Deleted`, `LockedOut`. */
  readonly state: string
  readonly bought: number
  /** Ended, and good for a while longer. */
  readonly inGrace: number
  readonly used: number
  readonly free: number
}

/** One licence that somebody has, or about which something is decided here. */
export interface PersonLicence {
  readonly sku: string
  readonly name: string
  readonly has: boolean
  /** How she has it: `herself`, or the names of groups. */
  readonly by: readonly string[]
  /** Why Microsoft 365 could not give it by a group; null when it could. */
  readonly error: string | null
  /** By an admin here; null where Microsoft 365 decides. */
  readonly decided: 'assigned' | 'removed' | null
  /** What became of writing that; null before it was tried. */
  readonly state: string | null
  readonly reason: string | null
}

export interface AccountLicences {
  readonly source: string
  readonly usageLocation: string | null
  readonly licences: readonly PersonLicence[]
}

export interface LicenceChange {
  readonly verb: 'assign' | 'remove' | 'yield'
  /** By name or id. */
  readonly licences: readonly string[]
  /** Where she has several accounts. */
  readonly source: string | null
}

/** What people have of what was bought, and what an admin decides of it. */
export interface LicenceControl {
  list(
    source: string,
  ): Promise<{ readonly source: string; readonly licences: readonly BoughtLicence[] }>
  ofPerson(id: PrincipalId): Promise<{ readonly accounts: readonly AccountLicences[] }>
  /** What somebody loses with licences, in words; empty for all that loses nothing for good. */
  losses(id: PrincipalId, change: LicenceChange): Promise<readonly string[]>
  change(id: PrincipalId, change: LicenceChange, actor: Actor): Promise<Written>
}
