import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import t from 'tap'
import type { PrincipalId } from '../../src/directory/id.ts'
import {
  TRANSACTION_LIMIT_ENTITIES,
  TRANSACTION_LIMIT_MS,
  type TransactionReport,
} from '../../src/storage/connection.ts'
import { PostgresPeopleStore } from '../../src/storage/people-store.ts'
import { testDatabase } from '../support/database.ts'

const PEOPLE = 2_000

await t.test(
  'storage: however many people a command names, each transaction stays small',
  async (t) => {
    const reports: TransactionReport[] = []
    const database = await testDatabase(t, { onTransaction: (report) => reports.push(report) })
    const ids = Array.from({ length: PEOPLE }, () => randomUUID() as string as PrincipalId)
    await sql`insert into principal (id, kind, lifecycle)
    select id, 'person', 'staged' from unnest(${ids}::uuid[]) as p (id)`.execute(database.kysely)
    await sql`insert into person (id, username, username_folded, display_name, display_name_folded,
      uid_number, gid_number, home_directory, login_shell, folded)
    select id, 'p' || n, 'p' || n, 'P', 'p', 300000 + n, 300000 + n, '/', '/bin/sh', '{}'
    from unnest(${ids}::uuid[]) with ordinality as p (id, n)`.execute(database.kysely)
    reports.length = 0

    const people = new PostgresPeopleStore(database)
    const actor = { name: 'test', reason: null }
    t.equal((await people.activate(ids, actor)).changed, PEOPLE)
    t.equal((await people.hold(ids, 'admin', { actor, note: null, count: PEOPLE })).changed, PEOPLE)
    t.equal((await people.release(ids, 'admin', actor)).changed, PEOPLE)
    t.equal(
      (await people.release(ids, 'admin', actor)).changed,
      0,
      'and doing it again changes nothing',
    )

    t.ok(reports.length >= (3 * PEOPLE) / TRANSACTION_LIMIT_ENTITIES)
    t.ok(reports.every(({ entities }) => entities <= TRANSACTION_LIMIT_ENTITIES))
    const durations = reports.map(({ durationMs }) => durationMs).toSorted((a, b) => a - b)
    const median = durations[Math.floor(durations.length / 2)] ?? 0
    t.ok(median <= TRANSACTION_LIMIT_MS, `median ${median.toFixed(0)} ms`)
  },
)
