import type {
  By,
  Choice,
  ImportStore,
  PeopleQuery,
  PersonFilter,
  RuleAction,
} from '../sources/import.ts'
import type { ImportPolicy } from '../sources/judge-people.ts'
import type { RoleHolder } from '../sources/source.ts'
import type { Database } from './connection.ts'
import { choose, decide } from './import-choice.ts'
import { listPeople } from './import-people.ts'
import { previewSession } from './import-preview.ts'
import * as rules from './import-rules.ts'
import { runBatch } from './import-run.ts'
import * as sessions from './import-sessions.ts'
import { Statistics } from './sync-statistics.ts'

/** Imports in Postgres; one file of this folder for each part of it. */
export class PostgresImportStore implements ImportStore {
  readonly #db: Database
  readonly #statistics: Statistics

  constructor(db: Database) {
    this.#db = db
    this.#statistics = new Statistics(db)
  }

  settings(sourceId: string) {
    return rules.readSettings(this.#db, sourceId)
  }

  setPolicy(sourceId: string, policy: ImportPolicy, by: By) {
    return rules.setPolicy(this.#db, sourceId, { policy, by })
  }

  addRule(
    sourceId: string,
    rule: { readonly filter: PersonFilter; readonly action: RuleAction },
    by: By,
  ) {
    return rules.addRule(this.#db, sourceId, { ...rule, by })
  }

  removeRule(sourceId: string, ruleId: string, by: By) {
    return rules.removeRule(this.#db, sourceId, { ruleId, by })
  }

  findGroup(sourceId: string, reference: string) {
    return rules.findGroup(this.#db, sourceId, reference)
  }

  sessions() {
    return sessions.listSessions(this.#db)
  }

  async session(id: string) {
    return sessions.toSession(await sessions.readSession(this.#db, id))
  }

  open(sourceId: string, roles: readonly RoleHolder[] | string, by: By) {
    return sessions.openSession(this.#db, sourceId, { roles, by })
  }

  async people(id: string, query: PeopleQuery) {
    return listPeople(this.#db, await sessions.readSession(this.#db, id), query)
  }

  choose(id: string, choice: Choice) {
    return choose(this.#db, id, choice)
  }

  decide(...[id, person, decision, by]: Parameters<ImportStore['decide']>) {
    return decide(this.#db, id, { person, decision, by })
  }

  async preview(id: string) {
    return previewSession(this.#db, await sessions.readSession(this.#db, id))
  }

  begin(id: string, seen: { readonly count: number; readonly until: string }, by: By) {
    return sessions.beginSession(this.#db, id, { seen, by })
  }

  remove(id: string, by: By) {
    return sessions.removeSession(this.#db, id, by)
  }

  running() {
    return sessions.runningSessions(this.#db)
  }

  async runBatch(id: string) {
    const taken = await runBatch(this.#db, id)
    await this.#statistics.count(
      { id, mode: 'full', stream: 'people' },
      { counts: { created: taken ?? 0 } },
    )
    return taken !== null
  }

  finish(id: string) {
    return sessions.finishSession(this.#db, id)
  }

  fail(id: string, error: string) {
    return sessions.failSession(this.#db, id, error)
  }
}
