import { sql } from 'kysely'
import t from 'tap'
import { DEFAULT_SCOPE } from '../../src/sources/judge-people.ts'
import { SyncEngine } from '../../src/sources/sync.ts'
import type { Database } from '../../src/storage/connection.ts'
import { PostgresSyncStore } from '../../src/storage/sync-store.ts'
import { Crasher } from '../support/crash.ts'
import { testDatabase } from '../support/database.ts'
import { aGroup, aPerson, connectFake, FakeSource, gone, without } from '../support/fake-source.ts'
import { approveAll, imageOfDirectory, never, TESTER, waitingOf } from '../support/sync.ts'

async function fake(db: Database, people: number) {
  const source = new FakeSource()
  const { registry, sourceId } = await connectFake(db, source)
  const store = new PostgresSyncStore(db)
  /** A new engine each time: the window is kept in the database alone. */
  const run = (options = {}) =>
    new SyncEngine({ source, store, sourceId, scope: DEFAULT_SCOPE }).run({
      signal: never,
      ...options,
    })
  const everybody = Array.from({ length: people }, (_, at) => aPerson(`p${at}`))
  source.says('people', everybody)
  await run()
  const count = async () => Object.keys((await imageOfDirectory(db, sourceId)).people).length
  return { source, registry, sourceId, store, run, everybody, count }
}

await t.test(
  'removal guard: five a round for two hundred rounds are caught, over restarts',
  async (t) => {
    const db = await testDatabase(t)
    const { source, registry, sourceId, run, count } = await fake(db, 1_100)
    for (let round = 0; round < 200; round++) {
      const first = round * 5
      source.says('people', [
        ...Array.from({ length: 5 }, (_, at) => gone(`p${first + at}`)),
        aPerson(`new${round}`),
      ])
      await run()
    }
    const left = await count()
    // A twentieth of all there were meanwhile, those who came on the way included.
    t.equal(left, 1_100 - 64 + 200, 'a twentieth went, and additions went on')
    const waiting = await waitingOf(registry, sourceId)
    t.equal(waiting.length, 1_000 - 64)
    t.match(waiting[0], { kind: 'person', subject: /^p\d+$/ })
    t.equal(await approveAll(registry, sourceId), 936)
    await run()
    t.equal(await count(), 100 + 200, 'an admin said yes')
    t.same(await waitingOf(registry, sourceId), [])
  },
)

await t.test(
  'removal guard: suspensions count with removals, and lifting them is free',
  async (t) => {
    const db = await testDatabase(t)
    const { source, registry, sourceId, run } = await fake(db, 60)
    source.says('people', [
      ...Array.from({ length: 12 }, (_, at) => gone(`p${at}`)),
      ...Array.from({ length: 20 }, (_, at) => aPerson(`p${20 + at}`, { isEnabled: false })),
    ])
    await run()
    const held = async () => {
      const { rows } = await sql<{ n: number }>`select count(*) as n from hold`.execute(db.kysely)
      return rows[0]?.n
    }
    t.equal(await held(), 8)
    t.equal(
      (await waitingOf(registry, sourceId)).filter(({ kind }) => kind === 'suspension').length,
      12,
    )
    source.says('people', [
      aPerson('p39', { isEnabled: true }),
      aPerson('p20', { isEnabled: true }),
    ])
    await run()
    t.equal(await held(), 7)
    t.equal((await waitingOf(registry, sourceId)).length, 11, 'who is enabled again waits no more')
    await approveAll(registry, sourceId)
    await run()
    t.equal(await held(), 18)
  },
)

await t.test('removal guard: an empty or much smaller full answer removes nothing', async (t) => {
  const db = await testDatabase(t)
  const { source, registry, sourceId, store, run, everybody, count } = await fake(db, 100)
  source.says('people', [])
  const [empty] = await run({ isFull: true })
  t.match(empty?.note, /lacked 100 of 100 known people/)
  t.equal(await count(), 100)
  t.equal((await store.readState(sourceId)).state, 'quarantined')
  t.equal((await waitingOf(registry, sourceId)).length, 100)
  source.says('people', everybody.slice(0, 70))
  await run({ isFull: true })
  t.equal(await count(), 100)
  t.equal((await waitingOf(registry, sourceId)).length, 30, 'those seen again wait no more')
  source.says('people', everybody)
  await run({ isFull: true })
  t.equal((await waitingOf(registry, sourceId)).length, 0)
  t.equal(
    (await store.readState(sourceId)).state,
    'active',
    'a sound full answer lifts the quarantine',
  )
  source.says('people', everybody.slice(0, 90))
  source.counts = { people: 100 }
  const [short] = await run({ isFull: true })
  t.match(short?.note, /named 90 of 100 people/, 'nor one short of its own count')
  t.equal(await count(), 100)
  source.counts = {}
  source.says('people', everybody.slice(0, 95))
  const [sound] = await run({ isFull: true })
  t.match(sound, { note: null })
})

await t.test(
  'removal guard: the memberships of each group have a window of their own',
  async (t) => {
    const db = await testDatabase(t)
    const { source, registry, sourceId, run, everybody } = await fake(db, 80)
    const ids = everybody.map(({ externalId }) => externalId)
    source.says('groups', [aGroup('a', ids), aGroup('b', ids), aGroup('hidden', ids.slice(0, 9))])
    await run()
    source.says('groups', [
      without(aGroup('a', []), ids.slice(0, 50)),
      without(aGroup('b', []), ids.slice(0, 15)),
    ])
    await run()
    const members = async (group: string) => {
      const { groups } = await imageOfDirectory(db, sourceId)
      return (groups[group] as { members: string[] }).members.length
    }
    t.same([await members('a'), await members('b')], [60, 65])
    t.equal((await waitingOf(registry, sourceId)).length, 30)
    source.says('groups', [aGroup('a', ['p49']), aGroup('b', ['p0'])])
    await run()
    t.same([await members('a'), await members('b')], [60, 66], 'one that waited is a member again')
    t.equal((await waitingOf(registry, sourceId)).length, 29)
    source.says('groups', [
      aGroup('a', ids.slice(49)),
      aGroup('b', ['p0', ...ids.slice(15)]),
      aGroup('hidden', []),
    ])
    source.says('people', everybody)
    await run({ isFull: true })
    t.equal(await members('hidden'), 9, 'a group shown empty in a full answer keeps its members')
    await approveAll(registry, sourceId)
    await run()
    t.same([await members('a'), await members('hidden')], [31, 0])
  },
)

await t.test(
  'removal guard: what an admin rejects stays, until the source says so again',
  async (t) => {
    const db = await testDatabase(t)
    const { source, registry, sourceId, run, count } = await fake(db, 60)
    const all = Array.from({ length: 30 }, (_, at) => gone(`p${at}`))
    source.says('people', all)
    await run()
    t.equal(await count(), 40)
    t.equal(await registry.reject(sourceId, TESTER), 10)
    await run()
    t.equal(await count(), 40)
    source.says('people', all)
    await run()
    t.equal((await waitingOf(registry, sourceId)).length, 10)
  },
)

await t.test(
  'removal guard: an answer that was doubted before a crash is doubted after it',
  async (t) => {
    const db = await testDatabase(t)
    const { source, run, everybody, count } = await fake(db, 100)
    source.counts = { people: 100 }
    const crasher = new Crasher(db)
    let crashes = 0
    for (let statements = 0, isWhole = false; !isWhole; statements++) {
      source.says('people', everybody.slice(0, 90))
      crasher.arm(statements, { isAfter: statements % 2 === 0 })
      isWhole = await run({ isFull: true }).then(
        () => true,
        () => false,
      )
      if (crasher.restart()) crashes++
      source.script.people.length = 0
      await run()
      if ((await count()) !== 100) t.fail(`crash at statement ${statements}: ${await count()}`)
    }
    t.ok(crashes > 10, `${crashes} places to crash at`)
    t.equal(await count(), 100)
  },
)

await t.test('dry run: all of a round shares the window, and changes nothing', async (t) => {
  const db = await testDatabase(t)
  const { source, run, everybody, count, registry, sourceId } = await fake(db, 1_000)
  source.says(
    'people',
    everybody.slice(0, 900).map(({ externalId }) => gone(externalId)),
  )
  const [delta] = await run({ isDryRun: true })
  t.match(delta, { mode: 'delta', counts: { removed: 50, waiting: 850 }, note: null })
  source.says('people', everybody.slice(0, 850))
  const [full] = await run({ isDryRun: true, isFull: true })
  t.match(full, { mode: 'full', counts: { removed: 50, waiting: 100 }, note: null })
  source.counts = { people: 1_000 }
  source.says('people', everybody.slice(0, 850))
  const [short] = await run({ isDryRun: true, isFull: true })
  t.match(short, { counts: { removed: 0, waiting: 150 }, note: /named 850 of 1000 people/ })
  t.equal(await count(), 1_000)
  t.same(await waitingOf(registry, sourceId), [])
})

await t.test('dry run: a round that is half applied is left to a sync', async (t) => {
  const db = await testDatabase(t)
  const { source, run, everybody, count } = await fake(db, 1_000)
  const crasher = new Crasher(db)
  const half = async () => {
    const { rows } = await sql<{ n: number }>`
      select count(*) as n from sync_round where state = 'applying'`.execute(db.kysely)
    return rows[0]?.n
  }
  for (let statements = 10; (await half()) !== 1; statements++) {
    source.script.people.length = 0
    source.says(
      'people',
      everybody.slice(0, 40).map(({ externalId }) => gone(externalId)),
    )
    crasher.arm(statements, { isAfter: false })
    await run().catch(() => undefined)
    crasher.restart()
  }
  const before = await count()
  await t.rejects(run({ isDryRun: true }), { code: 'DIRECTORY_CONFLICT', message: /half applied/ })
  t.equal(await count(), before)
  await run()
  t.equal(await count(), 960)
})

await t.test('sync: each stream is read whole once a week, whatever the other does', async (t) => {
  const db = await testDatabase(t)
  const { source, run, everybody } = await fake(db, 30)
  const modes = async () => {
    source.says('people', everybody)
    return (await run()).map(({ stream, mode }) => `${stream} ${mode}`)
  }
  t.same(await modes(), ['people delta', 'groups nothing'])
  await sql`update sync_round set finished_at = finished_at - interval '8 days'
    where stream = 'people'`.execute(db.kysely)
  t.same(await modes(), ['people full', 'groups nothing'])
  t.same(await modes(), ['people delta', 'groups nothing'])
  await sql`delete from sync_round where stream = 'groups'`.execute(db.kysely)
  t.same(await modes(), ['people delta', 'groups full'], 'nobody knows when it was read whole')
})
