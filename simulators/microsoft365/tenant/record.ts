import type { SignInChange } from './sign-in-facts.ts'

/** The kinds of directory object this tenant knows, as in `#microsoft.graph.<kind>`. */
export type ObjectKind = 'user' | 'group' | 'servicePrincipal' | 'device' | 'orgContact'

/** Soft deletion keeps an object for 30 days; purged is gone for good. */
export type ObjectState = 'live' | 'deleted' | 'purged'

/** A property never set is absent; one that was cleared is null. Delta answers keep the two apart. */
export type Properties = Readonly<Record<string, unknown>>

/** One state of an object. Versions are never changed, so that a slow replica can still show one. */
export interface Version {
  /** Place in the tenant's history; 0 for what the tenant began with. */
  readonly seq: number
  readonly state: ObjectState
  readonly properties: Properties
  readonly managerId: string | null
  /** Names of the properties (and `manager`) that this version changed. */
  readonly changed: readonly string[]
}

export interface EdgeEvent {
  readonly seq: number
  readonly memberId: string
  readonly isMember: boolean
}

export interface DirectoryRecord {
  readonly id: string
  readonly kind: ObjectKind
  /** Order of creation within the tenant; the order in which lists are paged. */
  readonly no: number
  /** Oldest first, never empty. */
  readonly versions: Version[]
  /** Of a group: ids of its direct members now. */
  readonly members: Set<string> | null
  /** Of a group: how `members` came about since the tenant began. */
  readonly edges: EdgeEvent[]
}

export interface CreateOptions {
  readonly id?: string
  readonly managerId?: string | null
  readonly memberIds?: readonly string[]
}

/** One change of the tenant, as the control endpoint takes it and the data folder keeps it. */
export type Change =
  | ({
      readonly op: 'create'
      readonly kind: ObjectKind
      readonly properties: Properties
    } & CreateOptions)
  | { readonly op: 'update'; readonly id: string; readonly properties: Properties }
  | { readonly op: 'setManager'; readonly id: string; readonly managerId: string | null }
  | { readonly op: 'setRoles'; readonly id: string; readonly roles: readonly string[] }
  | { readonly op: 'setSignIn'; readonly id: string; readonly signIn: SignInChange }
  | { readonly op: 'setUnits'; readonly id: string; readonly units: number }
  | { readonly op: 'delete' | 'restore' | 'purge'; readonly id: string }
  | {
      readonly op: 'addMembers' | 'removeMembers'
      readonly id: string
      readonly memberIds: readonly string[]
    }

/** What a reader may know of: everything up to now, or what one replica has seen so far. */
export interface View {
  sees(seq: number): boolean
}

export const SEES_EVERYTHING: View = { sees: () => true }

/** The newest version in view, or null when the object does not exist there yet. */
export function findVersion(record: DirectoryRecord, view: View): Version | null {
  for (let at = record.versions.length - 1; at >= 0; at--) {
    const version = record.versions[at]
    if (version !== undefined && view.sees(version.seq)) return version
  }
  return null
}

export function isLive(record: DirectoryRecord, view: View): boolean {
  return findVersion(record, view)?.state === 'live'
}

/** Direct members in view: those of now, with the events that are out of view taken back. */
export function membersInView(group: DirectoryRecord, view: View): string[] {
  const now = group.members ?? new Set<string>()
  const verdicts = new Map<string, boolean>()
  const isUndone = group.edges.some((event) => !view.sees(event.seq))
  if (!isUndone) return [...now]
  for (const event of group.edges) {
    if (view.sees(event.seq)) verdicts.set(event.memberId, event.isMember)
    else if (!verdicts.has(event.memberId)) verdicts.set(event.memberId, !event.isMember)
  }
  const members: string[] = []
  for (const id of now) if (!verdicts.has(id)) members.push(id)
  for (const [id, isMember] of verdicts) if (isMember) members.push(id)
  return members
}
