import { sql } from 'kysely'
import t, { type Test } from 'tap'
import { DEFAULT_SCOPE } from '../../src/sources/judge-people.ts'
import type { SourceItem } from '../../src/sources/source.ts'
import { SyncEngine } from '../../src/sources/sync.ts'
import { PostgresSyncStore } from '../../src/storage/sync-store.ts'
import { testDatabase } from '../support/database.ts'
import { aGroup, aPerson, connectFake, FakeSource } from '../support/fake-source.ts'
import { imageOfDirectory, never } from '../support/sync.ts'

const EVERYBODY = Array.from({ length: 100 }, (_, at) => aPerson(`p${at}`))
const GROUP = aGroup('g', ['p1', 'p2', 'p3'])

async function rig(t: Test) {
  const db = await testDatabase(t)
  const source = new FakeSource()
  const { registry, sourceId } = await connectFake(db, source)
  const store = new PostgresSyncStore(db)
  const run = (options = {}) =>
    new SyncEngine({ source, store, sourceId, scope: DEFAULT_SCOPE }).run({
      signal: never,
      ...options,
    })
  source.says('people', EVERYBODY)
  source.says('groups', [GROUP])
  await run()
  const before = await imageOfDirectory(db, sourceId)
  const stateOf = async () => (await registry.list())[0]?.state
  const howMany = async () => {
    const { rows } = await sql<{ n: number }>`
      select count(*) as n from principal where kind = 'person'`.execute(db.kysely)
    return rows[0]?.n
  }
  const says = (people: readonly SourceItem[]) => {
    source.script.people.length = 0
    source.script.groups.length = 0
    source.says('people', people)
    source.says('groups', [GROUP])
  }
  return { db, source, sourceId, registry, run, before, stateOf, howMany, says }
}

await t.test(
  'an empty list, and half of the people gone: nobody goes, it is quarantined',
  async (t) => {
    for (const told of [[], EVERYBODY.slice(0, 50)]) {
      const { db, sourceId, run, before, stateOf, says } = await rig(t)
      says(told)
      const [people] = await run({ isFull: true })
      t.match(people?.note, /none of those missing is removed/)
      t.equal(people?.counts.removed, 0)
      t.equal(people?.counts.waiting, 100 - told.length)
      t.same(await imageOfDirectory(db, sourceId), before)
      t.equal(await stateOf(), 'quarantined')
      says(EVERYBODY)
      await run({ isFull: true })
      t.equal(await stateOf(), 'active', 'until an answer is sound again')
      t.same(await imageOfDirectory(db, sourceId), before)
    }
  },
)

await t.test(
  'all names blank, in a full answer or a delta: a fault, and nothing of it is used',
  async (t) => {
    const { db, sourceId, run, before, howMany, says } = await rig(t)
    const nonsense = { code: 'SOURCE_NONSENSE', message: /takes the names from 100 of 100 people/ }
    for (const blank of [
      { displayName: '', userPrincipalName: '' },
      { displayName: null },
      { userPrincipalName: null },
    ]) {
      says(EVERYBODY.map(({ externalId }) => aPerson(externalId, blank)))
      await t.rejects(run({ isFull: true }), nonsense)
      says(EVERYBODY.map(({ externalId }) => aPerson(externalId, blank)))
      await t.rejects(run(), nonsense)
      says(EVERYBODY.map(({ externalId }) => aPerson(externalId, blank)))
      await t.rejects(run({ isFull: true, isDryRun: true }), nonsense, 'a look says so, too')
    }
    t.same(await imageOfDirectory(db, sourceId), before)
    t.equal(await howMany(), 100)
    says([aPerson('p1', { displayName: '' })])
    await run()
    t.not((await imageOfDirectory(db, sourceId)).people, before.people, 'one may lose hers')
  },
)

await t.test('of whom it no longer says whether she is disabled: she stays so', async (t) => {
  const { db, sourceId, run, says, howMany } = await rig(t)
  says([aPerson('p1', { isEnabled: false })])
  await run()
  const before = await imageOfDirectory(db, sourceId)
  const held = async () => {
    const { rows } = await sql<{ username: string }>`
      select n.username from hold h join person n on n.id = h.principal_id
      order by n.username`.execute(db.kysely)
    return rows.map(({ username }) => username)
  }
  says([aPerson('p1', { isEnabled: null }), aPerson('p2', { isEnabled: null })])
  await run()
  says([aPerson('p1', { isEnabled: null, jobTitle: 'Clown' })])
  await run()
  t.same(await held(), ['p1'], 'no word lifts no hold, and sets none')
  says([aPerson('new', { isEnabled: null })])
  await run()
  t.same(await held(), ['new', 'p1'], 'whoever comes without a word may be disabled')
  says([aPerson('new', { isEnabled: null })])
  await run()
  says([aPerson('new', { isEnabled: true }), aPerson('p1', { jobTitle: null, isEnabled: null })])
  await run()
  t.same(await held(), ['p1'])
  t.same(
    (await imageOfDirectory(db, sourceId)).people['p1'],
    before.people['p1'],
    'and nothing else was changed',
  )
  says(EVERYBODY.map(({ externalId }) => aPerson(externalId, { isEnabled: null })))
  await t.rejects(run({ isFull: true }), {
    code: 'SOURCE_NONSENSE',
    message: /does not say of 100 of 100 people whether their account is enabled/,
  })
  says(Array.from({ length: 11 }, (_, at) => aPerson(`other${at}`, { isEnabled: null })))
  await t.rejects(run(), { code: 'SOURCE_NONSENSE' }, 'nor of newcomers')
  t.equal(await howMany(), 101)
})

await t.test("another tenant's people: none of them comes in, none of ours goes", async (t) => {
  const { db, sourceId, run, before, howMany, says } = await rig(t)
  says(Array.from({ length: 100 }, (_, at) => aPerson(`stranger${at}`)))
  await t.rejects(run({ isFull: true }), {
    code: 'SOURCE_NONSENSE',
    message: /names 100 people, but none of the 100 known: is it another tenant's/,
  })
  t.same(await imageOfDirectory(db, sourceId), before)
  t.equal(await howMany(), 100)
})
