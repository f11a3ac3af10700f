import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import t from 'tap'
import { Sources } from '../../src/sources/control.ts'
import { SourceError } from '../../src/sources/source.ts'
import { verifySource } from '../../src/sources/verify.ts'
import { PostgresSourceRegistry } from '../../src/storage/sync-sources.ts'
import { PostgresSyncStore } from '../../src/storage/sync-store.ts'
import { testDatabase } from '../support/database.ts'
import { FakeSource } from '../support/fake-source.ts'
import { connect, KEYS, never, testTenant } from '../support/sync.ts'

const PATIENCE_MS = 20_000

await t.test('verify: what Microsoft 365 counts is what is here, guests and all', async (t) => {
  const db = await testDatabase(t)
  const tenant = await testTenant(t, { people: 30, groups: 6 })
  const { engine, registry } = await connect(tenant, db)
  await engine.run({ signal: never })
  const told = await engine.verify(never)
  for (const { stream, there, here, differs, error } of told) {
    t.equal(here, there, stream)
    t.ok((there ?? 0) > 0)
    t.same({ differs, error }, { differs: false, error: null })
  }
  t.match(await registry.list(), [{ verification: { streams: told } }], 'and is kept')
})

await t.test('verify: what a delta never told is seen, and a full round mends it', async (t) => {
  const db = await testDatabase(t)
  const tenant = await testTenant(t, { people: 60, groups: 2 })
  const { engine, sourceId } = await connect(tenant, db)
  await engine.run({ signal: never })
  // As if their arrival had never been told.
  await sql`
    delete from source_link where source_id = ${sourceId}::uuid and object_kind = 'person'
      and external_id in (select external_id from source_link where object_kind = 'person'
        order by external_id limit 8)`.execute(db.kysely)
  const [people] = await engine.verify(never)
  t.match(people, { stream: 'people', differs: true })
  t.equal((people?.there ?? 0) - (people?.here ?? 0), 8)
  const preview = await engine.run({ signal: never, isFull: true, isDryRun: true })
  t.match(preview[0], { mode: 'full', counts: { created: 8 } })
  t.match((await engine.verify(never))[0], { differs: true }, 'a dry run mends nothing')
  await engine.run({ signal: never, isFull: true })
  t.match((await engine.verify(never))[0], { differs: false })
})

await t.test(
  'verify: removals that wait are no difference; no count is told as that',
  async (t) => {
    const db = await testDatabase(t)
    const tenant = await testTenant(t, { people: 60, groups: 2 })
    const { engine, sourceId, store } = await connect(tenant, db)
    await engine.run({ signal: never })
    await sql`
    insert into removal_waiting (source_id, kind, subject)
    select source_id, 'person', external_id from source_link
    where source_id = ${sourceId}::uuid and object_kind = 'person' limit 10`.execute(db.kysely)
    const { here } = (await store.readHoldings(sourceId)).people
    const source = new FakeSource()
    source.counts = { people: here - 10 }
    t.match(await verifySource({ source, store, sourceId }, never), [
      { stream: 'people', waiting: 10, differs: false },
      { stream: 'groups', there: null, differs: false },
    ])
    source.count = () => Promise.reject(new SourceError('SOURCE_REFUSED', 'no permission'))
    t.match(await verifySource({ source, store, sourceId }, never), [
      { there: null, error: 'no permission' },
      { there: null, error: 'no permission' },
    ])
  },
)

await t.test('verify: once a week by itself', async (t) => {
  const db = await testDatabase(t)
  const tenant = await testTenant(t, { people: 12, groups: 2 })
  await connect(tenant, db)
  await sql`
    update source set created_at = created_at - make_interval(days => 8)`.execute(db.kysely)
  const sources = new Sources({
    registry: new PostgresSourceRegistry({ db, keys: KEYS }),
    store: new PostgresSyncStore(db),
    isLeader: () => true,
    intervalMs: 40,
    refreshMs: 40,
  })
  await sources.start()
  t.teardown(() => sources.stop())
  const verified = async () => (await sources.list())[0]?.verification ?? null
  const startedAtMs = performance.now()
  while ((await verified()) === null) {
    if (performance.now() - startedAtMs > PATIENCE_MS) throw new Error('was never verified')
    await sleep(20)
  }
  const first = await verified()
  t.match(first?.streams, [{ stream: 'people' }, { stream: 'groups' }])
  await sources.sync('contoso', {})
  t.same(await verified(), first, 'not with each round')
  const asked = await sources.verify('contoso', never)
  t.ok((asked.verification?.atMs ?? 0) > (first?.atMs ?? 0), 'but when asked')
})
