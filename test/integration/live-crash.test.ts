import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { ClientStates } from '../../src/sources/microsoft365/live/client-state.ts'
import { SubscriptionKeeper } from '../../src/sources/microsoft365/live/keeper.ts'
import { SubscriptionCalls } from '../../src/sources/microsoft365/live/subscription-calls.ts'
import { PostgresSubscriptionStore } from '../../src/storage/subscription-store.ts'
import { testDatabase } from '../support/database.ts'
import { configOf, connect, KEYS, never, secretOf, TESTER, testTenant } from '../support/sync.ts'
import { webhookEndpoint } from '../support/webhook-endpoint.ts'

const HOUR_MS = 3_600_000

async function rigFor(t: Test) {
  const db = await testDatabase(t)
  const permissions = ['User.Read.All', 'Group.Read.All']
  const tenant = await testTenant(t, { people: 6, groups: 2, permissions })
  const endpoint = await webhookEndpoint(t)
  tenant.settings.change({ notifications: { ca: endpoint.caPem } })
  const { registry, sourceId } = await connect(tenant, db)
  const change = { config: { isLive: true }, startsPushing: false, detail: {} }
  await registry.configure(sourceId, { ...change, decision: 'source.live-set' }, TESTER)
  const store = new PostgresSubscriptionStore(db)
  const states = new ClientStates([KEYS.current.secret])
  const keeper = new SubscriptionKeeper({
    ...{ registry, store, states, isLeader: () => true, publicUrl: endpoint.url, compareMs: 0 },
    nowMs: () => tenant.clock.nowMs(),
  })
  const calls = new SubscriptionCalls({ config: configOf(tenant), secret: secretOf(tenant) })
  const create = (url: string) => {
    const asked = { url, clientState: 'x', expiresAtMs: tenant.clock.nowMs() + HOUR_MS }
    return calls.create('people', asked, never)
  }
  const urls = () => tenant.subscriptions.list(null).map(({ notificationUrl }) => notificationUrl)
  return { tenant, sourceId, store, keeper, create, urls }
}

await t.test('died between the answer and the commit: it is taken over', async (t) => {
  const { sourceId, store, keeper, create, urls } = await rigFor(t)
  const id = randomUUID()
  const url = keeper.addressOf(sourceId, id)
  await store.begin({ id, sourceId, stream: 'people', url }, 0)
  t.match(await create(url), { kind: 'ok' })
  await keeper.look()
  const rows = await store.list()
  t.match(
    rows.find(({ stream }) => stream === 'people'),
    { id, state: 'active' },
  )
  t.same(new Set(urls()), new Set(rows.map((row) => row.url)), 'and there is no other')
})

await t.test('one that no row knows is ended, one that vanished is made anew', async (t) => {
  const { tenant, sourceId, store, keeper, create, urls } = await rigFor(t)
  await create(keeper.addressOf(sourceId, randomUUID()))
  await keeper.look()
  const rows = await store.list()
  t.equal(rows.length, 2)
  t.same(new Set(urls()), new Set(rows.map((row) => row.url)))
  tenant.advance(10 * 24 * HOUR_MS)
  t.same(urls(), [])
  await keeper.look()
  t.same(new Set(urls()), new Set((await store.list()).map((row) => row.url)))
  t.equal(urls().length, 2)
})
