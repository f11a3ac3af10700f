import type { CertificateChange } from './client-certificate.ts'
import type { CredentialChange } from './credential.ts'
import type { Device } from './device.ts'
import type { Group } from './group.ts'
import type { Guest } from './guest.ts'
import type { Nas, Network } from './network.ts'
import type { PasswordPolicy } from './password-policy.ts'
import type { Person } from './person.ts'
import type { Realm } from './realm.ts'
import type { Administrator, Service } from './service.ts'

/** Settings that every daemon shares and that are decided once. */
export interface DirectorySettings {
  readonly kind: 'settings'
  readonly id: string
  readonly version: number
  /** DNS name that gives the LDAP base DN; null until the first source is connected. */
  readonly domain: string | null
  /** Name of the company, for people to read. */
  readonly organization: string | null
  /** Plaintext LDAP binds from beyond loopback, which an admin must ask for. */
  readonly allowPlaintextBinds: boolean
  /** Network passwords, whose NT hash is stored: an admin must ask for them. */
  readonly allowNetworkPasswords: boolean
  readonly passwordPolicy: PasswordPolicy
}

/** Everything the read model holds by key; `version` tells an older value from a newer. */
export type Entity =
  | Person
  | Group
  | Service
  | Administrator
  | Nas
  | Network
  | Realm
  | Device
  | Guest
  | DirectorySettings

export type EntityKind = Entity['kind']

/** Everything that followers are told of by key; the read model holds the entities alone. */
export type FollowedKind = EntityKind | CredentialChange['kind'] | CertificateChange['kind']

/** Anything a follower may be told. */
export type AnyChange = Change | CredentialChange | CertificateChange

/**
 * One thing that became so. A `value` of null means it is gone for good (purged, or a deleted
 * edge); a tombstone is a value whose lifecycle is `deleted`.
 */
export type Change =
  | EntityChange
  | {
      readonly kind: 'membership'
      readonly groupNo: number
      readonly memberNo: number
      readonly isMember: boolean
      readonly usn: number
      readonly atMs: number
    }
  | {
      /** The whole list of direct members, as catching up hands it over. */
      readonly kind: 'members'
      readonly groupNo: number
      readonly memberNos: readonly number[]
      /** The group's when the list was read; without it the list counts as one of unknown age. */
      readonly membersVersion?: number
      readonly usn: number
      readonly atMs: number
    }

export interface EntityChange {
  readonly kind: EntityKind
  readonly id: string
  readonly value: Entity | null
  readonly usn: number
  /** When it was stamped, milliseconds since 1970, database time. */
  readonly atMs: number
}

/** How far a consumer has come. A different epoch means that the journal was replaced by a restore. */
export interface Position {
  readonly usn: number
  readonly epoch: string
}
