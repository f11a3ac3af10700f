import type { Hold, Lifecycle } from './hold.ts'
import type { GroupId, PrincipalId } from './id.ts'

/**
 * Which people and groups somebody is shown. With `groupIds`, people are those who belong to one of
 * them, directly or through nesting, and groups are those named and the ones nested in them.
 */
export type View =
  | { readonly sees: 'all' }
  | { readonly sees: 'groups'; readonly groupIds: readonly GroupId[] }

/** A machine that signs in: an LDAP client, a SCIM connection, an API token's owner. */
export interface Service {
  readonly kind: 'service'
  readonly id: PrincipalId
  readonly no: number
  readonly version: number
  readonly purpose: 'ldap-client' | 'scim-connection' | 'api'
  /** Unique among services of all purposes, folded; LDAP shows it as `uid`. */
  readonly name: string
  readonly view: View
  /** People who may sign in through this service; null is everyone in its view. */
  readonly allowedGroupIds: readonly GroupId[] | null
  readonly lifecycle: Lifecycle
  readonly holds: readonly Hold[]
  readonly createdAtMs: number
}

/** A local administrator. No source touches them; the last owner can be neither held nor removed. */
export interface Administrator {
  readonly kind: 'administrator'
  readonly id: PrincipalId
  readonly no: number
  readonly version: number
  readonly username: string
  readonly role: 'owner' | 'operator' | 'viewer'
  readonly lifecycle: Lifecycle
  readonly holds: readonly Hold[]
  readonly createdAtMs: number
}
