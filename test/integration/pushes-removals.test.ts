import { sql } from 'kysely'
import t, { type Test } from 'tap'
import type { GroupId, PrincipalId } from '../../src/directory/id.ts'
import { type Planned, planPushes } from '../../src/provisioning/desired.ts'
import type { Begun, Claim, Settled } from '../../src/provisioning/push-store.ts'
import { WINDOW_MINIMUM } from '../../src/sources/guard.ts'
import { DEFAULT_SCOPE } from '../../src/sources/judge-people.ts'
import { SyncEngine } from '../../src/sources/sync.ts'
import type { Database } from '../../src/storage/connection.ts'
import { PostgresGroupStore } from '../../src/storage/group-store.ts'
import { PostgresPushStore } from '../../src/storage/push-store.ts'
import { PostgresSyncStore } from '../../src/storage/sync-store.ts'
import { Crasher } from '../support/crash.ts'
import { testDatabase } from '../support/database.ts'
import { aGroup, aPerson, connectFake, FakeSource } from '../support/fake-source.ts'
import { never, TESTER } from '../support/sync.ts'

/** More than may leave a group within a day unasked. */
const LEAVING = WINDOW_MINIMUM + 5

/** A group that is decided on here, and which many have left here, and not yet there. */
async function rig(t: Test, db?: Database) {
  const database = db ?? (await testDatabase(t))
  const source = new FakeSource()
  const { sourceId } = await connectFake(database, source)
  await sql`update source set config = config || '{"tier":"write-back","extras":["groups"]}'`.execute(
    database.kysely,
  )
  const everybody = Array.from({ length: LEAVING + 3 }, (_, n) => aPerson(`p${n}`))
  source.says('people', everybody)
  source.says('groups', [
    aGroup(
      'g',
      everybody.map(({ externalId }) => externalId),
    ),
  ])
  const store = new PostgresSyncStore(database)
  await new SyncEngine({ source, store, sourceId, scope: DEFAULT_SCOPE }).run({ signal: never })
  await sql`update principal set lifecycle = 'active' where kind = 'person'`.execute(
    database.kysely,
  )
  const { rows: groups } = await sql<{ id: GroupId }>`
    select group_id as id from source_link where object_kind = 'group'`.execute(database.kysely)
  const [{ id: groupId } = missing()] = groups
  const { rows: leaving } = await sql<{ id: PrincipalId }>`
    select id from person order by username limit ${LEAVING}`.execute(database.kysely)
  const ids = leaving.map(({ id }) => id)
  const groupStore = new PostgresGroupStore(database)
  const pushes = new PostgresPushStore(database)
  while (await pushes.markChanged(sourceId));
  await groupStore.setMaster(groupId, 'here', TESTER)
  await groupStore.removeMembers(groupId, ids, TESTER)
  return { database, sourceId, groupId, ids, pushes, groups: groupStore }
}

function missing(): never {
  throw new Error('there is no group')
}

type Rig = Awaited<ReturnType<typeof rig>>

/** As a pusher does, whose claims have all run out. */
async function claimAll({ database, pushes, sourceId, ids }: Rig): Promise<readonly Claim[]> {
  await sql`
    insert into push_dirty (source_id, principal_id)
    select ${sourceId}::uuid, id from unnest(${ids}::uuid[]) as asked (id)
    on conflict (source_id, principal_id) do update set due_at = clock_timestamp(),
      claimed_until = null`.execute(database.kysely)
  return await pushes.claim(sourceId, ids.length)
}

function removalOf({ subject }: Claim): Planned {
  const planned = planPushes(subject).find(({ write }) => write.attribute === 'member:g')
  if (planned === undefined || planned.refusal !== null) throw new Error('no removal is planned')
  return planned
}

async function beginAll(rigged: Rig, settled: (begun: Begun) => Settled | null): Promise<Begun[]> {
  const all: Begun[] = []
  for (const claim of await claimAll(rigged)) {
    const planned = planPushes(claim.subject).find(({ write }) => write.attribute === 'member:g')
    if (planned === undefined) continue
    const begun = await rigged.pushes.begin(claim, planned)
    all.push(begun)
    const settles = typeof begun === 'object' ? held(begun.waits) : settled(begun)
    if (settles !== null) await rigged.pushes.settle(claim, planned, settles)
  }
  return all
}

const held = (reason: string): Settled => ({ status: 'refused', reason })

async function countsIn(db: Database) {
  const { rows } = await sql<{ removed: number; people: number; approved: number }>`
    select (select count(*)::integer from removal where kind = 'membership') as removed,
      (select count(distinct subject)::integer from removal where kind = 'membership') as people,
      (select removals_approved from source_link where object_kind = 'group') as approved`.execute(
    db.kysely,
  )
  return rows[0]
}

const many = (all: readonly Begun[], what: 'begun' | 'waits') =>
  all.filter((begun) => (typeof begun === 'object' ? 'waits' : begun) === what).length

await t.test('one approval is one removal, whatever becomes of it there', async (t) => {
  const rigged = await rig(t)
  const { database, groups, groupId } = rigged
  const first = await beginAll(rigged, () => ({ status: 'written' }))
  t.equal(many(first, 'begun'), WINDOW_MINIMUM)
  t.equal(many(first, 'waits'), 5)
  t.same(await countsIn(database), { removed: 20, people: 20, approved: 0 })

  await groups.approveRemovals(groupId, 5, TESTER)
  const refused = { status: 'refused', reason: 'not-allowed: a role is missing' } as const
  t.equal(many(await beginAll(rigged, () => refused), 'begun'), 5)
  t.same(await countsIn(database), { removed: 25, people: 25, approved: 0 })
  t.equal(many(await beginAll(rigged, () => refused), 'begun'), 5, 'tried again, still approved')
  t.same(await countsIn(database), { removed: 25, people: 25, approved: 0 })
  t.equal(many(await beginAll(rigged, () => ({ status: 'written' })), 'begun'), 5)
  t.same(await countsIn(database), { removed: 25, people: 25, approved: 0 })
})

await t.test('after a restore, those that had waited wait on', async (t) => {
  const rigged = await rig(t)
  const { database, pushes, sourceId } = rigged
  await beginAll(rigged, () => ({ status: 'written' }))
  // As a restore leaves them all, and an admin has them looked at again.
  await sql`update push set status = 'contested', reason = 'restored'`.execute(database.kysely)
  t.equal(await pushes.retryRefused(sourceId), LEAVING)
  const again = await beginAll(rigged, () => ({ status: 'written' }))
  t.equal(many(again, 'begun'), WINDOW_MINIMUM, 'what had been begun is counted already')
  t.equal(many(again, 'waits'), 5)
  t.same(await countsIn(database), { removed: 20, people: 20, approved: 0 })
})

await t.test('a claim that is lost costs nothing', async (t) => {
  const rigged = await rig(t)
  const { database, pushes } = rigged
  const early = await claimAll(rigged)
  await claimAll(rigged)
  for (const claim of early) t.equal(await pushes.begin(claim, removalOf(claim)), 'lost')
  t.same(await countsIn(database), { removed: 0, people: 0, approved: 0 })
})

await t.test('killed at any statement, each removal is counted once', async (t) => {
  for (const isAfter of [false, true]) {
    const database = await testDatabase(t)
    const crasher = new Crasher(database)
    const rigged = await rig(t, database)
    await beginAll(rigged, () => ({ status: 'written' }))
    await rigged.groups.approveRemovals(rigged.groupId, 5, TESTER)
    let crashes = 0
    let begun = 0
    for (let statements = 0; begun < 5; statements++) {
      const claims = (await claimAll(rigged)).filter(({ subject }) => isUnbegun(subject))
      crasher.arm(statements % 12, { isAfter })
      const [claim] = claims
      if (claim === undefined) break
      await rigged.pushes.begin(claim, removalOf(claim)).catch(() => {})
      if (crasher.restart()) crashes += 1
      begun = await countSending(database)
      const { removed, people, approved } = (await countsIn(database)) ?? missing()
      t.same(
        { removed, people, approved },
        { removed: 20 + begun, people: 20 + begun, approved: 5 - begun },
      )
    }
    t.ok(crashes > 5, `killed ${crashes} times`)
    t.equal(many(await beginAll(rigged, () => ({ status: 'written' })), 'begun'), 5, 'and goes on')
    t.same(await countsIn(database), { removed: 25, people: 25, approved: 0 })
  }
})

function isUnbegun({ pushes }: Claim['subject']): boolean {
  return pushes.some(({ attribute, status }) => attribute === 'member:g' && status === 'refused')
}

async function countSending({ kysely }: Database): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    select count(*)::integer as n from push where status = 'sending'`.execute(kysely)
  return rows[0]?.n ?? 0
}
