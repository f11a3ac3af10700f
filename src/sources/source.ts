import type { PersonAttributes } from '../directory/person.ts'

/** What a source is read in; people before groups, so that members are known when groups name them. */
export type Stream = 'people' | 'groups'

/** A key of the source itself, for ever the same object; never a name. */
export type ExternalId = string

type Told<T> = { readonly [K in keyof T]?: T[K] | null }

/**
 * What a source said of a person. A key left out was not spoken of and keeps its value; `null` was
 * cleared.
 */
export type PersonValues = Told<PersonAttributes> & {
  readonly isEnabled?: boolean | null
  readonly isGuest?: boolean | null
  readonly managerExternalId?: ExternalId | null
  /** Mastered by a directory behind the source, which the source itself cannot change. */
  readonly isSyncedFromOnPremises?: boolean | null
  /** Has a licence for something. */
  readonly isLicensed?: boolean | null
  /** The source's ids of those licences. */
  readonly licences?: readonly string[] | null
  /** ISO 8601, as the source says it. */
  readonly createdAt?: string | null
}

export interface GroupAttributes {
  readonly displayName: string
  readonly description: string | null
  readonly mail: string | null
}

export type GroupValues = Told<GroupAttributes> & {
  readonly createdAt?: string | null
  /** A rule of the source makes its members. */
  readonly isDynamic?: boolean | null
  /** A Microsoft 365 group, whose mailbox does not make it Exchange's. */
  readonly isUnified?: boolean | null
  readonly isMailEnabled?: boolean | null
  readonly isSyncedFromOnPremises?: boolean | null
  /** Its members may hold a role by it. */
  readonly isRoleAssignable?: boolean | null
}

export type MemberType = 'person' | 'group' | 'other'

export interface MemberChange {
  readonly externalId: ExternalId
  readonly type: MemberType
  readonly isMember: boolean
}

export type SourceItem = SourcePerson | SourceGroup | SourceGone

export interface SourcePerson {
  readonly kind: 'person'
  readonly externalId: ExternalId
  readonly values: PersonValues
}

export interface SourceGroup {
  readonly kind: 'group'
  readonly externalId: ExternalId
  readonly values: GroupValues
  /** Direct members that came or went; a slice of them, as one group may fill many pages. */
  readonly members: readonly MemberChange[]
}

/** Deleted. It may come back, under the same id. */
export interface SourceGone {
  readonly kind: 'gone'
  readonly externalId: ExternalId
}

/** One answer of the source. A link is opaque and goes back to the source as it came. */
export type Step =
  | { readonly kind: 'page'; readonly items: readonly SourceItem[]; readonly nextLink: string }
  | { readonly kind: 'end'; readonly items: readonly SourceItem[]; readonly deltaLink: string }
  /** The token is too old: begin again with everything. */
  | { readonly kind: 'expired' }
  /** The link to this page is too old, the token is not: begin the round again. */
  | { readonly kind: 'stale-page' }
  /** The source wants everything read again, from this link, or from scratch when it is null. */
  | { readonly kind: 'reset'; readonly link: string | null }

export interface SourceIdentity {
  /** Which tenant the credentials lead to, in the source's own id. */
  readonly tenantId: string
  readonly organization: string
  /** DNS name people's addresses end in by default; the LDAP base DN is made from it. */
  readonly defaultDomain: string
}

/** Somebody, or a group, with a right to administer the source; writes about such people may be refused. */
export interface RoleHolder {
  readonly externalId: ExternalId
  /** As the source calls it. */
  readonly role: string
}

/**
 * A place identities come from. Reads only; each call is one answer, so that the engine can keep it
 * before it asks for the next.
 *
 * @throws {SourceError} from every method
 */
export interface Source {
  /** Differs when what is asked for differs: a token made for another question is of no use. */
  fingerprint(stream: Stream): string
  /** `link` is null to begin with everything. */
  read(stream: Stream, link: string | null, signal: AbortSignal): Promise<Step>
  /** Proves the credentials, with a fresh token, and tells whose they are. */
  identify(signal: AbortSignal): Promise<SourceIdentity>
  /** How many objects the source says it has; null when it cannot say. */
  count(stream: Stream, signal: AbortSignal): Promise<number | null>
  /** Who administers it; or, in words, why it does not say. */
  readRoles(signal: AbortSignal): Promise<readonly RoleHolder[] | string>
}

/** Stable; part of the log and admin-API contract. Add codes, never rename them. */
export type SourceErrorCode =
  /** No answer, or one that says "later". */
  | 'SOURCE_UNAVAILABLE'
  /** It asks us to slow down for longer than a round may take. */
  | 'SOURCE_THROTTLED'
  /** Credentials or permissions are not, or no longer, good enough. */
  | 'SOURCE_REFUSED'
  /** An answer that cannot be the source's: cut short, another format, a loop of pages. */
  | 'SOURCE_NONSENSE'

/** A fault while reading; nothing of the answer may be used. The message says what to do. */
export class SourceError extends Error {
  override readonly name = 'SourceError'
  readonly code: SourceErrorCode
  /** How long to stay away, in milliseconds; null when the source did not say. */
  readonly retryAfterMs: number | null

  constructor(
    code: SourceErrorCode,
    message: string,
    options: ErrorOptions & { readonly retryAfterMs?: number | null } = {},
  ) {
    super(message, options)
    this.code = code
    this.retryAfterMs = options.retryAfterMs ?? null
  }
}
