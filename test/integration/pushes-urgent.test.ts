import { sql } from 'kysely'
import t from 'tap'
import type { PrincipalId } from '../../src/directory/id.ts'
import { planPushes } from '../../src/provisioning/desired.ts'
import type { Claim } from '../../src/provisioning/push-store.ts'
import { DEFAULT_SCOPE } from '../../src/sources/judge-people.ts'
import { SyncEngine } from '../../src/sources/sync.ts'
import { PostgresPeopleStore } from '../../src/storage/people-store.ts'
import { PostgresPushStore } from '../../src/storage/push-store.ts'
import { PostgresSyncStore } from '../../src/storage/sync-store.ts'
import { testDatabase } from '../support/database.ts'
import { aPerson, connectFake, FakeSource } from '../support/fake-source.ts'
import { never, TESTER } from '../support/sync.ts'

const PEOPLE = Array.from({ length: 40 }, (_, at) => aPerson(`p${at}`))
const AT_ONCE = 5

await t.test('whoever is cut off is written before all who only wait', async (t) => {
  const db = await testDatabase(t)
  const source = new FakeSource()
  const { sourceId } = await connectFake(db, source)
  await sql`update source set config = config || '{"tier": "write-back"}'`.execute(db.kysely)
  source.says('people', PEOPLE)
  await new SyncEngine({
    source,
    store: new PostgresSyncStore(db),
    sourceId,
    scope: DEFAULT_SCOPE,
  }).run({ signal: never })
  await sql`update principal set lifecycle = 'active' where kind = 'person'`.execute(db.kysely)
  const { rows } = await sql<{ id: PrincipalId; username: string }>`
    select id, username from person`.execute(db.kysely)
  const idOf = (username: string) =>
    rows.find((row) => row.username === username)?.id as PrincipalId
  const people = new PostgresPeopleStore(db)
  const pushes = new PostgresPushStore(db)
  const mark = async () => {
    await sql`select stamp()`.execute(db.kysely)
    while (await pushes.markChanged(sourceId));
  }
  const namesIn = (claims: readonly Claim[]) =>
    claims.map(({ principalId }) => rows.find(({ id }) => id === principalId)?.username)
  await mark()
  for (const { id } of rows) await people.edit(id, { jobTitle: 'Clerk' }, TESTER)
  await mark()
  await people.hold([idOf('p39')], 'admin', { actor: TESTER, note: null })
  await people.delete([idOf('p38')], TESTER)
  await mark()

  const claims = await pushes.claim(sourceId, AT_ONCE)
  t.equal(claims.length, AT_ONCE)
  t.ok(namesIn(claims).includes('p39'), 'suspended')
  t.ok(namesIn(claims).includes('p38'), 'deleted')

  for (const claim of claims) await pushes.release(claim, 0)
  const again = await pushes.claim(sourceId, 2)
  t.same(new Set(namesIn(again)), new Set(['p38', 'p39']), 'and when it has to be tried again')

  for (const claim of again) {
    for (const planned of planPushes(claim.subject)) {
      t.equal(await pushes.begin(claim, planned), 'begun')
      await pushes.settle(claim, planned, { status: 'written' })
    }
    await pushes.release(claim, null)
  }
  await people.edit(idOf('p39'), { jobTitle: 'Former clerk' }, TESTER)
  await mark()
  t.notOk(namesIn(await pushes.claim(sourceId, 2)).includes('p39'), 'cut off already, she waits')
})
