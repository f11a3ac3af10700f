import { sql } from 'kysely'
import t, { type Test } from 'tap'
import type { GroupId, PrincipalId } from '../../src/directory/id.ts'
import type { Departure } from '../../src/sources/departure.ts'
import { DEFAULT_SCOPE } from '../../src/sources/judge-people.ts'
import { SyncEngine } from '../../src/sources/sync.ts'
import { type Database, openDatabase } from '../../src/storage/connection.ts'
import { PostgresGroupStore } from '../../src/storage/group-store.ts'
import { PostgresPeopleStore } from '../../src/storage/people-store.ts'
import { PostgresDepartureStore } from '../../src/storage/source-departure.ts'
import { PostgresSourceRegistry } from '../../src/storage/sync-sources.ts'
import { PostgresSyncStore } from '../../src/storage/sync-store.ts'
import { Crasher } from '../support/crash.ts'
import { testDatabase } from '../support/database.ts'
import { aGroup, aPerson, FakeSource, without } from '../support/fake-source.ts'
import { KEYS, never, TESTER } from '../support/sync.ts'

const ADMIN = { name: 'admin:ann', reason: 'the tenant is sold' }
const NEW_SOURCE = {
  kind: 'fake',
  config: { tenantId: 'tenant', tier: 'read' },
  secret: Buffer.from('{}'),
  identity: { tenantId: 'tenant', organization: 'Contoso', defaultDomain: 'contoso.example' },
  state: 'active',
} as const

/** A tenant of eight people, of whom p0 is disabled there, and a group of all. */
async function rig(t: Test, db?: Database) {
  const database = db ?? (await testDatabase(t))
  const registry = new PostgresSourceRegistry({ db: database, keys: KEYS })
  const departures = new PostgresDepartureStore(database)
  const sourceId = await registry.connect({ ...NEW_SOURCE, name: 'contoso' }, TESTER)
  const source = new FakeSource()
  const store = new PostgresSyncStore(database)
  const run = (options = {}) =>
    new SyncEngine({ source, store, sourceId, scope: DEFAULT_SCOPE }).run({
      signal: never,
      ...options,
    })
  const everybody = Array.from({ length: 8 }, (_, at) => aPerson(`p${at}`, { isEnabled: at > 0 }))
  const all = aGroup(
    'g',
    everybody.map(({ externalId }) => externalId),
  )
  source.says('people', everybody)
  source.says('groups', [all])
  await run()
  await sql`update principal set lifecycle = 'active' where kind = 'person'`.execute(
    database.kysely,
  )
  const finish = async () => {
    while (await departures.step(sourceId));
  }
  const leave = async (people: Departure, count: number | null = null) => {
    const begun = await departures.begin(sourceId, { people, count }, ADMIN)
    await finish()
    return begun
  }
  return {
    database,
    registry,
    departures,
    sourceId,
    source,
    store,
    run,
    everybody,
    all,
    leave,
    finish,
  }
}

async function idsOf(db: Database): Promise<ReadonlyMap<string, PrincipalId>> {
  const { rows } = await sql<{ username: string; id: PrincipalId }>`
    select username, id from person`.execute(db.kysely)
  return new Map(rows.map(({ username, id }) => [username, id]))
}

async function peopleIn(db: Database) {
  const { rows } = await sql<{ username: string; lifecycle: string; holds: string[] }>`
    select n.username, p.lifecycle, array(select case when reason like 'source:%' then 'source'
      else reason end from hold h where h.principal_id = p.id order by 1) as holds
    from principal p join person n on n.id = p.id order by n.username`.execute(db.kysely)
  return Object.fromEntries(
    rows.map(({ username, lifecycle, holds }) => [username, [lifecycle, ...holds].join(' ')]),
  )
}

async function rowsLeft(db: Database, sourceId: string): Promise<Record<string, number>> {
  const tables = ['push_dirty', 'removal_waiting', 'source_candidate', 'source_gone', 'import_rule']
  const counts: Record<string, number> = {}
  for (const table of tables) {
    const { rows } = await sql<{ n: number }>`
      select count(*) as n from ${sql.table(table)} where source_id = ${sourceId}::uuid`.execute(
      db.kysely,
    )
    counts[table] = rows[0]?.n ?? -1
  }
  return counts
}

const NONE_LEFT = {
  push_dirty: 0,
  removal_waiting: 0,
  source_candidate: 0,
  source_gone: 0,
  import_rule: 0,
}

await t.test(
  'keep: people and groups stay, are ours, and nothing of the source does',
  async (t) => {
    const { database, registry, departures, sourceId, leave, run } = await rig(t)
    const before = await peopleIn(database)
    t.match(await departures.outlook(sourceId), {
      people: 8,
      groups: 1,
      affected: 8,
      heldByIt: 1,
      withoutPassword: 8,
      linkedOnly: 0,
      protectedNames: [],
    })
    t.same(await leave('keep'), { ok: true, affected: 0 })

    t.same(await peopleIn(database), { ...before, p0: 'active admin' }, 'whose hold can be lifted')
    t.same(await registry.list(), [], 'it is no source any more')
    t.same(await rowsLeft(database, sourceId), NONE_LEFT)
    const { rows } = await sql`
    select s.secret is null as secretless, s.config, t.delta_link from source s
    join sync_token t on t.source_id = s.id where s.id = ${sourceId}::uuid`.execute(database.kysely)
    t.same(rows[0], { secretless: true, config: { tenantId: 'tenant' }, delta_link: '' })
    await t.rejects(run({ isFull: true }), { code: 'DIRECTORY_CONFLICT' }, 'and no round begins')
    await t.rejects(leave('delete'), { code: 'DIRECTORY_NOT_FOUND' }, 'nor is it left twice')

    const ids = await idsOf(database)
    const people = new PostgresPeopleStore(database)
    const edited = await people.edit(ids.get('p1') as PrincipalId, { jobTitle: 'Buyer' }, TESTER)
    t.equal(edited.changed, 1, 'attributes are mastered here')
    const groups = new PostgresGroupStore(database)
    const group = (
      await sql<{ id: GroupId }>`select id from directory_group`.execute(database.kysely)
    ).rows[0]
    t.ok(group)
    const members = [ids.get('p1') as PrincipalId]
    t.equal((await groups.removeMembers(group?.id as GroupId, members, TESTER)).changed, 1)
  },
)

await t.test(
  'suspend and delete: whom it brought, but the protected; many are meant',
  async (t) => {
    const { database, departures, sourceId, leave } = await rig(t)
    const ids = await idsOf(database)
    const people = new PostgresPeopleStore(database)
    await people.protect([ids.get('p3') as PrincipalId], true, TESTER)
    t.same(
      await departures.begin(sourceId, { people: 'suspend', count: 3 }, ADMIN),
      { ok: false, affected: 7, all: 8 },
      'a count that is not so',
    )
    t.same((await departures.outlook(sourceId)).protectedNames, ['p3'])
    t.same(await leave('suspend', 7), { ok: true, affected: 7 })
    const suspended = await peopleIn(database)
    t.equal(suspended['p3'], 'active')
    t.equal(suspended['p1'], 'active admin')
    const { rows } = await sql<{ actor: string; reason: string }>`
    select actor, reason from journal_inbox where kind = 'source.disconnected'
    union all select actor, reason from journal where kind = 'source.disconnected'`.execute(
      database.kysely,
    )
    t.same(rows, [{ actor: ADMIN.name, reason: ADMIN.reason }])
  },
)

await t.test('delete: with a way back here, as no source can bring them back', async (t) => {
  const { database, source, run, leave } = await rig(t)
  source.says('people', [{ kind: 'gone', externalId: 'p7' }])
  await run()
  const ids = await idsOf(database)
  await leave('delete')
  const gone = await peopleIn(database)
  t.same(new Set(Object.values(gone)), new Set(['deleted', 'deleted admin']))
  const people = new PostgresPeopleStore(database)
  const back = ['p1', 'p7'].map((name) => ids.get(name) as PrincipalId)
  t.equal((await people.restore(back, TESTER)).changed, 2)
  t.match(await peopleIn(database), { p1: 'active', p7: 'active', p2: 'deleted' })
  t.match(
    await people.deleted({ name: 'p2', limit: 1 }),
    [{ username: 'p2', deletedBy: null }],
    'not "deleted in a source" that is gone',
  )
})

await t.test('many: above the threshold nothing happens until so many are meant', async (t) => {
  const { database, departures, sourceId, source, run } = await rig(t)
  source.says(
    'people',
    Array.from({ length: 30 }, (_, at) => aPerson(`m${at}`)),
  )
  await run()
  for (const count of [null, 37]) {
    const refused = await departures.begin(sourceId, { people: 'delete', count }, ADMIN)
    t.same(refused, { ok: false, affected: 38, all: 38 })
  }
  t.notOk(Object.values(await peopleIn(database)).includes('deleted'))
  t.ok((await departures.begin(sourceId, { people: 'delete', count: 38 }, ADMIN)).ok)
})

await t.test('connected again: the same people and groups, none twice', async (t) => {
  const { database, registry, sourceId, source, run, everybody, all, leave } = await rig(t)
  const before = await idsOf(database)
  await leave('keep')
  const people = new PostgresPeopleStore(database)
  const groups = new PostgresGroupStore(database)
  const [group] = (
    await sql<{ id: GroupId }>`select id from directory_group`.execute(database.kysely)
  ).rows
  const groupId = group?.id as GroupId
  await groups.removeMembers(groupId, [before.get('p1') as PrincipalId], TESTER)
  await people.edit(before.get('p2') as PrincipalId, { jobTitle: 'Buyer' }, TESTER)

  t.equal(await registry.connect({ ...NEW_SOURCE, name: 'other' }, TESTER), sourceId)
  t.match(await registry.list(), [{ name: 'other', state: 'active' }], 'under any name')
  // p8 is new there, p7 has left the group, p3 has another title, p4 has gone meanwhile.
  source.says('people', [
    ...everybody.filter(({ externalId }) => externalId !== 'p4' && externalId !== 'p3'),
    aPerson('p3', { jobTitle: 'Chief' }),
    aPerson('p8'),
  ])
  source.says('groups', [
    { ...all, members: all.members.filter(({ externalId }) => externalId !== 'p7') },
  ])
  await run({ isFull: true })
  const after = await idsOf(database)
  t.same(new Set(after.keys()), new Set([...before.keys(), 'p8']))
  for (const [name, id] of before) t.equal(after.get(name), id, name)
  const { rows } = await sql<{ username: string; job_title: string | null; is_member: boolean }>`
    select n.username, n.job_title, exists (select 1 from membership m
      where m.member_no = p.no) as is_member
    from person n join principal p on p.id = n.id order by n.username`.execute(database.kysely)
  const told = Object.fromEntries(rows.map((row) => [row.username, row]))
  t.equal(told['p2']?.job_title, 'Buyer', 'what was edited here meanwhile stays')
  t.equal(told['p3']?.job_title, 'Chief')
  t.equal(told['p1']?.is_member, true, 'the source says who is in its groups')
  t.equal(told['p7']?.is_member, false)
  t.match(await peopleIn(database), { p4: 'active' }, 'who is not there any more is ours')
  await t.rejects(
    groups.removeMembers(groupId, [before.get('p1') as PrincipalId], TESTER),
    { code: 'DIRECTORY_REFUSED' },
    'its group is its own again',
  )
})

await t.test('connected again, a group that was decided on here is its source’s', async (t) => {
  const { database, registry, source, run, everybody, all, leave } = await rig(t)
  await sql`
    update source_link set members_here = true, removals_approved = 3
    where object_kind = 'group'`.execute(database.kysely)
  await leave('keep')
  await registry.connect({ ...NEW_SOURCE, name: 'again' }, TESTER)
  source.says('people', everybody)
  source.says('groups', [
    { ...all, members: all.members.filter(({ externalId }) => externalId !== 'p7') },
  ])
  await run({ isFull: true })
  const { rows } = await sql<{ username: string }>`
    select n.username from membership m join principal p on p.no = m.member_no
    join person n on n.id = p.id order by n.username`.execute(database.kysely)
  t.same(
    rows.map(({ username }) => username),
    ['p0', 'p1', 'p2', 'p3', 'p4', 'p5', 'p6'],
    'whom the source has taken out is out',
  )
  const { rows: links } = await sql`
    select members_here, removals_approved from source_link
    where object_kind = 'group'`.execute(database.kysely)
  t.same(links, [{ members_here: false, removals_approved: 0 }])
})

await t.test('a round under way is cut off, whatever it has read', async (t) => {
  const { database, departures, sourceId, store } = await rig(t)
  const round = await store.openRound({
    sourceId,
    stream: 'people',
    mode: 'delta',
    fingerprint: 'first',
    generation: 1,
  })
  await store.stagePage(round, 1, [aPerson('late')])
  const sealed = { isBelieved: true, needsFull: false, note: null }
  await store.sealRound(round, { deltaLink: 'next', judgement: sealed })
  await departures.begin(sourceId, { people: 'keep', count: null }, ADMIN)
  const conflict = { code: 'DIRECTORY_CONFLICT' }
  await t.rejects(
    store.applyPeople(round, () => []),
    conflict,
  )
  for (const late of [store.applyApproved, store.settleEdges, store.settleManagers]) {
    await t.rejects(late.call(store, sourceId), conflict)
  }
  t.notOk((await peopleIn(database))['late'])
})

await t.test('killed again and again on the way, it ends as if it had not been', async (t) => {
  for (const people of ['keep', 'suspend', 'delete'] as const) {
    const plain = await rig(t)
    await plain.leave(people)
    const expected = await peopleIn(plain.database)
    for (const isAfter of [false, true]) {
      const db = await testDatabase(t)
      const crasher = new Crasher(db)
      const rigged = await rig(t, db)
      let crashes = 0
      for (let statements = 0; !(await wasLeft(db, rigged.sourceId)); statements++) {
        crasher.arm(statements, { isAfter })
        await goOn(rigged, people).catch(() => {})
        if (crasher.restart()) crashes += 1
      }
      t.ok(crashes > 10, `killed ${crashes} times`)
      t.same(await peopleIn(db), expected, `${people}, ${isAfter ? 'after' : 'before'}`)
      t.same(await rowsLeft(db, rigged.sourceId), NONE_LEFT)
    }
  }
})

/** What a daemon does that was asked to disconnect, or that finds one begun. */
async function goOn(
  { departures, sourceId, finish }: Awaited<ReturnType<typeof rig>>,
  people: Departure,
): Promise<void> {
  const unfinished = await departures.unfinished()
  if (unfinished.length === 0) await departures.begin(sourceId, { people, count: null }, ADMIN)
  await finish()
}

async function wasLeft(db: Database, sourceId: string): Promise<boolean> {
  const { rows } = await sql<{ is_left: boolean }>`
    select left_at is not null as is_left from source where id = ${sourceId}::uuid`.execute(
    db.kysely,
  )
  return rows[0]?.is_left === true
}

await t.test('two daemons end it together, and it is ended once', async (t) => {
  const db = await testDatabase(t)
  const { departures, sourceId, finish, source, run } = await rig(t, db)
  source.says(
    'people',
    Array.from({ length: 700 }, (_, at) => aPerson(`m${at}`)),
  )
  source.says('groups', [without(aGroup('g', []), [])])
  await run()
  await departures.begin(sourceId, { people: 'suspend', count: 708 }, ADMIN)
  const other = await openDatabase(db.options)
  t.teardown(() => other.stop())
  const theirs = new PostgresDepartureStore(other)
  await Promise.all([
    finish(),
    (async () => {
      while (await theirs.step(sourceId));
    })(),
  ])
  const states = Object.values(await peopleIn(db))
  t.equal(states.filter((state) => state.endsWith('admin')).length, 708)
  const { rows } = await sql<{ n: number }>`
    select count(*) as n from (select kind from journal union all select kind from journal_inbox) j
    where kind = 'source.disconnected'`.execute(db.kysely)
  t.equal(rows[0]?.n, 1)
})
