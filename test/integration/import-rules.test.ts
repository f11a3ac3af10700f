import { sql } from 'kysely'
import t from 'tap'
import { SyncEngine } from '../../src/sources/sync.ts'
import type { Database } from '../../src/storage/connection.ts'
import { testDatabase } from '../support/database.ts'
import { aGroup, aPerson, gone, without } from '../support/fake-source.ts'
import { CHOSEN, fakeImports, livesOf, membersOf } from '../support/imports.ts'
import { never, TESTER } from '../support/sync.ts'

async function decisions(db: Database): Promise<readonly string[]> {
  const { rows } = await sql<{ kind: string }>`
    select kind from (
      select kind, inbox_seq as at from journal union all select kind, seq from journal_inbox) as j
    where kind like 'source.%' and kind <> 'source.connected' order by at`.execute(db.kysely)
  return rows.map(({ kind }) => kind)
}

await t.test('import rules: newcomers who match come in, staged, with their groups', async (t) => {
  const db = await testDatabase(t)
  const { source, sourceId, bench } = await fakeImports(db)
  source.says('people', [aPerson('a', { department: 'Sales' }), aPerson('b'), aPerson('c')])
  source.says('groups', [aGroup('vpn', ['c'])])
  await bench.round()
  t.same(await livesOf(db, sourceId), {})

  const sales = { filter: { department: 'sales' }, action: 'stage' } as const
  const rule = await bench.imports.addRule(sourceId, sales, TESTER)
  await bench.round()
  t.same(await livesOf(db, sourceId), { a: 'staged' }, 'who was known already as well')
  await bench.imports.addRule(sourceId, { filter: { group: 'vpn' }, action: 'stage' }, TESTER)
  await bench.round()
  t.same(await livesOf(db, sourceId), { a: 'staged', c: 'staged' })
  t.same(await membersOf(db, sourceId, 'vpn'), ['c'])

  source.says('people', [aPerson('d', { department: 'Sales' }), aPerson('e')])
  source.says('groups', [aGroup('vpn', ['b'])])
  await bench.round()
  const all = { a: 'staged', b: 'staged', c: 'staged', d: 'staged' }
  t.same(await livesOf(db, sourceId), all, 'a newcomer, and one who came into the group')
  t.same(await membersOf(db, sourceId, 'vpn'), ['b', 'c'])
  t.match(await bench.imports.settings(sourceId), {
    policy: 'chosen',
    candidates: 1,
    rules: [
      { filter: { department: 'sales' }, admitted: 2, activated: 0 },
      { filter: { group: 'group-vpn' }, admitted: 2, activated: 0 },
    ],
  })

  source.says('people', [aPerson('e', { department: 'Sales' })])
  source.says('groups', [without(aGroup('vpn', []), ['b'])])
  await bench.imports.removeRule(sourceId, rule, TESTER)
  await bench.round()
  t.same(await livesOf(db, sourceId), all, 'no rule, no newcomer; and nobody leaves by a rule')
  await t.rejects(bench.imports.removeRule(sourceId, rule, TESTER), { code: 'DIRECTORY_NOT_FOUND' })
  t.same(await decisions(db), [
    'source.import-set',
    'source.import-rule-added',
    'source.import-rule-added',
    'source.import-rule-removed',
  ])
})

await t.test(
  'import rules: one that activates opens so many doors a day, and no more',
  async (t) => {
    const db = await testDatabase(t)
    const { source, sourceId, bench } = await fakeImports(db)
    await bench.imports.addRule(
      sourceId,
      { filter: { licensed: true, disabled: false, guest: false }, action: 'activate' },
      TESTER,
    )
    const licensed = (id: string) => aPerson(id, { isLicensed: true })
    source.says('people', [
      licensed('a'),
      aPerson('b'),
      aPerson('c', { isLicensed: true, isEnabled: false }),
      aPerson('d', { isLicensed: true, isGuest: true }),
    ])
    const [people] = await bench.round()
    t.same(await livesOf(db, sourceId), { a: 'active' })
    t.match(people?.counts, { created: 1, activated: 1, proposed: 4 })
    const passwords = await sql<{ n: number }>`select count(*) as n from credential`.execute(
      db.kysely,
    )
    t.equal(passwords.rows[0]?.n, 0, 'and has nothing to sign in with yet')

    source.says(
      'people',
      Array.from({ length: 50 }, (_, at) => licensed(`x${at}`)),
    )
    await bench.round()
    const states = Object.values(await livesOf(db, sourceId))
    t.equal(states.filter((state) => state === 'active').length, 20)
    t.equal(states.filter((state) => state === 'staged').length, 31)
    t.ok((await decisions(db)).includes('source.activations-limited'), 'and the journal says so')
    source.says('people', [licensed('y')])
    await bench.round()
    t.match(await livesOf(db, sourceId), { y: 'staged' }, 'nor after that, within the day')
    await sql`update source_link set linked_at = linked_at - interval '25 hours'`.execute(db.kysely)
    source.says('people', [licensed('z')])
    await bench.round()
    t.match(await livesOf(db, sourceId), { y: 'staged', z: 'active' })
  },
)

await t.test('import rules: who may be here already waits for an admin', async (t) => {
  const db = await testDatabase(t)
  const first = await fakeImports(db, 'first')
  first.source.says('people', [aPerson('1', { userPrincipalName: 'ann@contoso.example' })])
  await first.bench.round()
  await first.bench.take('1')
  const { source, sourceId, bench } = await fakeImports(db, 'second')
  await bench.imports.addRule(sourceId, { filter: {}, action: 'activate' }, TESTER)
  source.says('people', [
    aPerson('a', { userPrincipalName: 'ann@contoso.example' }),
    aPerson('b', { userPrincipalName: 'bea@contoso.example' }),
  ])
  await bench.round()
  t.same(await livesOf(db, sourceId), { b: 'active' })
  source.says('people', [gone('a'), gone('b')])
  await bench.round()
  t.same(await livesOf(db, sourceId), { b: 'deleted' })
  source.says('people', [aPerson('b', { userPrincipalName: 'bea@contoso.example' })])
  await bench.round()
  t.same(await livesOf(db, sourceId), { b: 'active' }, 'restored as she was')
})

await t.test('import policy: everybody, the chosen, and everybody again', async (t) => {
  const db = await testDatabase(t)
  const { source, sourceId, store, bench } = await fakeImports(db)
  const everybody = () =>
    new SyncEngine({
      source,
      store,
      sourceId,
      scope: { ...CHOSEN, policy: 'everybody' },
    }).run({ signal: never })
  source.says('people', [aPerson('a'), aPerson('g', { isGuest: true })])
  await bench.round()
  const rule = await bench.imports.addRule(sourceId, { filter: {}, action: 'stage' }, TESTER)
  await t.rejects(bench.imports.setPolicy(sourceId, 'everybody', TESTER), {
    code: 'DIRECTORY_REFUSED',
    message: /1 rules say who comes in/,
  })
  await bench.imports.removeRule(sourceId, rule, TESTER)
  await bench.imports.setPolicy(sourceId, 'everybody', TESTER)
  await t.rejects(bench.imports.addRule(sourceId, { filter: {}, action: 'stage' }, TESTER), {
    message: /comes in by herself.*import policy/,
  })
  await bench.imports.setPolicy(sourceId, 'chosen', TESTER)
  await everybody()
  t.same(await livesOf(db, sourceId), {}, 'an engine of before takes nobody in')
  await bench.imports.setPolicy(sourceId, 'everybody', TESTER)
  await bench.round()
  t.same(await livesOf(db, sourceId), { a: 'staged' }, 'nor does one forget what is due')
  await everybody()
  t.same(await livesOf(db, sourceId), { a: 'staged' }, 'those who stayed outside, but for guests')
  t.match(await bench.imports.settings(sourceId), { policy: 'everybody', candidates: 1 })
  await bench.imports.setPolicy(sourceId, 'chosen', TESTER)
  source.says('people', [aPerson('b')])
  await bench.round()
  t.same(await livesOf(db, sourceId), { a: 'staged' })
  await bench.take('g')
  await bench.imports.setPolicy(sourceId, 'everybody', TESTER)
  source.says('people', [aPerson('g', { isGuest: true, city: 'Rome' })])
  await everybody()
  t.same(await livesOf(db, sourceId), { a: 'staged', b: 'staged', g: 'staged' }, 'a guest stays')
})
