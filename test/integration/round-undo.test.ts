import { sql } from 'kysely'
import t, { type Test } from 'tap'
import type { GroupId, PrincipalId } from '../../src/directory/id.ts'
import { DEFAULT_SCOPE } from '../../src/sources/judge-people.ts'
import { SyncEngine } from '../../src/sources/sync.ts'
import type { Database } from '../../src/storage/connection.ts'
import { PostgresGroupStore } from '../../src/storage/group-store.ts'
import { PostgresPeopleStore } from '../../src/storage/people-store.ts'
import { PostgresUndoStore } from '../../src/storage/round-undo.ts'
import { PostgresSourceRegistry } from '../../src/storage/sync-sources.ts'
import { PostgresSyncStore } from '../../src/storage/sync-store.ts'
import { Crasher } from '../support/crash.ts'
import { testDatabase } from '../support/database.ts'
import { aGroup, aPerson, FakeSource, gone, without } from '../support/fake-source.ts'
import { imageOfDirectory, KEYS, never, TESTER } from '../support/sync.ts'

const ADMIN = { name: 'admin:ann', reason: 'a filter was wrong' }
const PEOPLE = Array.from({ length: 10 }, (_, at) =>
  aPerson(`p${at}`, { jobTitle: `Job ${at}`, managerExternalId: at === 0 ? null : 'p0' }),
)
const STAFF = aGroup(
  'staff',
  PEOPLE.slice(0, 8).map(({ externalId }) => externalId),
)

async function rig(t: Test, given?: Database) {
  const db = given ?? (await testDatabase(t))
  const registry = new PostgresSourceRegistry({ db, keys: KEYS })
  const source = new FakeSource()
  const sourceId = await registry.connect(
    {
      kind: 'fake',
      name: 'contoso',
      config: { tenantId: 'tenant', tier: 'write-back' },
      secret: Buffer.from('{}'),
      identity: await source.identify(),
      state: 'active',
    },
    TESTER,
  )
  const store = new PostgresSyncStore(db)
  const undos = new PostgresUndoStore(db)
  const run = (options = {}) =>
    new SyncEngine({ source, store, sourceId, scope: DEFAULT_SCOPE }).run({
      signal: never,
      ...options,
    })
  source.says('people', PEOPLE)
  source.says('groups', [STAFF, aGroup('old', ['p1'])])
  await run()
  await sql`update principal set lifecycle = 'active' where kind = 'person'`.execute(db.kysely)
  const image = async () => ({
    ...(await imageOfDirectory(db, sourceId)),
    states: await statesIn(db),
  })
  const lastRounds = async () => (await undos.rounds(sourceId, 2)).map(({ id }) => id)
  const undo = async (roundId: string, count: number | null = null) => {
    const begun = await undos.begin({ roundId, count }, ADMIN)
    if (!begun.ok) throw new Error(`${begun.affected} of ${begun.all}`)
    while (await undos.step(begun.undo));
    return begun.undo
  }
  return { db, registry, source, sourceId, store, undos, run, image, lastRounds, undo }
}

async function statesIn(db: Database): Promise<unknown> {
  const { rows } = await sql<{ username: string; state: string }>`
    select n.username, p.lifecycle || case when exists (select 1 from hold h
      where h.principal_id = p.id) then ' held' else '' end as state
    from principal p join person n on n.id = p.id order by n.username`.execute(db.kysely)
  return Object.fromEntries(rows.map(({ username, state }) => [username, state]))
}

/** A round that does one of everything, but for creations. */
function shake(source: FakeSource): void {
  source.says('people', [
    aPerson('p1', { jobTitle: 'Clown', managerExternalId: 'p2' }),
    aPerson('p2', { isEnabled: false, userPrincipalName: 'pp2@contoso.example' }),
    gone('p3'),
  ])
  source.says('groups', [
    aGroup('staff', ['p8', 'p9'], 'Personnel'),
    without(aGroup('staff', [], 'Personnel'), ['p5']),
    gone('old'),
  ])
}

await t.test('a round is taken back: attributes, holds, removals, members, groups', async (t) => {
  const { db, source, sourceId, registry, run, image, lastRounds, undo, undos } = await rig(t)
  const before = await image()
  shake(source)
  await run()
  const after = await image()
  t.not(JSON.stringify(after), JSON.stringify(before))
  const [groups = '', people = ''] = await lastRounds()
  t.match(await undos.outlook(people), {
    source: 'contoso',
    stream: 'people',
    counts: { attributes: 2, restored: 1, freed: 1, kept: 0 },
  })
  t.match((await undos.outlook(groups)).counts, { restored: 1, membersAdded: 1, membersRemoved: 2 })
  t.same(await image(), after, 'a look changes nothing')

  await undo(groups)
  const undone = await undo(people)
  t.same(await image(), before)
  t.match(await registry.find('contoso'), {
    state: 'paused',
    stateReason: `round ${people} was taken back`,
  })
  const { rows } = await sql<{ actor: string; reason: string }>`
    select distinct actor, reason from (select kind, actor, reason from journal
      union all select kind, actor, reason from journal_inbox) j
    where kind = 'source.round-undone'`.execute(db.kysely)
  t.same(rows, [{ actor: ADMIN.name, reason: ADMIN.reason }])
  const { rows: names } = await sql`
    select folded from login_name where folded = 'pp2@contoso.example'`.execute(db.kysely)
  t.same(names, [], 'and with the old address she signs in')

  await t.rejects(undos.begin({ roundId: people, count: null }, ADMIN), {
    code: 'DIRECTORY_CONFLICT',
    message: new RegExp(`taken back already.*${undone}`),
  })
  await undo(undone)
  t.match((await image()).people, after.people, 'an undo is taken back as well')
  await undo(people)

  await registry.resume(sourceId, TESTER)
  source.script.people.length = 0
  source.says('people', [
    ...PEOPLE.filter(({ externalId }) => externalId !== 'p1'),
    aPerson('p1', { jobTitle: 'Clown' }),
  ])
  await run()
  t.match(source.asked.filter(({ stream }) => stream === 'people').at(-1), { link: null })
  const { people: now } = await image()
  t.match(now['p1'], { jobTitle: 'Clown' }, 'resumed, the source tells all of it anew')
})

await t.test('created people are deleted, but not who was activated since', async (t) => {
  const { db, source, run, image, lastRounds, undo, undos } = await rig(t)
  const before = await image()
  source.says('people', [aPerson('n1'), aPerson('n2')])
  source.says('groups', [aGroup('new', ['n1', 'p4'])])
  await run()
  await sql`
    update principal set lifecycle = 'active'
    where id = (select id from person where username = 'n2')`.execute(db.kysely)
  const [groups = '', people = ''] = await lastRounds()
  t.same((await undos.outlook(people)).kept, [{ name: 'n2', why: 'activated since' }])
  await undo(people)
  await undo(groups)
  const now = await image()
  t.same(Object.keys(now.groups), Object.keys(before.groups))
  t.match(now.states, { n1: 'deleted', n2: 'active' })
})

await t.test('what was changed since is kept, and said', async (t) => {
  const { db, source, run, lastRounds, undo, undos } = await rig(t)
  shake(source)
  await run()
  const [, people = ''] = await lastRounds()
  source.says('people', [aPerson('p1', { jobTitle: 'Director', managerExternalId: 'p2' })])
  await run()
  const { rows } = await sql<{ id: PrincipalId }>`
    select id from person where username = 'p2'`.execute(db.kysely)
  const p2 = rows[0]?.id as PrincipalId
  await new PostgresPeopleStore(db).edit(p2, { jobTitle: 'Owner' }, TESTER)
  t.match((await undos.outlook(people)).kept, [{ name: 'p1', why: 'changed since: jobTitle' }])
  await undo(people)
  const told = await sql<{ username: string; job_title: string; manager: string }>`
    select n.username, n.job_title, m.username as manager from person n
    left join person m on m.id = n.manager_id
    where n.username in ('p1', 'p2') order by n.username`.execute(db.kysely)
  t.match(told.rows, [
    { username: 'p1', job_title: 'Director', manager: 'p0' },
    { username: 'p2', job_title: 'Owner' },
  ])
})

await t.test(
  'what a later round did once more is not taken back with an earlier one',
  async (t) => {
    const { source, run, image, undos, sourceId, undo } = await rig(t)
    const shown = async (isShown: boolean) => {
      source.says('people', [
        aPerson('p2', { isEnabled: isShown }),
        isShown ? aPerson('p3', { jobTitle: 'Job 3', managerExternalId: 'p0' }) : gone('p3'),
      ])
      source.says('groups', [isShown ? aGroup('staff', ['p5']) : without(STAFF, ['p5'])])
      await run()
      const rounds = await undos.rounds(sourceId, 2)
      return (stream: string) => rounds.find((round) => round.stream === stream)?.id ?? ''
    }
    const first = await shown(false)
    await shown(true)
    await shown(false)
    const before = await image()
    for (const stream of ['groups', 'people']) {
      const { counts, kept } = await undos.outlook(first(stream))
      t.match(counts, { freed: 0, restored: 0, membersAdded: 0 }, stream)
      t.ok(
        kept.every(({ why }) => why.startsWith('done again since')),
        JSON.stringify(kept),
      )
      t.ok(kept.length > 0)
      await undo(first(stream))
    }
    t.same((await image()).states, before.states, 'disabled in the last round, she stays out')
    t.same((await image()).groups, before.groups)
  },
)

await t.test('a group that is decided on here since keeps its people, and stays', async (t) => {
  const { db, source, sourceId, run, image, lastRounds, undo, undos } = await rig(t)
  source.says('groups', [
    aGroup('staff', ['p8', 'p9']),
    without(aGroup('staff', []), ['p5', 'p6']),
    aGroup('new', ['p1']),
  ])
  await run()
  const [round = ''] = await lastRounds()
  await sql`
    update source set config = config || '{"extras":["groups"]}' where id = ${sourceId}::uuid`.execute(
    db.kysely,
  )
  const groups = new PostgresGroupStore(db)
  const ids = await groupIds(db)
  const staff = ids.get('staff') as GroupId
  for (const id of [staff, ids.get('new') as GroupId]) await groups.setMaster(id, 'here', ADMIN)
  const { rows } = await sql<{ username: string; id: PrincipalId }>`
    select username, id from person where username in ('p6', 'p8')`.execute(db.kysely)
  const idOf = (name: string) => rows.find(({ username }) => username === name)?.id ?? ''
  await groups.removeMembers(staff, [idOf('p8')], ADMIN)
  await groups.addMembers(staff, [idOf('p6')], ADMIN)
  const before = await image()

  const outlook = await undos.outlook(round)
  t.match(outlook.counts, { membersAdded: 0, membersRemoved: 0, deleted: 0 })
  t.same(outlook.kept.map(({ name }) => name).toSorted(), [
    'group-new',
    'group-staff: p5',
    'group-staff: p9',
  ])
  for (const { why } of outlook.kept) t.equal(why, 'its people are decided on here')
  await undo(round)
  t.same(await image(), before, 'what an admin decides stands')
})

async function groupIds({ kysely }: Database): Promise<ReadonlyMap<string, GroupId>> {
  const { rows } = await sql<{ external_id: string; group_id: GroupId }>`
    select external_id, group_id from source_link where object_kind = 'group'`.execute(kysely)
  return new Map(rows.map((row) => [row.external_id, row.group_id]))
}

await t.test('rounds are taken back one after the other, the last first', async (t) => {
  const { source, run, image, undos, sourceId, undo } = await rig(t)
  const before = await image()
  for (const isEnabled of [false, true, false]) {
    source.says('people', [
      aPerson('p2', { isEnabled, jobTitle: 'Job 2', managerExternalId: 'p0' }),
    ])
    await run()
  }
  const rounds = (await undos.rounds(sourceId, 50)).filter(({ stream }) => stream === 'people')
  for (const { id } of rounds.slice(0, 3)) await undo(id)
  t.same(await image(), before)
})

await t.test('refused: of nothing, of nobody, of many not meant, twice at once', async (t) => {
  const { source, sourceId, run, undos, lastRounds, undo } = await rig(t)
  const nowhere = '00000000-0000-4000-8000-000000000000'
  await t.rejects(undos.outlook(nowhere), { code: 'DIRECTORY_NOT_FOUND' })
  source.says(
    'people',
    Array.from({ length: 40 }, (_, at) => aPerson(`n${at}`)),
  )
  await run()
  const rounds = await undos.rounds(sourceId, 10)
  const [people = ''] = rounds.filter(({ changes }) => changes === 40).map(({ id }) => id)
  t.same(await undos.begin({ roundId: people, count: null }, ADMIN), {
    ok: false,
    affected: 40,
    all: 50,
  })
  const begun = await undos.begin({ roundId: people, count: 40 }, ADMIN)
  t.ok(begun.ok)
  await t.rejects(undos.begin({ roundId: people, count: 40 }, ADMIN), {
    message: /is being applied just now/,
  })
  await t.rejects(run(), { code: 'DIRECTORY_CONFLICT' }, 'nor does a round begin meanwhile')
  const [id = ''] = await undos.unfinished()
  while (await undos.step(id));
  t.same(await undos.unfinished(), [])
  t.match(await undos.counts(id), { deleted: 40 })
  const [last = ''] = await lastRounds()
  await undo(last)
  t.match(await undos.counts(id), { deleted: 40 })
})

await t.test('killed again and again on the way, it ends as if it had not been', async (t) => {
  for (const isAfter of [false, true]) {
    const db = await testDatabase(t)
    const crasher = new Crasher(db)
    const { source, run, image, lastRounds, undos } = await rig(t, db)
    const before = await image()
    shake(source)
    await run()
    let crashes = 0
    for (const roundId of await lastRounds()) {
      const isUndone = async () =>
        (await undos.rounds((await sourceOf(db)) ?? '', 50)).some((r) => r.undoes === roundId)
      for (let statements = 0; !(await isUndone()); statements++) {
        crasher.arm(statements, { isAfter })
        await goOn(undos, roundId).catch(() => {})
        if (crasher.restart()) crashes += 1
      }
    }
    t.ok(crashes > 10, `killed ${crashes} times`)
    t.same(await image(), before, isAfter ? 'after' : 'before')
  }
})

async function goOn(undos: PostgresUndoStore, roundId: string): Promise<void> {
  const [unfinished] = await undos.unfinished()
  const begun = unfinished === undefined ? await undos.begin({ roundId, count: null }, ADMIN) : null
  const id = unfinished ?? (begun?.ok === true ? begun.undo : '')
  while (await undos.step(id));
}

async function sourceOf(db: Database): Promise<string | undefined> {
  const { rows } = await sql<{ id: string }>`select id from source`.execute(db.kysely)
  return rows[0]?.id
}
