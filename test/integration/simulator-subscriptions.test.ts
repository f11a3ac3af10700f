import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { type Body, Microsoft365Bench, type Reply } from '../support/microsoft365.ts'
import { obliging, type WebhookEndpoint, webhookEndpoint } from '../support/webhook-endpoint.ts'

const MINUTE_MS = 60_000
const STATE = 'a secret of the subscriber'
const READERS = ['User.Read.All', 'Group.Read.All']

interface Rig {
  readonly bench: Microsoft365Bench
  readonly endpoint: WebhookEndpoint
  subscribe(given?: Readonly<Record<string, unknown>>): Promise<Reply>
  /** Notifications that have come, in order, once there are at least `count`. */
  notified(count: number): Promise<Body[]>
  /** Waits until so many were delivered, and so many dropped. */
  counted(delivered: number, dropped: number): Promise<void>
}

async function rigFor(t: Test, permissions = READERS): Promise<Rig> {
  const bench = await Microsoft365Bench.startFor(t, { people: 12, groups: 3, permissions })
  const endpoint = await webhookEndpoint(t)
  bench.simulator.settings.change({ notifications: { ca: endpoint.caPem, retryMs: 5 } })
  const json = (given: object) => ({
    changeType: 'updated,deleted',
    notificationUrl: `${endpoint.url}/changes?of=contoso`,
    lifecycleNotificationUrl: `${endpoint.url}/lifecycle`,
    resource: 'users',
    expirationDateTime: new Date(bench.simulator.clock.nowMs() + 60 * MINUTE_MS).toISOString(),
    clientState: STATE,
    ...given,
  })
  const told = () =>
    endpoint.got.flatMap(({ token, body }) => (token === null ? JSON.parse(body).value : []))
  return {
    bench,
    endpoint,
    subscribe: (given = {}) => bench.graph('/subscriptions', { method: 'POST', json: json(given) }),
    async notified(count) {
      const deadlineMs = performance.now() + 20_000
      while (told().length < count && performance.now() < deadlineMs) await sleep(5)
      return told()
    },
    async counted(delivered, dropped) {
      const { delivery } = bench.simulator
      const deadlineMs = performance.now() + 20_000
      const isSo = () =>
        delivery.counts.delivered === delivered && delivery.counts.dropped === dropped
      while (!isSo() && performance.now() < deadlineMs) await sleep(5)
    },
  }
}

const rename = (rig: Rig, displayName: string) =>
  rig.bench.control('POST', '/changes', {
    ...{ op: 'update', id: 'lee.gu@contoso.example', properties: { displayName } },
  })

await t.test('both endpoints are asked before there is a subscription', async (t) => {
  const rig = await rigFor(t)
  const created = await rig.subscribe()
  t.equal(created.status, 201)
  t.match(created.body, {
    resource: 'users',
    changeType: 'updated,deleted',
    applicationId: rig.bench.simulator.clientId,
    clientState: null,
    latestSupportedTlsVersion: 'v1_2',
  })
  t.same(
    rig.endpoint.got.map(({ path, body }) => [path, body]),
    [
      ['/changes', ''],
      ['/lifecycle', ''],
    ],
  )
  t.match(rig.endpoint.got[0]?.token, /^Validation: Testing client application reachability/)
  const listed = await rig.bench.graph('/subscriptions')
  t.same(
    listed.body.value.map(({ id }: Body) => id),
    [created.body.id],
  )
})

await t.test('an endpoint that does not answer for itself costs the subscription', async (t) => {
  const rig = await rigFor(t)
  const cases: readonly (readonly [WebhookEndpoint['answer'], RegExp])[] = [
    [() => ({ status: 404 }), /'404'.*must respond with 200 OK/],
    [
      () => ({ status: 200, type: 'text/plain', body: 'something else' }),
      /not the validation token/,
    ],
    [({ token }) => ({ status: 200, type: 'text/html', body: token ?? '' }), /as plain text/],
  ]
  for (const [answer, message] of cases) {
    rig.endpoint.answer = answer
    const refused = await rig.subscribe()
    t.equal(refused.status, 400)
    t.equal(refused.body.error.code, 'ValidationError')
    t.match(refused.body.error.message, message)
  }
  rig.endpoint.answer = () => null
  rig.bench.simulator.settings.change({ notifications: { validationTimeoutMs: 100 } })
  t.match((await rig.subscribe()).body.error.message, /timed out/)
  rig.bench.simulator.settings.change({ notifications: { validationTimeoutMs: 10_000 } })
  rig.endpoint.answer = obliging
  rig.bench.simulator.settings.change({ notifications: { ca: '' } })
  t.match((await rig.subscribe()).body.error.message, /certificate/, 'a CA nobody knows')
  t.same((await rig.bench.graph('/subscriptions')).body.value, [])
})

await t.test('what Microsoft refuses is refused', async (t) => {
  const rig = await rigFor(t)
  const { clock } = rig.bench.simulator
  const at = (minutes: number) => new Date(clock.nowMs() + minutes * MINUTE_MS).toISOString()
  for (const given of [
    { clientState: 'x'.repeat(129) },
    { expirationDateTime: at(41_762) },
    { expirationDateTime: at(-1) },
    { expirationDateTime: undefined },
    { notificationUrl: 'http://127.0.0.1/changes' },
    { changeType: 'created' },
    { resource: 'me/messages' },
    { resource: 'users/members' },
    { latestSupportedTlsVersion: 'v2_0' },
    { shoeSize: 44 },
  ]) {
    const refused = await rig.subscribe(given)
    t.equal(refused.status, 400, JSON.stringify(given).slice(0, 60))
  }
  t.equal(rig.endpoint.got.length, 0, 'nobody was asked')
  const short = await rig.subscribe({ expirationDateTime: at(5) })
  const minutes = (Date.parse(short.body.expirationDateTime) - clock.nowMs()) / MINUTE_MS
  t.ok(minutes > 44 && minutes <= 45, 'a short one is made longer')
})

await t.test('permissions: User.Read.All for users, Group.Read.All for groups', async (t) => {
  const rig = await rigFor(t, ['User.Read.All', 'GroupMember.Read.All'])
  t.equal((await rig.subscribe()).status, 201)
  const refused = await rig.subscribe({ resource: 'groups' })
  t.equal(refused.status, 403)
  t.equal(refused.body.error.code, 'Authorization_RequestDenied')
  t.equal(rig.endpoint.got.length, 2, 'no endpoint was asked for what is not allowed')
})

await t.test('the limit of subscriptions, and their end on the tenant’s clock', async (t) => {
  const rig = await rigFor(t)
  rig.bench.simulator.settings.change({ notifications: { maxPerApplication: 1 } })
  const { id } = (await rig.subscribe()).body
  t.equal((await rig.subscribe()).status, 403)
  const later = new Date(rig.bench.simulator.clock.nowMs() + 90 * MINUTE_MS).toISOString()
  const renewed = await rig.bench.graph(`/subscriptions/${id}`, {
    method: 'PATCH',
    json: { expirationDateTime: later },
  })
  t.match([renewed.status, renewed.body.expirationDateTime], [200, later])
  t.equal(
    (
      await rig.bench.graph(`/subscriptions/${id}`, {
        method: 'PATCH',
        json: { lifecycleNotificationUrl: 'https://elsewhere.example' },
      })
    ).status,
    400,
    'it cannot be added later',
  )
  rig.bench.simulator.advance(91 * MINUTE_MS)
  t.equal((await rig.bench.graph(`/subscriptions/${id}`)).status, 404)
  t.equal((await rig.subscribe()).status, 201)
})

await t.test('changes are told: that, and of whom', async (t) => {
  const rig = await rigFor(t)
  const { id } = (await rig.subscribe()).body
  await rig.subscribe({ resource: 'groups', lifecycleNotificationUrl: undefined })
  await rename(rig, 'Lee G.')
  const lee = rig.bench.user('lee.gu')
  const [first] = await rig.notified(1)
  t.match(first, {
    subscriptionId: id,
    changeType: 'updated',
    clientState: STATE,
    resource: `Users/${lee}`,
    tenantId: rig.bench.simulator.tenantId,
    resourceData: { '@odata.type': '#Microsoft.Graph.User', id: lee },
  })
  t.notOk(JSON.stringify(first).includes('Lee G.'), 'values are never told')
  const group = rig.bench.simulator.tenant.all('group')[0]?.id
  await rig.bench.control('POST', '/changes', [
    { op: 'addMembers', id: group, memberIds: [lee] },
    { op: 'removeMembers', id: group, memberIds: [lee] },
    { op: 'delete', id: lee },
    { op: 'purge', id: lee },
  ])
  t.same(
    (await rig.notified(5))
      .slice(1)
      .map(({ resource, changeType }) => [resource, changeType])
      .toSorted((a, b) => (String(a) < String(b) ? -1 : 1)),
    [
      [`Groups/${group}`, 'updated'],
      [`Groups/${group}`, 'updated'],
      [`Users/${lee}`, 'deleted'],
      [`Users/${lee}`, 'updated'],
    ],
  )
  await rig.bench.graph(`/subscriptions/${id}`, { method: 'DELETE' })
  t.equal((await rig.bench.control('GET', '/subscriptions')).body.subscriptions.length, 1)
})

await t.test('a failed delivery is repeated, and given up in the end', async (t) => {
  const rig = await rigFor(t)
  await rig.subscribe()
  let refusals = 2
  rig.endpoint.answer = () => ({ status: refusals-- > 0 ? 503 : 202 })
  await rename(rig, 'Lee One')
  await rig.counted(1, 0)
  t.match(rig.bench.simulator.delivery.counts, { due: 1, delivered: 1, dropped: 0, posts: 3 })

  rig.bench.simulator.settings.change({ notifications: { giveUpMs: 1 } })
  rig.endpoint.answer = () => ({ status: 500 })
  await rename(rig, 'Lee Two')
  await rig.counted(1, 1)
  t.match(rig.bench.simulator.delivery.counts, { due: 2, delivered: 1, dropped: 1 })
})

await t.test('twice, never, and in batches, as it is told', async (t) => {
  const rig = await rigFor(t)
  await rig.subscribe()
  const before = rig.endpoint.got.length
  rig.bench.simulator.settings.change({ notifications: { duplicateShare: 1, lagMs: 20, batch: 3 } })
  await rig.bench.control('POST', '/notification-storm', { count: 5 })
  t.equal((await rig.notified(10)).length, 10)
  await rig.counted(10, 0)
  t.equal(rig.endpoint.got.length - before, 4)
  rig.bench.simulator.settings.change({ notifications: { duplicateShare: 0, lossShare: 1 } })
  await rig.bench.control('POST', '/notification-storm', { count: 5 })
  t.match(rig.bench.simulator.delivery.counts, { due: 15, delivered: 10, dropped: 5 })
})

await t.test('an endpoint that is slow too often is told late, then nothing', async (t) => {
  const rig = await rigFor(t)
  await rig.subscribe()
  rig.bench.simulator.settings.change({ notifications: { slowMs: -1, batch: 1 } })
  await rig.bench.control('POST', '/notification-storm', { count: 110 })
  await rig.counted(110, 0)
  await rename(rig, 'Lee Unheard')
  await rig.counted(110, 1)
  t.equal(rig.bench.simulator.delivery.counts.dropped, 1)
})

await t.test('lifecycle: what needs authorizing is silent until it has been', async (t) => {
  const rig = await rigFor(t)
  const { id } = (await rig.subscribe()).body
  await rig.bench.control('POST', '/lifecycle-events', { event: 'reauthorizationRequired', id })
  t.match((await rig.notified(1))[0], {
    lifecycleEvent: 'reauthorizationRequired',
    subscriptionId: id,
    clientState: STATE,
  })
  await rename(rig, 'Lee Unheard')
  t.equal(rig.bench.simulator.delivery.counts.due, 1)
  const done = await rig.bench.graph(`/subscriptions/${id}/reauthorize`, { method: 'POST' })
  t.equal(done.status, 204)
  await rename(rig, 'Lee Heard')
  t.equal((await rig.notified(2)).length, 2)

  await rig.bench.control('POST', '/lifecycle-events', { event: 'subscriptionRemoved', id })
  t.match((await rig.notified(3))[2], { lifecycleEvent: 'subscriptionRemoved' })
  t.equal((await rig.bench.graph(`/subscriptions/${id}`)).status, 404)
})
