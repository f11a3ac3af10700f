import { sql } from 'kysely'
import type { ImportScope } from '../sources/judge-people.ts'
import type { SourceItem, Stream } from '../sources/source.ts'
import type {
  JudgeGroups,
  Judgement,
  JudgePeople,
  KeptHealth,
  Round,
  SourceState,
  SyncCounts,
  SyncStore,
} from '../sources/sync-store.ts'
import type { Verification } from '../sources/verify.ts'
import type { Database } from './connection.ts'
import { admitNewcomers } from './import-admit.ts'
import { journal } from './journal.ts'
import { keepVerification, readHoldings } from './source-holdings.ts'
import { sourceActor } from './sync-batch.ts'
import { sweepCandidates } from './sync-candidates.ts'
import { applyGroups } from './sync-groups.ts'
import { settleEdges, sweepMembers } from './sync-members.ts'
import { applyPeople } from './sync-people.ts'
import { previewGroups, previewPeople } from './sync-preview.ts'
import * as rounds from './sync-rounds.ts'
import { Statistics } from './sync-statistics.ts'
import { applyApproved, settleManagers, sweepObjects } from './sync-sweep.ts'

/** The sync engine's store in Postgres; one file of this folder for each part of it. */
export class PostgresSyncStore implements SyncStore {
  readonly #db: Database
  readonly #statistics: Statistics

  constructor(db: Database) {
    this.#db = db
    this.#statistics = new Statistics(db)
  }

  readState(sourceId: string) {
    return rounds.readState(this.#db, sourceId)
  }

  keepHealth(sourceId: string, health: KeptHealth) {
    return rounds.keepHealth(this.#db, sourceId, health)
  }

  confirmToken(
    sourceId: string,
    stream: Stream,
    links: { readonly from: string; readonly to: string },
  ) {
    return rounds.confirmToken(this.#db, { sourceId, stream }, links)
  }

  openRound(round: Omit<Round, 'id'>) {
    return rounds.openRound(this.#db, round)
  }

  stagePage(round: Round, page: number, items: readonly SourceItem[]) {
    return rounds.stagePage(this.#db, round, { page, items })
  }

  sealRound(round: Round, end: { readonly deltaLink: string; readonly judgement: Judgement }) {
    return rounds.sealRound(this.#db, round, end)
  }

  abandonRound(round: Round, why: string) {
    return rounds.abandonRound(this.#db, round, why)
  }

  finishRound(round: Round, counts: SyncCounts) {
    return rounds.finishRound(this.#db, round, counts)
  }

  countBlanked(round: Round) {
    return rounds.countBlanked(this.#db, round)
  }

  readDisappearance(round: Round) {
    return rounds.readDisappearance(this.#db, round)
  }

  async applyPeople(round: Round, judge: JudgePeople) {
    const result = await applyPeople(this.#db, round, judge)
    if (result !== null) await this.#statistics.count(round, result)
    return result
  }

  async applyGroups(round: Round, judge: JudgeGroups) {
    const result = await applyGroups(this.#db, round, judge)
    if (result !== null) await this.#statistics.count(round, result)
    return result
  }

  sweepObjects(round: Round, options: { readonly isBelieved: boolean }) {
    return sweepObjects(this.#db, round, options)
  }

  sweepMembers(round: Round, options: { readonly isBelieved: boolean }) {
    return sweepMembers(this.#db, round, options)
  }

  sweepCandidates(round: Round) {
    return sweepCandidates(this.#db, round)
  }

  admitNewcomers(sourceId: string, scope: ImportScope) {
    return admitNewcomers(this.#db, sourceId, scope)
  }

  applyApproved(sourceId: string) {
    return applyApproved(this.#db, sourceId)
  }

  settleEdges(sourceId: string) {
    return settleEdges(this.#db, sourceId)
  }

  settleManagers(sourceId: string) {
    return settleManagers(this.#db, sourceId)
  }

  previewPeople(round: Round, afterSeq: number, judge: JudgePeople) {
    return previewPeople(this.#db, round, { afterSeq, judge })
  }

  previewGroups(round: Round, afterSeq: number, judge: JudgeGroups) {
    return previewGroups(this.#db, round, { afterSeq, judge })
  }

  async setState(sourceId: string, state: Exclude<SourceState, 'paused'>, reason: string | null) {
    await this.#db.write(async (tx) => {
      const { rows } = await sql<{ version: number }>`
        update source set state = ${state}, state_reason = ${reason},
          version = nextval('entity_version')
        where id = ${sourceId}::uuid and state <> 'paused'
          and (state <> ${state} or state_reason is distinct from ${reason})
        returning version`.execute(tx)
      const version = rows[0]?.version
      if (version === undefined) return
      const actor = { ...sourceActor(sourceId), reason }
      journal(tx, { kind: `source.${state}`, entity: sourceId, version, actor })
    })
  }

  liftQuarantine(sourceId: string) {
    return this.setState(sourceId, 'active', null)
  }

  readHoldings(sourceId: string) {
    return readHoldings(this.#db, sourceId)
  }

  keepVerification(sourceId: string, verification: Verification) {
    return keepVerification(this.#db, sourceId, verification)
  }

  pruneStaging(sourceId: string) {
    return rounds.pruneStaging(this.#db, sourceId)
  }
}
