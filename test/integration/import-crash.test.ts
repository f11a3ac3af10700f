import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import t, { type Test } from 'tap'
import { DirectoryError } from '../../src/directory/errors.ts'
import { Imports } from '../../src/sources/imports.ts'
import {
  type Database,
  TRANSACTION_LIMIT_ENTITIES,
  type TransactionReport,
} from '../../src/storage/connection.ts'
import { PostgresImportStore } from '../../src/storage/import-store.ts'
import { PostgresSyncStore } from '../../src/storage/sync-store.ts'
import { Crash, Crasher } from '../support/crash.ts'
import { testDatabase } from '../support/database.ts'
import { aGroup, aPerson } from '../support/fake-source.ts'
import { fakeImports, type ImportBench, livesOf, membersOf } from '../support/imports.ts'
import { TESTER } from '../support/sync.ts'

const PEOPLE = 950
const EVERY = 37

const ids = Array.from({ length: PEOPLE }, (_, at) => `p${String(at).padStart(4, '0')}`)

/** A source with so many people, all of them chosen, and the run begun. */
async function begun(db: Database) {
  const parts = await fakeImports(db)
  const { source, sourceId, bench } = parts
  source.says(
    'people',
    ids.map((id, at) => aPerson(id, { managerExternalId: ids[at + 1] ?? null })),
  )
  source.says('groups', [aGroup('all', ids)])
  await bench.round()
  const id = await bench.imports.open(sourceId, [], TESTER)
  await bench.imports.choose(id, { matching: {}, with: [], without: [] })
  await bench.imports.begin(id, await bench.imports.preview(id), TESTER)
  return { ...parts, id }
}

/** All of a run, as long as nothing goes wrong. */
async function go(bench: ImportBench, store: PostgresSyncStore, id: string): Promise<void> {
  const { imports, sourceId } = bench
  while (await imports.runBatch(id));
  while ((await store.settleManagers(sourceId)) !== null);
  while ((await store.settleEdges(sourceId)) !== null);
  await imports.finish(id)
}

async function check(t: Test, db: Database, parts: Awaited<ReturnType<typeof begun>>) {
  const { sourceId, bench, id } = parts
  t.match(await bench.imports.session(id), {
    state: 'done',
    total: PEOPLE,
    counts: { created: PEOPLE, linked: 0, skipped: 0 },
  })
  t.same(Object.keys(await livesOf(db, sourceId)).length, PEOPLE)
  t.same(await membersOf(db, sourceId, 'all'), ids, 'everybody is in her group')
  const { rows } = await sql<{ people: number; numbers: number; managed: number; ends: number }>`
    select count(*) as people, count(distinct uid_number) as numbers,
      count(manager_id) as managed,
      (select count(*) from (
        select kind from journal union all select kind from journal_inbox) as j
       where kind = 'source.imported') as ends
    from person`.execute(db.kysely)
  t.same(rows[0], { people: PEOPLE, numbers: PEOPLE, managed: PEOPLE - 1, ends: 1 })
  t.equal(await bench.count('source_candidate'), 0)
}

await t.test(
  'import: killed at any statement, it is gone on with, and nobody comes twice',
  async (t) => {
    const db = await testDatabase(t)
    const crasher = new Crasher(db)
    const parts = await begun(db)
    const { bench, store, id } = parts
    let crashes = 0
    for (let statements = 1; ; statements += EVERY) {
      crasher.arm(statements, { isAfter: crashes % 2 === 1 })
      try {
        await go(bench, store, id)
        if (!crasher.restart()) break
      } catch (error) {
        crasher.restart()
        if (!(error instanceof Crash) && !(error instanceof DirectoryError)) throw error
      }
      crashes += 1
    }
    t.ok(crashes > 2, `${crashes} crashes`)
    await check(t, db, parts)
  },
)

await t.test('import: two daemons that both think they lead share it', async (t) => {
  const reports: TransactionReport[] = []
  const db = await testDatabase(t, { onTransaction: (report) => reports.push(report) })
  const parts = await begun(db)
  const services = [0, 1].map(
    () =>
      new Imports({
        store: new PostgresImportStore(db),
        sync: new PostgresSyncStore(db),
        isLeader: () => true,
        intervalMs: 10,
      }),
  )
  await Promise.all(services.map((service) => service.start()))
  while ((await parts.bench.imports.session(parts.id)).state === 'running') await sleep(10)
  await Promise.all(services.map((service) => service.stop()))
  await check(t, db, parts)
  const most = Math.max(...reports.map(({ entities }) => entities))
  t.ok(most <= TRANSACTION_LIMIT_ENTITIES, `${most} entities in a transaction`)
})
