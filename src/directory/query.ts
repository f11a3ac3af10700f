/**
 * A question to the read model, in the directory's own words. It is evaluated in three-valued logic
 * (RFC 4511 §4.5.1.7): a comparison with a field the entry's kind does not have is undefined, `not`
 * of undefined stays undefined, and only true selects.
 */
export type Query =
  | { readonly op: 'and'; readonly of: readonly Query[] }
  | { readonly op: 'or'; readonly of: readonly Query[] }
  | { readonly op: 'not'; readonly of: Query }
  | { readonly op: 'always' }
  | { readonly op: 'never' }
  | { readonly op: 'undefined' }
  | { readonly op: 'kind'; readonly kind: EntryKind }
  | { readonly op: 'present'; readonly field: Field }
  /** `value` is folded by the caller where the field is text; numbers stay numbers. */
  | { readonly op: 'equals'; readonly field: Field; readonly value: string | number }
  | {
      readonly op: 'substring'
      readonly field: Field
      readonly initial: string | null
      readonly any: readonly string[]
      readonly final: string | null
    }
  | { readonly op: 'atLeast'; readonly field: Field; readonly value: string | number }
  | { readonly op: 'atMost'; readonly field: Field; readonly value: string | number }
  /** Belongs to the group, directly or through nesting. */
  | { readonly op: 'memberOf'; readonly groupNo: number; readonly direct: boolean }
  /** Has this entry as a member, directly or through nesting. */
  | { readonly op: 'hasMember'; readonly memberNo: number; readonly direct: boolean }
  /** Belongs to any group, or has any member. */
  | { readonly op: 'inAnyGroup' }
  | { readonly op: 'hasAnyMember' }
  /** For what has no index: asked of each candidate the rest of the query leaves over. */
  | { readonly op: 'test'; readonly test: (entry: Entry) => boolean | undefined }

export type EntryKind = 'person' | 'group' | 'service'

/** Fields with an index; all text ones compare folded. Multi-valued ones match on any value. */
export type Field =
  | 'id'
  | 'name' // username of a person, name of a group or service
  | 'loginName'
  | 'displayName'
  | 'givenName'
  | 'surname'
  | 'mail'
  | 'userPrincipalName'
  | 'jobTitle'
  | 'department'
  | 'companyName'
  | 'officeLocation'
  | 'employeeId'
  | 'employeeType'
  | 'mobilePhone'
  | 'businessPhone'
  | 'description'
  | 'uidNumber'
  | 'gidNumber'
  | 'usn'
  | 'createdAtMs'
  | 'modifiedAtMs'
  | 'managerId'

/**
 * What the read model knows of one person, group or service. Immutable: a new one replaces it as
 * soon as anything visible changes, its own values or its memberships (nested ones too), so it can
 * be the key of a WeakMap that caches an encoding. Members of a group are not part of it; ask
 * {@link Directory.directMembers}. A change among a group's direct members renews its entry.
 */
export interface Entry<V extends EntryValue = EntryValue> {
  readonly no: number
  readonly value: V
  /** The last journal number that touched the entry or its memberships. */
  readonly usn: number
  readonly modifiedAtMs: number
}

export type EntryValue =
  | import('./person.ts').Person
  | import('./group.ts').Group
  | import('./service.ts').Service
