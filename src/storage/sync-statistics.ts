import { sql } from 'kysely'
import type { BatchResult, Round } from '../sources/sync-store.ts'
import type { Database } from './connection.ts'

/** People or groups created, after which the planner is told anew what the tables look like. */
const MILESTONES: readonly number[] = [1, 100, 500, 2_000, 10_000, 50_000]
const TABLES = {
  people: 'sync_item, source_candidate, source_link, principal, person, hold, login_name',
  groups: 'sync_item, source_link, source_member, directory_group, membership',
} as const

/**
 * Keeps the planner's statistics in step with a first import, which fills empty tables faster than
 * autovacuum looks at them; the embedded database has no autovacuum at all. Tables that nobody has
 * analysed are taken for small, and then every batch reads all of them; so does each check of a
 * foreign key, whose plan is kept until the table it looks into is analysed.
 */
export class Statistics {
  readonly #db: Database
  #roundId = ''
  #created = 0

  constructor(db: Database) {
    this.#db = db
  }

  async count(
    round: Pick<Round, 'id' | 'mode' | 'stream'>,
    { counts }: Pick<BatchResult, 'counts'>,
  ) {
    if (round.id !== this.#roundId) {
      this.#roundId = round.id
      this.#created = 0
    }
    const before = this.#created
    this.#created += (counts.created ?? 0) + (counts.proposed ?? 0)
    const isDue = MILESTONES.some((at) => before < at && this.#created >= at)
    if (!isDue || round.mode !== 'full') return
    await sql`analyze ${sql.raw(TABLES[round.stream])}`.execute(this.#db.kysely)
  }
}
