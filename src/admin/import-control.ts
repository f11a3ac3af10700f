import type { Actor } from '../directory/ports/people.ts'
import type {
  Choice,
  DecisionMade,
  ImportCounts,
  ImportPreview,
  PeoplePage,
  PeopleQuery,
  PersonFilter,
  RuleAction,
} from '../sources/import.ts'
import type { ImportPolicy } from '../sources/judge-people.ts'

/** Who of a source comes in by herself, as an admin sees it. */
export interface ImportSettingsView {
  readonly source: string
  readonly import: ImportPolicy
  /** People of the source who are not imported. */
  readonly candidates: number
  readonly rules: readonly {
    readonly id: string
    readonly filter: PersonFilter
    readonly action: RuleAction
    readonly createdBy: string
    readonly createdAt: string
    readonly admitted: number
    readonly activated: number
  }[]
}

/** One choice among a source's people, and how far its run is. */
export interface ImportView {
  readonly id: string
  readonly source: string
  readonly state: 'draft' | 'running' | 'done' | 'failed'
  readonly matching: PersonFilter | null
  readonly listed: { readonly with: number; readonly without: number }
  readonly createdBy: string
  readonly createdAt: string
  readonly startedAt: string | null
  readonly finishedAt: string | null
  readonly total: number
  readonly counts: ImportCounts
  readonly error: string | null
  readonly rolesUnknown: string | null
}

/**
 * What can be done about imports; the daemon composes it. In filters a group is named as it is
 * here, or by its id.
 */
export interface ImportControl {
  settings(source: string): Promise<ImportSettingsView>
  setPolicy(source: string, policy: ImportPolicy, actor: Actor): Promise<ImportSettingsView>
  addRule(
    source: string,
    rule: { readonly filter: PersonFilter; readonly action: RuleAction },
    actor: Actor,
  ): Promise<ImportSettingsView>
  removeRule(source: string, rule: string, actor: Actor): Promise<ImportSettingsView>

  list(): Promise<readonly ImportView[]>
  /** Reads who has a role in the tenant, and begins a choice with nobody in it. */
  start(source: string, actor: Actor): Promise<ImportView>
  read(id: string): Promise<ImportView>
  people(id: string, query: PeopleQuery): Promise<PeoplePage>
  choose(id: string, choice: Choice): Promise<ImportView>
  decide(
    id: string,
    person: string,
    decision: DecisionMade | null,
    actor: Actor,
  ): Promise<ImportView>
  preview(id: string): Promise<ImportPreview>
  /** Lets the run of what was seen begin; it goes on by itself. */
  run(
    id: string,
    seen: { readonly count: number; readonly until: string },
    actor: Actor,
  ): Promise<ImportView>
  remove(id: string, actor: Actor): Promise<void>
}
