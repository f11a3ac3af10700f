import type { DirectorySettings } from '../change.ts'
import type { Credential } from '../credential.ts'
import type { CredentialId, NasId, NetworkId, PrincipalId } from '../id.ts'
import type { Nas, Network, NetworkTimes } from '../network.ts'
import type { Service } from '../service.ts'
import type { Actor, Written } from './people.ts'

export type NewService = Pick<Service, 'purpose' | 'name' | 'view' | 'allowedGroupIds'>
/** What is not said of dynamic authorization and of the rate is as usual, or stays as it is. */
export type NewNas = Omit<
  Nas,
  | 'kind'
  | 'id'
  | 'version'
  | 'secretNo'
  | 'oldSecretsUntilMs'
  | 'signedAtMs'
  | 'dynamicAuthorization'
  | 'rate'
> & {
  readonly rate?: number | undefined
  readonly dynamicAuthorization?: Partial<Nas['dynamicAuthorization']>
}
export type NewNetwork = Omit<Network, 'kind' | 'id' | 'version' | keyof NetworkTimes> &
  Partial<NetworkTimes>

/** What people sign in to, and through; created and changed by admins only. */
export interface ResourceStore {
  createService(service: NewService, actor: Actor): Promise<Written & { readonly id: PrincipalId }>
  updateService(
    id: PrincipalId,
    change: Partial<Pick<Service, 'view' | 'allowedGroupIds'>>,
    actor: Actor,
  ): Promise<Written>
  removeService(id: PrincipalId, actor: Actor): Promise<Written>
  createNas(nas: NewNas, actor: Actor): Promise<Written & { readonly id: NasId }>
  updateNas(id: NasId, change: Partial<NewNas>, actor: Actor): Promise<Written>
  removeNas(id: NasId, actor: Actor): Promise<Written>
  createNetwork(network: NewNetwork, actor: Actor): Promise<Written & { readonly id: NetworkId }>
  updateNetwork(id: NetworkId, change: Partial<NewNetwork>, actor: Actor): Promise<Written>
  removeNetwork(id: NetworkId, actor: Actor): Promise<Written>
  updateSettings(
    change: Partial<Omit<DirectorySettings, 'kind' | 'id' | 'version'>>,
    actor: Actor,
  ): Promise<Written>
  createAdministrator(
    administrator: { readonly username: string; readonly role: 'owner' | 'operator' | 'viewer' },
    actor: Actor,
  ): Promise<Written & { readonly id: PrincipalId }>
}

export type NewCredential = Omit<
  Credential,
  'kind' | 'id' | 'version' | 'principalVersion' | 'createdAtMs' | 'isTemporary' | 'uses'
> & { readonly isTemporary?: boolean; readonly uses?: Credential['uses'] }

export interface CredentialStore {
  listFor(principalId: PrincipalId): Promise<readonly Credential[]>
  /** Replaces the principal's primary password, or adds one of the other types. */
  put(credential: NewCredential, actor: Actor): Promise<Written & { readonly id: CredentialId }>
  /** The same verifier for many at once, as the demo does; in batches within the budgets. */
  putForMany(principalIds: readonly PrincipalId[], verifier: string, actor: Actor): Promise<Written>
  /** Replaces the verifier if it is still `before`: parameters raised at log-in. */
  rehash(
    id: CredentialId,
    change: { readonly before: string; readonly after: string },
  ): Promise<Written>
  revoke(id: CredentialId, actor: Actor): Promise<Written>
}

/** Passwords a source has found right, one of a person at most. */
export interface RememberedPasswordStore {
  /** Nothing is kept when the person has changed since that version. */
  remember(password: {
    readonly principalId: PrincipalId
    readonly principalVersion: number
    readonly verifier: string
    readonly sourceName: string
    readonly rememberMs: number
  }): Promise<void>
  forget(principalId: PrincipalId): Promise<void>
}

/** Failed attempts, counted across daemons by (principal, kind of resource, end device). */
export interface FailureStore {
  /** Counts one failure and tells how many there are now in the window. */
  recordFailure(key: FailureKey): Promise<FailureCount>
  clear(key: FailureKey): Promise<void>
  /** Every count that still matters, by {@link formatFailureKey}. */
  current(): Promise<ReadonlyMap<string, FailureCount>>
}

export interface FailureKey {
  readonly principalId: PrincipalId
  readonly resourceKind: string
  /** `''` where the protocol names no device. */
  readonly device: string
}

/** A key's text: principal, kind and device, of which only the last may hold a bar. */
export function formatFailureKey(key: FailureKey): string {
  return `${key.principalId}|${key.resourceKind}|${key.device}`
}

export interface FailureCount {
  readonly failures: number
  readonly lastAtMs: number
}
