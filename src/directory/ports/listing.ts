import type { PrincipalId } from '../id.ts'
import type { PersonAttributes } from '../person.ts'
import type { View } from '../service.ts'

/**
 * Which people or groups a list is to have. Two-valued: a comparison with what is absent is false,
 * and its `not` is true.
 */
export type Condition =
  | { readonly op: 'always' | 'never' }
  | { readonly op: 'all' | 'any'; readonly of: readonly Condition[] }
  | { readonly op: 'not'; readonly of: Condition }
  /** Has a hold. */
  | { readonly op: 'held' }
  | { readonly op: 'present'; readonly field: TextField }
  /** `value` is folded by the caller, save for ids. */
  | {
      readonly op: 'text'
      readonly field: TextField
      readonly test: TextTest
      readonly value: string
    }
  | {
      readonly op: 'time'
      readonly field: TimeField
      readonly test: OrderTest
      readonly valueMs: number
    }
  /** Some entry stands in that relation to it, and `where` holds for the entry. */
  | { readonly op: 'related'; readonly relation: Relation; readonly where: Condition }

export type OrderTest = 'equals' | 'above' | 'atLeast' | 'below' | 'atMost'
export type TextTest = OrderTest | 'contains' | 'startsWith' | 'endsWith'

export type TimeField = 'createdAt' | 'changedAt'

/** People have all of these; groups, and what is related, those of {@link NamedField}. */
export type TextField = NamedField | 'username' | Exclude<keyof PersonAttributes, Unlisted>

/** `externalId` is the id that the asking connection has given. */
export type NamedField = 'id' | 'externalId' | 'displayName'

type Unlisted = 'userPrincipalName' | 'officeLocation'

export type Relation =
  /** Of a person: her manager, and the groups she belongs to directly. */
  | 'manager'
  | 'groups'
  /** Of a group: its direct members. */
  | 'memberPeople'
  | 'memberGroups'

/** For whom a list is made: nothing outside the view is in it, or tells on itself through it. */
export interface Audience {
  readonly connectionId: PrincipalId
  readonly view: View
}

export interface Question {
  readonly audience: Audience
  readonly where: Condition
  /** Null: by number. What is absent comes last, or first when descending. */
  readonly order: { readonly by: TextField | TimeField; readonly isDescending: boolean } | null
  readonly offset: number
  /** 0 asks for the total only. */
  readonly limit: number
  readonly wants: {
    readonly total: boolean
    /** The groups of people, the members of groups. */
    readonly memberships: boolean
  }
  readonly signal: AbortSignal
}

export interface Listed<T> {
  /** How many there are on all pages; null when it wasn't wanted. */
  readonly total: number | null
  readonly entries: readonly T[]
}

export interface Named {
  readonly id: string
  readonly displayName: string
}

interface ListedEntry extends Named {
  readonly externalId: string | null
  readonly createdAtMs: number
  readonly changedAtMs: number
}

/** Active people only; those with a hold are among them. */
export interface ListedPerson extends ListedEntry, Omit<PersonAttributes, Unlisted> {
  readonly version: number
  readonly username: string
  readonly isHeld: boolean
  readonly manager: Named | null
  /** Null when they weren't wanted. */
  readonly groups: readonly Named[] | null
}

export interface ListedGroup extends ListedEntry {
  readonly version: number
  readonly membersVersion: number
  /** Null when they weren't wanted. */
  readonly members: readonly ListedMember[] | null
}

export interface ListedMember extends Named {
  readonly kind: 'person' | 'group'
}

/**
 * Lists for those who page through the directory, straight from the database.
 *
 * Both resolve to null when the answer would be too large or take too long.
 *
 * @throws {DirectoryError} `DIRECTORY_UNAVAILABLE`
 */
export interface Listing {
  people(question: Question): Promise<Listed<ListedPerson> | null>
  groups(question: Question): Promise<Listed<ListedGroup> | null>
}
