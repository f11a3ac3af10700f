import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import t from 'tap'
import { DEFAULT_SCOPE } from '../../src/sources/judge-people.ts'
import { SyncEngine } from '../../src/sources/sync.ts'
import type { Database, TransactionReport } from '../../src/storage/connection.ts'
import { applyRetention } from '../../src/storage/retention.ts'
import { PostgresSyncStore } from '../../src/storage/sync-store.ts'
import { eachEngine, testDatabase } from '../support/database.ts'
import { aGroup, aPerson, connectFake, FakeSource, gone, without } from '../support/fake-source.ts'
import { findBinaries } from '../support/postgres.ts'
import { connect, imageOfDirectory, never, testTenant } from '../support/sync.ts'
import { imageOfTenant } from '../support/sync-truth.ts'

async function fake(db: Database, scope = DEFAULT_SCOPE) {
  const source = new FakeSource()
  const { registry, sourceId } = await connectFake(db, source)
  const store = new PostgresSyncStore(db)
  const engine = new SyncEngine({ source, store, sourceId, scope })
  const run = (options = {}) => engine.run({ signal: never, ...options })
  return { source, registry, sourceId, store, engine, run }
}

interface PersonState {
  readonly username: string
  readonly lifecycle: string
  readonly uid_number: number
  readonly home_directory: string
  readonly login_shell: string
  readonly holds: readonly string[]
  readonly names: readonly string[]
}

async function personOf(db: Database, externalId: string): Promise<PersonState | null> {
  const { rows } = await sql<PersonState>`
    select p.username, pr.lifecycle, p.uid_number, p.home_directory, p.login_shell,
      array(select h.reason from hold h where h.principal_id = p.id order by 1) as holds,
      array(select n.folded from login_name n where n.principal_id = p.id and not n.is_contested
        order by 1) as names
    from source_link l join person p on p.id = l.principal_id join principal pr on pr.id = p.id
    where l.external_id = ${externalId}`.execute(db.kysely)
  return rows[0] ?? null
}

const needsPostgres = { skip: findBinaries() || process.env['CI'] ? false : 'no PostgreSQL here' }

/** Until some statement waits for a row that another has locked. */
async function untilBlocked(db: Database): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    const { rows } = await db.pool.query(`select 1 from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`)
    if (rows.length > 0) return
    await sleep(10)
  }
  throw new Error('nothing waits')
}

async function membersOf(db: Database, sourceId: string, group: string): Promise<unknown> {
  const { groups } = await imageOfDirectory(db, sourceId)
  return (groups[group] as { members: unknown } | undefined)?.members
}

await eachEngine(
  t,
  'sync: a tenant is imported as it is, and a second round brings nothing',
  async (t, db) => {
    const tenant = await testTenant(t, { people: 80, seed: 5 })
    const rig = await connect(tenant, db)
    const reports = await rig.engine.run({ signal: never })
    t.same(
      reports.map(({ stream, mode }) => `${stream} ${mode}`),
      ['people full', 'groups full'],
    )
    t.same(await imageOfDirectory(db, rig.sourceId), imageOfTenant(tenant))
    const again = await rig.engine.run({ signal: never })
    t.same(
      again.map(({ mode }) => mode),
      ['nothing', 'nothing'],
    )
    const [settings] = await db.kysely.selectFrom('settings').selectAll().execute()
    t.match(settings, { domain: 'contoso.example', organization: 'Contoso' })
    const staged = await sql<{ n: number }>`
    select count(*) as n from principal where lifecycle <> 'staged'`.execute(db.kysely)
    t.equal(staged.rows[0]?.n, 0, 'imported people are staged and serve nothing')
  },
)

await eachEngine(
  t,
  'sync: names, numbers and holds of a person through her life',
  async (t, db) => {
    const { source, run } = await fake(db)
    source.says('people', [
      aPerson('a', { userPrincipalName: 'Müller.Änne@contoso.example', mail: 'x@contoso.example' }),
      aPerson('b', { userPrincipalName: 'mueller.aenne@contoso.example', isEnabled: false }),
      aPerson('g', { isGuest: true }),
    ])
    await run()
    const first = await personOf(db, 'a')
    t.match(first, {
      username: 'mueller.aenne',
      lifecycle: 'staged',
      uid_number: 300_000,
      home_directory: '/home/mueller.aenne',
      login_shell: '/bin/bash',
      holds: [],
      names: ['mueller.aenne', 'müller.änne@contoso.example', 'x@contoso.example'],
    })
    t.match(await personOf(db, 'b'), { username: 'mueller.aenne2', uid_number: 300_001 })
    t.match((await personOf(db, 'b'))?.holds, [/^source:/], 'disabled there is held here')
    t.equal(await personOf(db, 'g'), null, 'guests are left out')

    source.says('people', [
      aPerson('a', { userPrincipalName: 'new@contoso.example', displayName: 'New', mail: null }),
      aPerson('b', { userPrincipalName: 'mueller.aenne@contoso.example', isEnabled: true }),
    ])
    await run()
    const renamed = await personOf(db, 'a')
    t.equal(renamed?.username, 'mueller.aenne', 'a username is sticky')
    t.same(
      renamed?.names,
      ['mueller.aenne', 'new@contoso.example'],
      'cleared and changed addresses',
    )
    t.same((await personOf(db, 'b'))?.holds, [], 'the source lifts its own hold')

    await sql`update principal set lifecycle = 'active'`.execute(db.kysely)
    source.says('people', [gone('a')])
    await run()
    t.match(await personOf(db, 'a'), { lifecycle: 'deleted', names: [] })
    source.says('people', [aPerson('z', { userPrincipalName: 'mueller.aenne@fabrikam.example' })])
    await run()
    t.match(
      await personOf(db, 'z'),
      { username: 'mueller.aenne3', uid_number: 300_002 },
      'her name and number rest',
    )
    source.says('people', [aPerson('a', { userPrincipalName: 'new@contoso.example' })])
    await run()
    t.match(await personOf(db, 'a'), {
      username: 'mueller.aenne',
      lifecycle: 'active',
      uid_number: 300_000,
    })
  },
)

await t.test(
  'sync: who comes back after she was forgotten keeps her number and gets a name',
  async (t) => {
    const db = await testDatabase(t)
    const { source, run } = await fake(db)
    source.says('people', [aPerson('a', { userPrincipalName: 'ann@contoso.example' })])
    await run()
    source.says('people', [gone('a')])
    await run()
    await sql`update principal set deleted_at = deleted_at - interval '31 days'`.execute(db.kysely)
    await applyRetention(db)
    t.match(await personOf(db, 'a'), { username: 'deleted-300000', lifecycle: 'deleted' })
    source.says('people', [aPerson('a', { userPrincipalName: 'ann@contoso.example' })])
    await run()
    t.match(await personOf(db, 'a'), {
      username: 'ann',
      lifecycle: 'staged',
      uid_number: 300_000,
      home_directory: '/home/ann',
    })
  },
)

await t.test(
  'sync: a manager whom another daemon writes meanwhile is not passed over',
  needsPostgres,
  async (t) => {
    const db = await testDatabase(t, { engine: 'postgresql' })
    const { source, sourceId, store, run } = await fake(db)
    source.says('people', [aPerson('a'), aPerson('b'), aPerson('c')])
    await run()
    const manage = (manager: string) => `update source_link
      set manager_external_id = '${manager}', manager_pending = true where external_id = 'a'`
    await db.pool.query(manage('b'))
    const other = await db.direct()
    t.teardown(() => other.end())
    await other.query('begin')
    await other.query(manage('c'))
    const settled = store.settleManagers(sourceId)
    await untilBlocked(db)
    await other.query('commit')
    await settled
    const { people } = await imageOfDirectory(db, sourceId)
    t.match(people['a'], { manager: 'c' })
  },
)

await t.test('sync: an address two people claim leads to neither, until one lets go', async (t) => {
  const db = await testDatabase(t)
  const { source, run } = await fake(db)
  source.says('people', [aPerson('a', { mail: 'both@contoso.example' })])
  await run()
  source.says('people', [aPerson('b', { mail: 'both@contoso.example' })])
  await run()
  t.same((await personOf(db, 'a'))?.names, ['a', 'a@contoso.example'])
  t.same((await personOf(db, 'b'))?.names, ['b', 'b@contoso.example'])
  source.says('people', [aPerson('a', { mail: null })])
  await run()
  t.same((await personOf(db, 'b'))?.names, ['b', 'b@contoso.example', 'both@contoso.example'])
  const left = await db.kysely.selectFrom('login_name_conflict').selectAll().execute()
  t.same(left, [])
})

await eachEngine(
  t,
  'sync: members that are not known yet dangle, and come and go with their people',
  async (t, db) => {
    const { source, sourceId, run } = await fake(db)
    source.says('people', [aPerson('a')])
    source.says('groups', [
      aGroup('one', ['a', 'later']),
      aGroup('two', []),
      aGroup('one', ['device']),
    ])
    await run()
    t.same(await membersOf(db, sourceId, 'one'), ['a'])
    source.says('people', [aPerson('later')])
    await run()
    t.same(await membersOf(db, sourceId, 'one'), ['a', 'later'], 'resolved when she arrives')
    source.says('people', [gone('a')])
    await run()
    t.same(
      await membersOf(db, sourceId, 'one'),
      ['later'],
      'a deletion takes her memberships along',
    )
    source.says('people', [aPerson('a')])
    source.says('groups', [aGroup('one', ['a', 'later']), aGroup('two', ['a'])])
    await run()
    t.same(await membersOf(db, sourceId, 'one'), ['a', 'later'])
    t.same(await membersOf(db, sourceId, 'two'), ['a'], 'a return makes the groups be read whole')
    source.says('groups', [without(aGroup('one', []), ['later', 'device'])])
    await run()
    t.same(await membersOf(db, sourceId, 'one'), ['a'])
    const { rows } = await sql<{ n: number }>`
    select count(*) as n from journal_inbox where kind = 'membership'
    union all select count(*) from journal where kind = 'membership' order by n desc`.execute(
      db.kysely,
    )
    t.equal(rows[0]?.n, 6, 'each coming and going is journalled')
  },
)

await t.test(
  'sync: expiry, reset and another question each read everything, and miss nothing',
  async (t) => {
    const db = await testDatabase(t)
    const { source, sourceId, run } = await fake(db)
    const all = Array.from({ length: 12 }, (_, at) => aPerson(`p${at}`))
    source.says('people', all)
    source.says('groups', [aGroup('g', ['p0', 'p1'])])
    await run()
    source.script.people.push(
      { kind: 'expired' },
      source.page(all.slice(0, 6)),
      source.end(all.slice(6, 11)),
    )
    const [report] = await run()
    t.match(report, { mode: 'full', counts: { removed: 1, created: 0 } }, 'who is missing has gone')
    source.script.people.push({ kind: 'reset', link: 'from-here' }, source.end(all.slice(0, 10)))
    t.match((await run())[0], { mode: 'full', counts: { removed: 1 } })
    t.equal(source.asked.findLast(({ stream }) => stream === 'people')?.link, 'from-here')
    source.print = 'second'
    source.says('people', all.slice(0, 10))
    source.says('groups', [aGroup('g', ['p0'])])
    const reports = await run()
    t.same(
      reports.map(({ mode }) => mode),
      ['full', 'full'],
      'another fingerprint, another token',
    )
    t.same(await membersOf(db, sourceId, 'g'), ['p0'], 'an edge that is not named has gone')
    source.script.people.push({ kind: 'stale-page' }, source.end([aPerson('new')]))
    t.match(
      (await run())[0],
      { mode: 'delta', counts: { created: 1 } },
      'a stale page restarts the round only',
    )
  },
)

await t.test('sync: a dry run tells what would happen, and nothing does', async (t) => {
  const db = await testDatabase(t)
  const tenant = await testTenant(t, { people: 40, seed: 6 })
  const rig = await connect(tenant, db)
  const [people, groups] = await rig.engine.run({ signal: never, isDryRun: true })
  const truth = imageOfTenant(tenant)
  t.equal(people?.counts.created, Object.keys(truth.people).length)
  t.equal(groups?.counts.created, Object.keys(truth.groups).length)
  t.ok(
    people?.examples.some(({ act, name }) => act === 'create' && name.startsWith('adele.vance@')),
  )
  t.same(await imageOfDirectory(db, rig.sourceId), { people: {}, groups: {} })
  await rig.engine.run({ signal: never })
  t.same(await imageOfDirectory(db, rig.sourceId), truth, 'the real one afterwards does it all')
})

await t.test(
  'sync: no transaction of an import is large or long, and managers are found both ways',
  async (t) => {
    const reports: TransactionReport[] = []
    const db = await testDatabase(t, { onTransaction: (report) => reports.push(report) })
    const { source, run } = await fake(db)
    const people = Array.from({ length: 3_000 }, (_, at) =>
      aPerson(`p${at}`, {
        managerExternalId: `p${at % 2 === 0 ? at + 501 : Math.max(0, at - 700)}`,
      }),
    )
    source.says('people', people)
    source.says('groups', [
      aGroup(
        'all',
        people.map(({ externalId }) => externalId),
      ),
    ])
    await run()
    t.ok(reports.length > 15)
    t.ok(reports.every(({ entities }) => entities <= 500))
    const durations = reports.map(({ durationMs }) => durationMs).toSorted((a, b) => a - b)
    t.ok((durations[Math.floor(durations.length / 2)] ?? 0) <= 250, 'the median keeps the budget')
    const { rows } = await sql<{ n: number }>`
    select count(*) as n from person p join source_link l on l.principal_id = p.id
    left join source_link m on m.principal_id = p.manager_id
    where m.external_id is distinct from (
      select x.external_id from source_link x
      where x.external_id = l.attributes->>'managerExternalId')`.execute(db.kysely)
    t.equal(rows[0]?.n, 0)
  },
)
