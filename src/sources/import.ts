import type { ImportPolicy } from './judge-people.ts'
import type { ExternalId, RoleHolder } from './source.ts'

/** Attributes of a person that a filter can ask for, whatever their case. */
export const FILTER_TEXTS = [
  'department',
  'companyName',
  'country',
  'employeeType',
  'jobTitle',
] as const

export const FILTER_FLAGS = ['licensed', 'guest', 'disabled', 'onPremises'] as const

/** Whom of a source's people is meant: those for whom all of it holds. Empty means everybody. */
export type PersonFilter = { readonly [K in (typeof FILTER_FLAGS)[number]]?: boolean } & {
  readonly [K in (typeof FILTER_TEXTS)[number]]?: string
} & {
  /** Of the UPN. */
  readonly domain?: string
  /** The source's id of a group she is in, directly or through other groups. */
  readonly group?: ExternalId
  /** Part of the name shown, the UPN or the mail address. */
  readonly search?: string
}

export const RULE_ACTIONS = ['stage', 'activate'] as const
export type RuleAction = (typeof RULE_ACTIONS)[number]

/** Takes in whoever matches, for as long as it stands. */
export interface ImportRule {
  readonly id: string
  readonly filter: PersonFilter
  readonly action: RuleAction
  readonly createdBy: string
  readonly createdAtMs: number
  /** How many came in by it, and how many of them were activated with that. */
  readonly admitted: number
  readonly activated: number
}

export interface ImportSettings {
  readonly policy: ImportPolicy
  readonly rules: readonly ImportRule[]
  /** People of the source who are not imported. */
  readonly candidates: number
}

export type SessionState = 'draft' | 'running' | 'done' | 'failed'

export interface ImportCounts {
  readonly created: number
  readonly linked: number
  /**
   * Somebody is here already whom they may be, and nobody has decided; or, once it is over, they have
   * changed since the preview.
   */
  readonly skipped: number
}

/** An admin's choice among a source's people, and what became of it. */
export interface ImportSession {
  readonly id: string
  readonly sourceId: string
  readonly source: string
  readonly state: SessionState
  /** Whoever matches is chosen; null is nobody. */
  readonly matching: PersonFilter | null
  /** Chosen, or not, whatever the filter says. */
  readonly listed: { readonly with: number; readonly without: number }
  readonly createdBy: string
  readonly createdAtMs: number
  readonly startedAtMs: number | null
  readonly finishedAtMs: number | null
  /** How many the run is about; those done are in `counts`. */
  readonly total: number
  readonly counts: ImportCounts
  readonly error: string | null
  /** Why it is not known who has a role in the tenant; null when it is. */
  readonly rolesUnknown: string | null
}

/** Somebody here whom a newcomer may be, or whose name she would have had. */
export interface Namesake {
  readonly id: string
  readonly username: string
  readonly by: 'userPrincipalName' | 'mail' | 'username'
  /** False: she comes from the same source, so that they are two. */
  readonly canLink: boolean
}

/** What an admin has said of one newcomer who may be here already. */
export type Decision = 'separate' | 'link'

export type DecisionMade =
  | { readonly kind: 'separate' }
  /** To somebody here: by id, username, UPN or mail address. */
  | { readonly kind: 'link'; readonly to: string }

/** What a person of a source is here; `deleted` is who is linked and was deleted here. */
export const MATCHES = ['new', 'linked', 'deleted', 'conflict'] as const

export interface SessionPerson {
  readonly externalId: ExternalId
  readonly userPrincipalName: string | null
  readonly displayName: string | null
  readonly mail: string | null
  readonly department: string | null
  readonly isLicensed: boolean
  readonly isGuest: boolean
  readonly isDisabled: boolean
  /** Mastered by Active Directory: what is to be changed of her is changed there. */
  readonly isOnPremises: boolean
  /** Roles she holds in the tenant, which protect her from writes; null when that is not known. */
  readonly roles: readonly string[] | null
  /** Groups she is directly in, of those that are here. */
  readonly groups: number
  readonly match: (typeof MATCHES)[number]
  readonly isChosen: boolean
  readonly decision: Decision | null
  /** Whom she is, or is to be. */
  readonly linkedTo: string | null
  readonly namesakes: readonly Namesake[]
  /** For those not linked: what she would be called, if this page came in now. */
  readonly username: string | null
  /** In a preview alone, for those a run makes: the uid and gid it would give. */
  readonly uidNumber: number | null
}

export interface PeopleQuery {
  readonly filter: PersonFilter
  readonly match: SessionPerson['match'] | null
  readonly isChosen: boolean | null
  /** Where an earlier page ended. */
  readonly after: string | null
  readonly limit: number
}

export interface PeoplePage {
  readonly people: readonly SessionPerson[]
  /** Null at the end. */
  readonly next: string | null
}

/** What a run would do; `count` and `until` are what an admin then says she has seen. */
export interface ImportPreview {
  readonly count: number
  readonly until: string
  readonly created: number
  readonly linked: number
  /** They may be here already, and nobody has said so: a run leaves them out. */
  readonly undecided: number
  readonly guests: number
  readonly disabled: number
  readonly onPremises: number
  readonly unlicensed: number
  /** Null when it is not known. */
  readonly withRoles: number | null
  readonly memberships: number
  /** What the first of them would get; later ones follow. */
  readonly numbers: { readonly first: number; readonly left: number }
  readonly people: readonly SessionPerson[]
}

export interface Choice {
  /** Left out: as it is. Null: nobody but those listed. */
  readonly matching?: PersonFilter | null
  /** External ids, or UPNs. */
  readonly with: readonly string[]
  readonly without: readonly string[]
}

export interface By {
  readonly name: string
  readonly reason: string | null
}

/**
 * Sessions, rules and policy in the database.
 *
 * @throws {DirectoryError} `DIRECTORY_NOT_FOUND`, `DIRECTORY_REFUSED`, `DIRECTORY_CONFLICT`,
 *   `DIRECTORY_UNAVAILABLE`
 */
export interface ImportStore {
  settings(sourceId: string): Promise<ImportSettings>
  setPolicy(sourceId: string, policy: ImportPolicy, by: By): Promise<void>
  addRule(
    sourceId: string,
    rule: { readonly filter: PersonFilter; readonly action: RuleAction },
    by: By,
  ): Promise<string>
  removeRule(sourceId: string, ruleId: string, by: By): Promise<void>
  /** The source's own id of a group, by name or id. */
  findGroup(sourceId: string, reference: string): Promise<ExternalId>

  sessions(): Promise<readonly ImportSession[]>
  session(id: string): Promise<ImportSession>
  /** @param roles who holds one, or why that is not known */
  open(sourceId: string, roles: readonly RoleHolder[] | string, by: By): Promise<string>
  people(id: string, query: PeopleQuery): Promise<PeoplePage>
  choose(id: string, choice: Choice): Promise<void>
  /** What a newcomer is who may be here already; null takes the word back. */
  decide(id: string, person: string, decision: DecisionMade | null, by: By): Promise<void>
  preview(id: string): Promise<ImportPreview>
  /** Lets a run begin, of what was seen. `DIRECTORY_CONFLICT` when it is no longer that. */
  begin(id: string, seen: { readonly count: number; readonly until: string }, by: By): Promise<void>
  /** Ends it, whatever its state; who came in by it stays. */
  remove(id: string, by: By): Promise<void>

  /** Sessions whose run is not over. */
  running(): Promise<readonly { readonly id: string; readonly sourceId: string }[]>
  /** The next batch of a run; false when nobody is left. */
  runBatch(id: string): Promise<boolean>
  finish(id: string): Promise<void>
  fail(id: string, error: string): Promise<void>
}
