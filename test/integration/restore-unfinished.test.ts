import { join } from 'node:path'
import { Readable } from 'node:stream'
import { sql } from 'kysely'
import t, { type Test } from 'tap'
import { DEFAULT_SCOPE } from '../../src/sources/judge-people.ts'
import { SyncEngine } from '../../src/sources/sync.ts'
import { PostgresBackup } from '../../src/storage/backup.ts'
import type { Database } from '../../src/storage/connection.ts'
import { openKeys } from '../../src/storage/master-key.ts'
import { restoreBackup } from '../../src/storage/restore.ts'
import { PostgresUndoStore } from '../../src/storage/round-undo.ts'
import { PostgresDepartureStore } from '../../src/storage/source-departure.ts'
import { PostgresSyncStore } from '../../src/storage/sync-store.ts'
import { testDatabase } from '../support/database.ts'
import { aPerson, connectFake, FakeSource } from '../support/fake-source.ts'
import { never, TESTER } from '../support/sync.ts'

/** More than one transaction takes. */
const PEOPLE = 700
const ADMIN = { name: 'admin:ann', reason: null }

async function rig(t: Test) {
  const database = await testDatabase(t)
  const folder = t.testdir()
  const keys = await openKeys(database, join(folder, 'key'))
  const source = new FakeSource()
  const { sourceId } = await connectFake(database, source)
  const store = new PostgresSyncStore(database)
  const everybody = Array.from({ length: PEOPLE }, (_, n) => aPerson(`p${n}`))
  source.says('people', everybody)
  await new SyncEngine({ source, store, sourceId, scope: DEFAULT_SCOPE }).run({ signal: never })
  return { database, sourceId, folder, keys }
}

/** As it stands now, in another database. */
async function restored(
  t: Test,
  { database, folder, keys }: Awaited<ReturnType<typeof rig>>,
): Promise<Database> {
  const chunks: Buffer[] = []
  for await (const chunk of new PostgresBackup(database, keys).write({
    passphrase: 'a passphrase',
  }))
    chunks.push(chunk)
  const target = await testDatabase(t)
  await restoreBackup(target, {
    archive: Readable.from(chunks),
    keyFile: join(folder, 'restored.key'),
    passphrase: 'a passphrase',
  })
  return target
}

async function livingIn({ kysely }: Database): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    select count(*)::integer as n from principal where kind = 'person' and lifecycle <> 'deleted'`.execute(
    kysely,
  )
  return rows[0]?.n ?? -1
}

await t.test(
  'a disconnection under way at a backup deletes nobody after the restore',
  async (t) => {
    const rigged = await rig(t)
    const { database, sourceId } = rigged
    await sql`update principal set lifecycle = 'active' where kind = 'person'`.execute(
      database.kysely,
    )
    const departures = new PostgresDepartureStore(database)
    await departures.begin(sourceId, { people: 'delete', count: PEOPLE }, ADMIN)
    t.ok(await departures.step(sourceId))
    const left = await livingIn(database)
    t.ok(left > 0 && left < PEOPLE, `${left} are left`)

    const target = await restored(t, rigged)
    const theirs = new PostgresDepartureStore(target)
    t.same(await theirs.unfinished(), [sourceId], 'it is disconnected')
    while (await theirs.step(sourceId));
    t.equal(await livingIn(target), left, 'and the rest of its people are kept')
    const { rows } = await sql<{ reason: string }>`
    select reason from (select kind, reason from journal
      union all select kind, reason from journal_inbox) j
    where kind = 'source.people-kept'`.execute(target.kysely)
    t.equal(rows.length, 1)
    t.match(rows[0]?.reason, /^restored from .*were to be deleted, are kept until an admin says/)

    while (await departures.step(sourceId));
    t.equal(await livingIn(database), 0, 'where nothing was restored it goes on as it was meant')
  },
)

await t.test('an undo under way at a backup waits for a word after the restore', async (t) => {
  const rigged = await rig(t)
  const { database, sourceId } = rigged
  const undos = new PostgresUndoStore(database)
  const rounds = await undos.rounds(sourceId, 9)
  const roundId = rounds.find(({ stream }) => stream === 'people')?.id ?? ''
  const begun = await undos.begin({ roundId, count: PEOPLE }, ADMIN)
  t.ok(begun.ok && (await undos.step(begun.undo)))
  const left = await livingIn(database)
  t.ok(left > 0 && left < PEOPLE, `${left} are left`)

  const target = await restored(t, rigged)
  const theirs = new PostgresUndoStore(target)
  t.same(await theirs.unfinished(), [])
  t.equal(await livingIn(target), left)
  t.match(await theirs.begin({ roundId, count: null }, TESTER), { ok: false, affected: left })
  const again = await theirs.begin({ roundId, count: left }, TESTER)
  while (again.ok && (await theirs.step(again.undo)));
  t.equal(await livingIn(target), 0, 'said once more, it does what was left')
})
