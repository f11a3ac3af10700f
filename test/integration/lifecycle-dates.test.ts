import { sql } from 'kysely'
import t from 'tap'
import type { PrincipalId } from '../../src/directory/id.ts'
import type { DatedAct } from '../../src/directory/ports/people.ts'
import { carryOutDates } from '../../src/storage/lifecycle-dates.ts'
import { PostgresPeopleStore } from '../../src/storage/people-store.ts'
import { eachEngine, testDatabase } from '../support/database.ts'
import { seedPeople } from '../support/people.ts'
import { approveAll, connect, never, TESTER, testTenant, waitingOf } from '../support/sync.ts'

const HOUR_MS = 3_600_000
const NAMES = ['ada', 'bob', 'cyd', 'dan'] as const

await eachEngine(t, 'dates: each is carried out once, however late', async (t, database) => {
  const people = new PostgresPeopleStore(database)
  const ids = await seedPeople(
    database,
    NAMES.map((username) => ({ username, lifecycle: username === 'ada' ? 'staged' : 'active' })),
  )
  const [ada, bob, cyd, dan] = ids as [PrincipalId, PrincipalId, PrincipalId, PrincipalId]
  const set = (id: PrincipalId, act: DatedAct, inMs: number) =>
    people.setDate(id, { act, atMs: Date.now() + inMs }, TESTER)
  const stateOf = async (id: PrincipalId) => {
    const person = await people.read(id)
    return [person?.lifecycle, ...(person?.holds.map(({ reason }) => reason) ?? [])]
  }

  const comeDue = (id: PrincipalId, act: DatedAct) =>
    sql`
      update lifecycle_date set due_at = clock_timestamp() - interval '1 hour'
      where principal_id = ${id}::uuid and act = ${act}`.execute(database.kysely)

  await set(ada, 'activate', -HOUR_MS)
  await set(bob, 'suspend', -72 * HOUR_MS)
  await t.rejects(set(cyd, 'delete', -HOUR_MS), {
    code: 'DIRECTORY_REFUSED',
    message: /is past: delete her now/,
  })
  await set(cyd, 'delete', HOUR_MS)
  await comeDue(cyd, 'delete')
  await set(dan, 'suspend', HOUR_MS)
  t.same(
    (await people.dates(10)).map(({ username }) => username),
    ['bob', 'ada', 'cyd', 'dan'],
  )
  const counts = await Promise.all([carryOutDates(database), carryOutDates(database)])
  t.equal(counts[0] + counts[1], 3, 'two who lead carry out each date once between them')
  t.same(await stateOf(ada), ['active'])
  t.same(await stateOf(bob), ['active', 'schedule'])
  t.same(await stateOf(cyd), ['deleted'])
  t.same(await stateOf(dan), ['active'], 'and none before its time')
  t.equal(await carryOutDates(database), 0)
  t.match(await set(bob, 'suspend', -72 * HOUR_MS), { changed: 0 })
  t.same(await stateOf(bob), ['active', 'schedule'], 'a leave said twice is one')

  await set(bob, 'suspend', HOUR_MS)
  t.same(await stateOf(bob), ['active'], 'a leave that is moved lets her in again until then')
  await set(bob, 'suspend', -1)
  await carryOutDates(database)
  t.match(await people.cancelDate(bob, 'suspend', TESTER), { changed: 1 })
  t.same(await stateOf(bob), ['active'], 'and one that is taken back ends')
  t.match(await people.cancelDate(dan, 'suspend', TESTER), { changed: 1 })
  t.match(await people.cancelDate(dan, 'suspend', TESTER), { changed: 0 })
  t.same(await people.dates(10), [])

  await t.rejects(set(cyd, 'activate', HOUR_MS), { code: 'DIRECTORY_NOT_FOUND' })
  await people.protect([dan], true, TESTER)
  await set(dan, 'delete', HOUR_MS)
  await comeDue(dan, 'delete')
  await carryOutDates(database)
  await carryOutDates(database)
  t.same(await stateOf(dan), ['active'])
  t.match(await people.dates(10), [{ username: 'dan', refused: 'she is protected' }])
  const { rows: told } = await sql`
    select actor, reason from (select kind, actor, reason from journal
      union all select kind, actor, reason from journal_inbox) j
    where kind = 'admin.date-refused'`.execute(database.kysely)
  t.same(told, [{ actor: 'system', reason: 'she is protected' }], 'told once')
  await people.protect([dan], false, TESTER)
  await carryOutDates(database)
  t.same(await stateOf(dan), ['active'], 'what came due meanwhile is not made up for unasked')
  t.match(await people.dates(10), [{ refused: /set it again, or take it back/ }])
  await set(ada, 'suspend', -1)
  await people.delete([ada], TESTER)
  await carryOutDates(database)
  await people.restore([ada], TESTER)
  t.same(await stateOf(ada), ['active', 'schedule'], 'what came due while she was deleted holds')
})

await t.test('the protected: their source asks an admin, and lists pass them by', async (t) => {
  const db = await testDatabase(t)
  const tenant = await testTenant(t, { people: 24, seed: 1 })
  const { engine, registry, sourceId } = await connect(tenant, db)
  await engine.run({ signal: never })
  const people = new PostgresPeopleStore(db)
  const { rows } = await sql<{ id: PrincipalId; externalId: string }>`
    select principal_id as id, external_id as "externalId" from source_link
    where object_kind = 'person' and attributes ->> 'isEnabled' = 'true'
    order by external_id limit 2`.execute(db.kysely)
  const [one, other] = rows as [(typeof rows)[number], (typeof rows)[number]]
  const both = [one.id, other.id]
  await people.protect(both, true, TESTER)
  t.match(await people.protect(both, true, TESTER), { changed: 0 })

  const meant = { actor: TESTER, note: null }
  await t.rejects(people.hold(both, 'admin', meant), { message: /is protected: name her alone/ })
  await t.rejects(people.delete(both, TESTER), { code: 'DIRECTORY_REFUSED' })
  await people.hold([one.id], 'admin', { ...meant, includesProtected: true })
  await people.release([one.id], 'admin', TESTER)

  tenant.tenant.update(one.externalId, { accountEnabled: false })
  tenant.tenant.delete(other.externalId)
  await engine.run({ signal: never })
  await engine.run({ signal: never, isFull: true })
  for (const id of both) t.match(await people.read(id), { lifecycle: 'staged', holds: [] })
  const kinds = (await waitingOf(registry, sourceId)).map(({ kind }) => kind)
  t.same(kinds.toSorted(), ['person', 'suspension'])
  await approveAll(registry, sourceId)
  await engine.run({ signal: never })
  t.match(await people.read(one.id), { holds: [{ reason: `source:${sourceId}` }] })
  t.match(await people.read(other.id), { lifecycle: 'deleted' })
})
