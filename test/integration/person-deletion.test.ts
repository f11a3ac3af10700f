import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import t, { type Test } from 'tap'
import type { PrincipalId } from '../../src/directory/id.ts'
import type { Database } from '../../src/storage/connection.ts'
import { PostgresGroupStore } from '../../src/storage/group-store.ts'
import { carryOutDates } from '../../src/storage/lifecycle-dates.ts'
import { PostgresPeopleStore } from '../../src/storage/people-store.ts'
import { applyRetention } from '../../src/storage/retention.ts'
import { testDatabase } from '../support/database.ts'
import { connect, never, TESTER, testTenant } from '../support/sync.ts'

interface Row {
  readonly id: PrincipalId
  readonly externalId: string
  readonly username: string
  readonly lifecycle: string
  readonly uid: number
  readonly title: string | null
  readonly groups: readonly string[]
  readonly names: readonly string[]
  readonly holds: readonly string[]
}

async function setUp(t: Test) {
  const db = await testDatabase(t)
  const tenant = await testTenant(t, { people: 24, seed: 1 })
  const rig = await connect(tenant, db)
  const sync = (isFull = false) => rig.engine.run({ signal: never, isFull })
  await sync()
  const people = new PostgresPeopleStore(db)
  const { id, externalId } = await find(db, 'adele.vance')
  await people.activate([id], TESTER)
  return { db, tenant, rig, sync, people, id, externalId, read: () => read(db, id) }
}

async function find(db: Database, username: string): Promise<Row> {
  const { rows } = await sql<{ id: PrincipalId }>`
    select id from person where username = ${username}`.execute(db.kysely)
  const [row] = rows
  if (row === undefined) throw new Error(`there is no ${username}`)
  return read(db, row.id)
}

async function read(db: Database, id: PrincipalId): Promise<Row> {
  const { rows } = await sql<Row>`
    select p.id, l.external_id as "externalId", p.username, pr.lifecycle, p.uid_number as uid,
      p.job_title as title,
      array(select g.name from membership m join directory_group g on g.no = m.group_no
        where m.member_no = pr.no order by 1) as groups,
      array(select folded from login_name where principal_id = p.id order by 1) as names,
      array(select reason from hold where principal_id = p.id order by 1) as holds
    from person p join principal pr on pr.id = p.id join source_link l on l.principal_id = p.id
    where p.id = ${id}::uuid`.execute(db.kysely)
  const [row] = rows
  if (row === undefined) throw new Error('she is gone altogether')
  return row
}

await t.test('deleted here: no round brings her back, and a restoration catches up', async (t) => {
  const { db, tenant, sync, people, id, externalId, read } = await setUp(t)
  const groups = new PostgresGroupStore(db)
  const own = { name: 'climbers', displayName: 'Climbers', description: null }
  const { id: groupId } = await groups.create(own, TESTER)
  await groups.addMembers(groupId, [id], TESTER)
  await people.hold([id], 'security', { actor: TESTER, note: null })
  const before = await read()
  t.ok(before.groups.includes('climbers') && before.groups.length > 1, 'in groups of both kinds')

  t.match(await people.delete([id], TESTER), { changed: 1 })
  t.match(await people.delete([id], TESTER), { changed: 0 }, 'and once is enough')
  const dead = { lifecycle: 'deleted', names: [], uid: before.uid }
  t.match(await read(), dead)
  await t.rejects(people.hold([id], 'admin', { actor: TESTER, note: null }), {
    code: 'DIRECTORY_REFUSED',
  })

  tenant.tenant.update(externalId, { jobTitle: 'Pilot', mail: 'adele@contoso.example' })
  await sync()
  t.match(await read(), { ...dead, title: before.title }, 'what is told is kept with her link')
  await sync(true)
  t.match(await read(), dead, 'a full round leaves her be')
  tenant.tenant.update(externalId, { accountEnabled: false })
  await sync()

  const [listed] = await people.deleted({ name: 'adele.vance', limit: 2 })
  t.match(listed, { id, username: 'adele.vance', deletedBy: null })
  t.equal(
    (listed?.restorableUntilMs ?? 0) - (listed?.deletedAtMs ?? 0),
    30 * 24 * 60 * 60_000,
    'and until when she may be restored is told',
  )
  t.match(await people.restore([id], TESTER), { changed: 1 })
  const restored = await read()
  t.match(restored, { lifecycle: 'active', username: 'adele.vance', uid: before.uid })
  t.equal(restored.title, 'Pilot', 'with what was told meanwhile')
  t.ok(restored.names.includes('adele@contoso.example'))
  t.same(restored.groups, before.groups, 'her groups are hers again')
  t.equal(restored.holds.length, 2, 'her hold as it was, and the one her source has set meanwhile')
  t.match(await people.restore([id], TESTER), { changed: 0 })
  tenant.tenant.update(externalId, { accountEnabled: true })
  await sync()
  t.same((await read()).holds, ['security'])
})

await t.test('her name is kept for her, and whoever she was before she is again', async (t) => {
  const { db, people, id } = await setUp(t)
  const { id: staged } = await find(db, 'alex.wilber')
  await people.delete([id, staged], TESTER)
  const { id: other } = await find(db, 'diego.siciliani')
  await t.rejects(people.rename(other, 'adele.vance', TESTER), {
    message: /kept from others until/,
  })
  await people.restore([id, staged], TESTER)
  t.match(await read(db, id), { lifecycle: 'active', username: 'adele.vance' })
  t.match(await read(db, staged), { lifecycle: 'staged', username: 'alex.wilber' })
})

await t.test('whom her source deletes as well is not restored here alone', async (t) => {
  const { tenant, sync, people, id, externalId, read } = await setUp(t)
  await people.delete([id], TESTER)
  tenant.tenant.delete(externalId)
  await sync()
  await t.rejects(people.restore([id], TESTER), {
    message: /deleted in contoso: restore her there/,
  })
  tenant.tenant.restore(externalId)
  await sync()
  t.match(await read(), { lifecycle: 'deleted' }, 'nor is she by her source alone')
  await people.restore([id], TESTER)
  t.match(await read(), { lifecycle: 'active', username: 'adele.vance' })
})

await t.test('after her grace nothing is known of her, whatever the source tells', async (t) => {
  const { db, tenant, sync, people, id, externalId, read } = await setUp(t)
  await people.delete([id], TESTER)
  await sql`update principal set deleted_at = deleted_at - interval '31 days'
    where id = ${id}::uuid`.execute(db.kysely)
  await applyRetention(db)
  tenant.tenant.update(externalId, { jobTitle: 'Pilot' })
  await sync()
  await sync(true)
  const { username, title, lifecycle } = await read()
  t.match({ username, title, lifecycle }, { username: /^deleted-/, title: null })
  const { rows } = await sql`select 1 from source_link
    where principal_id = ${id}::uuid and attributes <> '{}'`.execute(db.kysely)
  t.same(rows, [], 'nor is anything kept with her link')
  t.same(await people.deleted({ name: null, limit: 10 }), [])

  await people.restore([id], TESTER)
  t.match(await read(), { lifecycle: 'staged', username: /^(?!deleted-)/ })
  await sync()
  t.match(await read(), { lifecycle: 'staged', title: 'Pilot' }, 'her source tells all once more')
})

await t.test('forgotten by us and unknown to her source, she is gone for good', async (t) => {
  const { db, tenant, sync, people, id, externalId } = await setUp(t)
  await people.delete([id], TESTER)
  tenant.tenant.delete(externalId)
  await sync()
  await sql`update principal set deleted_at = deleted_at - interval '31 days'
    where id = ${id}::uuid`.execute(db.kysely)
  await applyRetention(db)
  await t.rejects(people.restore([id], TESTER), { message: /more than 30 days ago/ })
})

await t.test('a source that deletes whom it held lets go of her, if she lives on', async (t) => {
  const { db, tenant, sync, id, externalId, read } = await setUp(t)
  await sql`update source_link set is_master = false where principal_id = ${id}::uuid`.execute(
    db.kysely,
  )
  tenant.tenant.update(externalId, { accountEnabled: false })
  await sync()
  t.match(await read(), { holds: [/^source:/] })
  tenant.tenant.delete(externalId)
  await sync()
  t.match(await read(), { lifecycle: 'active' })
  t.same((await read()).holds, [])
})

await t.test('a deletion that comes due after the source has deleted her stays one', async (t) => {
  const { db, tenant, sync, people, id, externalId, read } = await setUp(t)
  const atMs = Date.now() + 500
  await people.setDate(id, { act: 'delete', atMs }, TESTER)
  tenant.tenant.delete(externalId)
  await sync()
  await sleep(Math.max(0, atMs + 100 - Date.now()))
  await carryOutDates(db)
  tenant.tenant.restore(externalId)
  await sync()
  t.match(await read(), { lifecycle: 'deleted' })
  await people.restore([id], TESTER)
  t.match(await read(), { lifecycle: 'active' })
})

await t.test('rounds and deletions at the same time: each sees the other whole', async (t) => {
  const { db, tenant, sync, people } = await setUp(t)
  const { rows } = await sql<{ id: PrincipalId; externalId: string }>`
    select principal_id as id, external_id as "externalId" from source_link
    where object_kind = 'person' order by external_id limit 12`.execute(db.kysely)
  const ids = rows.map((row) => row.id)
  for (let turn = 0; turn < 6; turn++) {
    for (const { externalId } of rows)
      tenant.tenant.update(externalId, {
        jobTitle: `Turn ${turn}`,
        mail: `${externalId}-${turn}@contoso.example`,
      })
    const verb = turn % 2 === 0 ? 'delete' : 'restore'
    await Promise.all([sync(turn > 2), ...ids.map((id) => people[verb]([id], TESTER))])
  }
  await sync()
  const living = await sql<{ title: string; names: number }>`
    select p.job_title as title,
      (select count(*)::integer from login_name where principal_id = p.id) as names
    from person p where p.id = any (${ids}::uuid[])`.execute(db.kysely)
  t.same([...new Set(living.rows.map(({ title }) => title))], ['Turn 5'], 'nobody missed a word')
  await people.delete(ids, TESTER)
  await sync(true)
  const { rows: left } = await sql`
    select 1 from login_name where principal_id = any (${ids}::uuid[])`.execute(db.kysely)
  t.same(left, [], 'the dead answer to no name')
})
