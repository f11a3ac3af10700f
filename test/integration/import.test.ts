import { sql } from 'kysely'
import t, { type Test } from 'tap'
import type { Database } from '../../src/storage/connection.ts'
import { applyRetention } from '../../src/storage/retention.ts'
import { eachEngine, testDatabase } from '../support/database.ts'
import { aGroup, aPerson, gone, without } from '../support/fake-source.ts'
import { CHOSEN, fakeImports, ImportBench, livesOf, membersOf } from '../support/imports.ts'
import { connect, imageOfDirectory, TESTER, testTenant } from '../support/sync.ts'
import { imageOfTenant } from '../support/sync-truth.ts'

async function tenantOf200(t: Test, db: Database) {
  const tenant = await testTenant(t, { people: 200, groups: 12, seed: 3 })
  const rig = await connect(tenant, db, CHOSEN)
  const bench = new ImportBench({ db, ...rig })
  await bench.setChosen()
  await bench.round()
  return { tenant, rig, bench }
}

await eachEngine(
  t,
  'import: 20 of 200 come in with their groups; the others hold no name and no number',
  async (t, db) => {
    const { tenant, rig, bench } = await tenantOf200(t, db)
    t.equal(await bench.count('person'), 0)
    const known = await bench.count('source_candidate')
    t.ok(known >= 200, 'guests can be chosen, too')
    const before = await bench.count('principal')

    const id = await bench.imports.open(rig.sourceId, [], TESTER)
    const members = await bench.people(id, { filter: { guest: false } })
    const twenty = members.slice(0, 20)
    await bench.imports.choose(id, {
      with: twenty.map((person) => person.userPrincipalName ?? ''),
      without: [],
    })
    const preview = await bench.imports.preview(id)
    t.match(preview, { count: 20, created: 20, linked: 0, undecided: 0 })
    await bench.run(id, preview)
    t.match(await bench.imports.session(id), { state: 'done', counts: { created: 20, skipped: 0 } })
    t.equal(await bench.count('person'), 20)
    t.equal(await bench.count('principal'), before + 20)
    t.equal(await bench.count('source_candidate'), known - 20)
    const { rows } = await sql<{ username: string; uid: number }>`
      select username, uid_number as uid from person order by uid`.execute(db.kysely)
    t.same(
      rows.map(({ uid }) => uid),
      twenty.map((_, at) => preview.numbers.first + at),
    )
    t.same(
      rows,
      preview.people.map(({ username, uidNumber }) => ({ username, uid: uidNumber })),
      'each as the preview showed her',
    )
    const listed = await bench.people(id, { filter: { guest: false } })
    t.ok(
      listed.every(({ uidNumber }) => uidNumber === null),
      'a list of who could come in promises no numbers',
    )
    t.equal(
      preview.memberships,
      (
        await sql<{ n: number }>`select count(*) as n from membership
        where member_kind = 'person'`.execute(db.kysely)
      ).rows[0]?.n,
      'and so were memberships',
    )

    await bench.imports.choose(id, { matching: { guest: false }, with: [], without: [] })
    await bench.run(id)
    t.same(await imageOfDirectory(db, rig.sourceId), imageOfTenant(tenant), 'the others, later')
  },
)

await t.test(
  'import: whoever is chosen months later has the groups she is in by then',
  async (t) => {
    const db = await testDatabase(t)
    const { source, sourceId, bench } = await fakeImports(db)
    source.says('people', [aPerson('a'), aPerson('b'), aPerson('boss')])
    source.says('groups', [aGroup('g', ['a', 'b']), aGroup('h', ['a'])])
    await bench.round()
    t.same(await membersOf(db, sourceId, 'g'), [])
    source.says('groups', [without(aGroup('h', []), ['a']), aGroup('g', [], 'Renamed')])
    source.says('people', [aPerson('a', { city: 'Rome', managerExternalId: 'boss' })])
    await bench.round()

    await bench.take('a')
    t.same(await membersOf(db, sourceId, 'g'), ['a'])
    t.same(await membersOf(db, sourceId, 'h'), [])
    const { people } = await imageOfDirectory(db, sourceId)
    t.match(people['a'], { city: 'Rome', manager: null })
    await bench.take('boss')
    t.match((await imageOfDirectory(db, sourceId)).people['a'], { manager: 'boss' })
    source.says('people', [aPerson('a', { city: 'Oslo' }), aPerson('new')])
    source.says('groups', [aGroup('h', ['a', 'new', 'b'])])
    await bench.round()
    t.same(await membersOf(db, sourceId, 'h'), ['a'])
    t.match((await imageOfDirectory(db, sourceId)).people['a'], { city: 'Oslo' })
    t.same(await livesOf(db, sourceId), { a: 'staged', boss: 'staged' })
  },
)

await t.test(
  'import: guests, disabled accounts, and who leaves before she is chosen',
  async (t) => {
    const db = await testDatabase(t)
    const { source, sourceId, bench } = await fakeImports(db)
    source.says('people', [
      aPerson('guest', { isGuest: true }),
      aPerson('disabled', { isEnabled: false }),
      aPerson('leaver'),
      aPerson('synced', { isSyncedFromOnPremises: true, isLicensed: true }),
    ])
    source.roles = [{ externalId: 'synced', role: 'Global Administrator' }]
    await bench.round()
    const id = await bench.imports.open(sourceId, source.roles, TESTER)
    const people = await bench.people(id)
    t.same(
      people.map(({ externalId }) => externalId),
      ['disabled', 'guest', 'leaver', 'synced'],
    )
    t.match(people[0], { isDisabled: true, isLicensed: false, roles: [], match: 'new' })
    t.match(people[1], { isGuest: true })
    t.match(people[3], { isOnPremises: true, isLicensed: true, roles: ['Global Administrator'] })
    await bench.imports.choose(id, { matching: {}, with: [], without: ['synced'] })
    const seen = await bench.imports.preview(id)
    t.match(seen, { count: 3, guests: 1, disabled: 1, onPremises: 0, withRoles: 0, unlicensed: 3 })

    source.says('people', [gone('leaver')])
    await bench.round()
    t.equal(await bench.count('source_candidate'), 3, 'nothing is kept of her')
    await t.rejects(bench.run(id, seen), {
      code: 'DIRECTORY_CONFLICT',
      message: /2 people .* not 3/,
    })
    await bench.run(id)
    t.same(await livesOf(db, sourceId), { guest: 'staged', disabled: 'staged' })
    const { rows } = await sql<{ id: string }>`
    select l.external_id as id from hold h join source_link l on l.principal_id = h.principal_id`.execute(
      db.kysely,
    )
    t.same(rows, [{ id: 'disabled' }], 'she comes in held')
    source.says('people', [aPerson('guest', { isGuest: true, city: 'Rome' })])
    await bench.round()
    t.same(
      await livesOf(db, sourceId),
      { guest: 'staged', disabled: 'staged' },
      'a chosen guest stays',
    )

    source.says('people', [gone('guest')])
    await bench.round()
    t.match(await livesOf(db, sourceId), { guest: 'deleted' })
    source.says('people', [aPerson('guest', { isGuest: true }), aPerson('leaver')])
    await bench.round()
    t.match(await livesOf(db, sourceId), { guest: 'staged' }, 'back again as she was')
    t.equal(await bench.count('source_candidate'), 2, 'and who was never chosen can be')
    const unknown = await bench.imports.open(sourceId, 'no permission', TESTER)
    t.match((await bench.people(unknown))[0], { roles: null })
    t.match(await bench.imports.session(unknown), { rolesUnknown: 'no permission' })
    t.match(await bench.imports.preview(unknown), { count: 0, withRoles: null })

    await sql`
    update import_session set changed_at = changed_at - interval '91 days'
    where id = ${id}::uuid`.execute(db.kysely)
    await applyRetention(db)
    const kept = (await bench.imports.sessions()).map((session) => session.id)
    t.same(kept, [unknown], 'what was chosen is not kept for ever')
  },
)

await t.test('import: a full answer that lacks candidates lets go of them', async (t) => {
  const db = await testDatabase(t)
  const { source, bench } = await fakeImports(db)
  source.says('people', [aPerson('a'), aPerson('b')])
  await bench.round()
  source.print = 'another'
  source.counts.people = 2
  source.says('people', [])
  await bench.round()
  t.equal(await bench.count('source_candidate'), 0, 'within what a count may differ')
  source.says('people', [aPerson('a')])
  await bench.round()
  const gone = await sql<{ id: string }>`
    select external_id as id from source_gone`.execute(db.kysely)
  t.same(gone.rows, [{ id: 'b' }], 'who came back is forgotten, as the groups were read whole')
})

await t.test(
  'import: who may be here already is left out, until an admin says who she is',
  async (t) => {
    const db = await testDatabase(t)
    const first = await fakeImports(db, 'first')
    first.source.says('people', [
      aPerson('1', { userPrincipalName: 'ann@contoso.example', displayName: 'Ann' }),
      aPerson('2', { userPrincipalName: 'bob@contoso.example' }),
      aPerson('3', { userPrincipalName: 'eve@contoso.example' }),
    ])
    await first.bench.round()
    await first.bench.take('1', '2', '3')

    const { source, sourceId, bench } = await fakeImports(db, 'second')
    source.says('people', [
      aPerson('a', { userPrincipalName: 'ann@fabrikam.example', department: 'Sales' }),
      aPerson('b', { userPrincipalName: 'robert@fabrikam.example', mail: 'bob@contoso.example' }),
      aPerson('c', { userPrincipalName: 'cy@fabrikam.example' }),
      aPerson('d', { userPrincipalName: 'cy@other.example' }),
      aPerson('e', { userPrincipalName: 'eve@fabrikam.example' }),
    ])
    source.says('groups', [aGroup('g', ['a', 'b', 'c', 'd', 'e'])])
    await bench.round()
    const id = await bench.imports.open(sourceId, [], TESTER)
    await bench.imports.choose(id, { matching: {}, with: [], without: [] })
    const conflicts = await bench.people(id, { match: 'conflict' })
    t.match(
      conflicts.map(({ externalId, namesakes }) => [externalId, namesakes]),
      [
        ['a', [{ username: 'ann', by: 'username', canLink: true }]],
        ['e', [{ username: 'eve', by: 'username', canLink: true }]],
        ['b', [{ username: 'bob', by: 'mail', canLink: true }]],
      ],
    )
    t.same(
      (await bench.people(id, { match: 'new' })).map(({ externalId, username }) => [
        externalId,
        username,
      ]),
      [
        ['c', 'cy'],
        ['d', 'cy2'],
      ],
      'two of one tenant are two: the name is counted up',
    )
    t.match(await bench.imports.preview(id), { count: 5, created: 2, undecided: 3 })

    await bench.imports.decide(id, 'a', { kind: 'link', to: 'ann' }, TESTER)
    await bench.imports.decide(id, 'eve@fabrikam.example', { kind: 'separate' }, TESTER)
    await t.rejects(bench.imports.decide(id, 'b', { kind: 'link', to: 'nobody' }, TESTER), {
      code: 'DIRECTORY_NOT_FOUND',
    })
    const preview = await bench.imports.preview(id)
    t.match(preview, { count: 5, created: 3, linked: 1, undecided: 1 })
    await bench.run(id, preview)
    t.match(await bench.imports.session(id), { counts: { created: 3, linked: 1, skipped: 1 } })
    t.same(await membersOf(db, sourceId, 'g'), ['a', 'c', 'd', 'e'])
    const ann = await sql<{ username: string; department: string | null; links: number }>`
      select p.username, p.department,
        (select count(*) from source_link l where l.principal_id = p.id) as links
      from person p where p.username = 'ann'`.execute(db.kysely)
    t.same(ann.rows, [{ username: 'ann', department: null, links: 2 }], 'she is who she was')
    t.match((await bench.people(id, { match: 'linked' }))[0], { match: 'linked', linkedTo: 'ann' })
    await t.rejects(bench.imports.decide(id, 'b', { kind: 'link', to: 'ann' }, TESTER), {
      code: 'DIRECTORY_REFUSED',
      message: /comes from this source already/,
    })

    source.says('people', [
      aPerson('a', {
        userPrincipalName: 'ann@fabrikam.example',
        department: 'Board',
        isEnabled: false,
      }),
    ])
    await bench.round()
    const holds = await sql<{ reason: string }>`
      select reason from hold h join person p on p.id = h.principal_id
      where p.username = 'ann'`.execute(db.kysely)
    t.same(holds.rows, [{ reason: `source:${sourceId}` }], 'its hold is the source’s own')
    source.says('people', [gone('a')])
    await bench.round()
    t.match(await livesOf(db, first.sourceId), { 1: 'staged' }, 'her life is not')
    t.same(await membersOf(db, sourceId, 'g'), ['c', 'd', 'e'])

    source.says('people', [aPerson('a2', { userPrincipalName: 'ann@fabrikam.example' })])
    source.says('groups', [aGroup('g', ['a2'])])
    await bench.round()
    const [again] = await bench.people(id, { match: 'conflict', filter: { search: 'ann@' } })
    t.match(again, { externalId: 'a2', namesakes: [{ username: 'ann', canLink: true }] })
    const back = await bench.imports.open(sourceId, [], TESTER)
    await bench.imports.choose(back, { with: ['a2', 'a2', 'ann@fabrikam.example'], without: [] })
    await bench.imports.decide(back, 'a2', { kind: 'link', to: 'ann' }, TESTER)
    await bench.run(back)
    t.match(await bench.imports.session(back), { counts: { created: 0, linked: 1, skipped: 0 } })
    t.same(await membersOf(db, sourceId, 'g'), ['a2', 'c', 'd', 'e'], 'an account made anew')
    const decided = await sql<{ body: Readonly<Record<string, unknown>> }>`
      select d.body from journal_detail d join (select kind, detail from journal
        union all select kind, detail from journal_inbox) as j on j.detail = d.id
      where j.kind = 'source.import-decided'`.execute(db.kysely)
    t.same(
      decided.rows.map(({ body }) => [body['externalId'], body['decision']]).toSorted(),
      [
        ['a', 'link'],
        ['a2', 'link'],
        ['e', 'separate'],
      ],
      'who said so is in the journal',
    )
  },
)

await t.test('import: whoever changed since the preview is counted as left out', async (t) => {
  const db = await testDatabase(t)
  const { source, sourceId, bench } = await fakeImports(db)
  source.says('people', [aPerson('a'), aPerson('b')])
  await bench.round()
  const id = await bench.imports.open(sourceId, [], TESTER)
  await bench.imports.choose(id, { matching: {}, with: [], without: [] })
  await bench.imports.begin(id, await bench.imports.preview(id), TESTER)
  source.says('people', [aPerson('b', { city: 'Rome' })])
  await bench.round()
  await bench.finish(id)
  const counts = { created: 1, linked: 0, skipped: 1 }
  t.match(await bench.imports.session(id), { state: 'done', total: 2, counts })
})

await t.test('import: a filter says whom it means, by group through groups as well', async (t) => {
  const db = await testDatabase(t)
  const { source, sourceId, bench } = await fakeImports(db)
  source.says('people', [
    aPerson('a', { department: 'Sales', isLicensed: true }),
    aPerson('b', { department: 'sales', userPrincipalName: 'b@other.example' }),
    aPerson('c', { isGuest: true, country: 'Norway' }),
    aPerson('d', { isEnabled: false, displayName: 'Dörte Ölmann' }),
  ])
  const outer = aGroup('outer', ['c'])
  source.says('groups', [
    {
      ...outer,
      members: [...outer.members, { externalId: 'inner', type: 'group', isMember: true }],
    },
    {
      ...aGroup('inner', ['a']),
      members: [
        ...aGroup('inner', ['a']).members,
        { externalId: 'outer', type: 'group', isMember: true },
      ],
    },
  ])
  await bench.round()
  const id = await bench.imports.open(sourceId, [], TESTER)
  for (const [filter, expected] of [
    [{}, 'a c d b'],
    [{ licensed: true }, 'a'],
    [{ licensed: false, guest: false }, 'd b'],
    [{ disabled: true }, 'd'],
    [{ disabled: false, onPremises: false }, 'a c b'],
    [{ department: 'SALES' }, 'a b'],
    [{ domain: 'Other.Example' }, 'b'],
    [{ country: 'norway' }, 'c'],
    [{ search: 'ölm' }, 'd'],
    [{ group: 'outer' }, 'a c'],
    [{ group: 'nowhere' }, ''],
  ] as const) {
    const people = await bench.people(id, { filter })
    const order = ['a', 'c', 'd', 'b']
    const found = people.map(({ externalId }) => externalId)
    t.same(
      found.toSorted((x, y) => order.indexOf(x) - order.indexOf(y)).join(' '),
      expected,
      JSON.stringify(filter),
    )
  }
  t.equal(await bench.imports.findGroup(sourceId, 'group-outer'), 'outer')
  await t.rejects(bench.imports.findGroup(sourceId, 'none'), { code: 'DIRECTORY_NOT_FOUND' })
  await t.rejects(bench.people(id, { after: 'nonsense' }), { code: 'DIRECTORY_REFUSED' })
  await t.rejects(bench.imports.session('no-such'), { code: 'DIRECTORY_NOT_FOUND' })
  await t.rejects(bench.imports.choose(id, { with: ['nobody'], without: [] }), {
    message: /nobody with such an id or UPN: nobody/,
  })
})

await t.test('import: pages are one after the other, and lose nobody', async (t) => {
  const db = await testDatabase(t)
  const { source, sourceId, bench } = await fakeImports(db)
  const ids = Array.from({ length: 25 }, (_, at) => `p${String(at).padStart(2, '0')}`)
  source.says(
    'people',
    ids.map((each) => aPerson(each)),
  )
  await bench.round()
  await bench.take('p03', 'p04', 'p05')
  const id = await bench.imports.open(sourceId, [], TESTER)
  const found: string[] = []
  let after: string | null = null
  let pages = 0
  do {
    const page: Awaited<ReturnType<typeof bench.imports.people>> = await bench.imports.people(id, {
      filter: {},
      match: null,
      isChosen: null,
      after,
      limit: 4,
    })
    t.ok(page.people.length <= 4)
    found.push(...page.people.map(({ externalId }) => externalId))
    after = page.next
    pages += 1
  } while (after !== null)
  t.equal(pages, 7)
  t.same(found.slice(0, 3), ['p00', 'p01', 'p02'])
  t.same(found.slice(-3), ['p03', 'p04', 'p05'], 'those who are in come last')
  t.same(new Set(found), new Set(ids))
})
