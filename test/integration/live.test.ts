import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import type { SourceHealthStatus, SourceLive, SourceStatus } from '../../src/admin/parts.ts'
import { control } from '../support/control.ts'
import { type DaemonProcess, startDaemonProcess } from '../support/daemon-process.ts'
import { databaseFor } from '../support/database-for.ts'
import { freePort } from '../support/free-port.ts'
import { callsSeen, documentedCalls } from '../support/graph-calls.ts'
import { type Body, connectionOf, Microsoft365Bench } from '../support/microsoft365.ts'

const READ = ['User.Read.All', 'GroupMember.Read.All']
const root = t
const { folder, env } = await databaseFor(t, 'live')
const port = await freePort()
const shared = { ...env, GATEHOUSE_PUBLIC_URL: `https://localhost:${port}` }
const bench = await Microsoft365Bench.startFor(t, { people: 20, groups: 3, permissions: READ })
const { simulator } = bench
/** Of the daemon that the internet reaches. */
let ca = ''
/** Reads from the tenant; the internet does not reach it. */
const leader = await startDaemonProcess(t, {
  dataDir: join(folder, 'leader'),
  env: shared,
  args: ['--migrate'],
})
await leader.api.send('POST', '/sources/microsoft365', connectionOf(simulator))
await leader.api.send('POST', '/sources/contoso/sync', {})

let follower: DaemonProcess | null = null
/** But for whose rounds they are, and the moment of the next, which is a plan. */
const toldBy = (rounds: SourceHealthStatus['rounds'] | undefined) => ({
  ...rounds,
  isHere: null,
  nextAt: null,
})
const health = () => leader.api.get<SourceHealthStatus>('/sources/contoso/health')
const setLive = (on: boolean) => leader.api.send<SourceLive>('PUT', '/sources/contoso/live', { on })
const subscriptions = async (): Promise<Body[]> =>
  (await bench.control('GET', '/subscriptions')).body.subscriptions

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 40_000
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error(`not in time: ${what}`)
    await sleep(50)
  }
}

const rename = (displayName: string) =>
  control(simulator.controlUrl, 'POST', '/changes', {
    ...{ op: 'update', id: 'lee.gu@contoso.example', properties: { displayName } },
  })
const shows = (displayName: string) => async () =>
  (await leader.api.get<{ displayName: string }>('/people/lee.gu')).displayName === displayName
const failure = (live: SourceLive, stream: string) =>
  live.subscriptions.find((each) => each.stream === stream)

await t.test('without it everything comes by the schedule, and health says why', async (t) => {
  t.match(await health(), {
    source: 'contoso',
    state: 'active',
    nextStep: null,
    rounds: { isHere: true, last: { ok: true, hinted: false }, faultsInRow: 0, lastError: null },
    token: { expiresAt: /^20/ },
    credential: { kind: 'secret' },
    throttle: { throttled: 0, lastRetryAfterSeconds: null },
    live: {
      isOn: false,
      mode: 'by-schedule',
      why: /source set-live contoso on/,
      subscriptions: [],
    },
  })
  const { lagSeconds, throttle } = await health()
  t.ok(lagSeconds !== null && lagSeconds < 60)
  t.ok((throttle?.requests ?? 0) > 2)
})

await t.test('self-test: what the tenant found when it tried to reach us, in words', async (t) => {
  const live = await setLive(true)
  t.match(live, { isOn: true, mode: 'by-schedule' })
  t.match(failure(live, 'people'), {
    state: 'failed',
    error: /could not reach localhost:\d+/,
    nextStep: /public DNS.*reachable from the internet/,
  })
  t.match(failure(live, 'groups'), {
    state: 'failed',
    error: /does not let the application be told of groups/,
    nextStep: /grant the application Group\.Read\.All.*by the schedule/,
  })
  t.match((await health()).nextStep, /Group\.Read\.All|public DNS/)
  await rename('Lee By Schedule')
  await leader.api.send('POST', '/sources/contoso/sync', {})
  t.ok(await shows('Lee By Schedule')(), 'rounds go on')
})

await t.test('a certificate that the tenant does not trust is named as such', async (t) => {
  const dataDir = join(folder, 'follower')
  const listen = { GATEHOUSE_HTTPS_LISTEN: `127.0.0.1:${port}` }
  follower = await startDaemonProcess(root, { dataDir, env: { ...shared, ...listen } })
  ca = readFileSync(join(dataDir, 'ca.pem'), 'utf8')
  const live = await setLive(true)
  t.match(failure(live, 'people'), {
    error: /does not trust the TLS certificate of localhost/,
    nextStep: /public CA/,
  })
})

await t.test(
  'subscribed through a daemon that follows, one permission after the other',
  async (t) => {
    simulator.settings.change({ notifications: { ca } })
    const partly = await setLive(true)
    t.equal(partly.mode, 'partly')
    t.match(failure(partly, 'people'), { state: 'active', error: null })
    await bench.control('PATCH', '/application', {
      permissions: [...READ, 'Group.Read.All'],
    })
    const whole = await setLive(true)
    t.equal(whole.mode, 'by-notification')
    t.equal((await subscriptions()).length, 2)
    t.match((await health()).live, { mode: 'by-notification', why: null })
    const text = JSON.stringify([await health(), await subscriptions()])
    t.notOk(/clientState":"/.test(text), 'the proof is shown nowhere')
  },
)

await t.test('a change is here within seconds: the follower has woken the leader', async (t) => {
  await rename('Lee Notified')
  await until('the change', shows('Lee Notified'))
  await until('its round', async () => (await health()).rounds.last?.hinted === true)
  t.match((await health()).rounds, { last: { ok: true }, faultsInRow: 0, lastError: null })
  await until('the same on the daemon that follows', async () => {
    const own = await follower?.api.get<SourceHealthStatus>('/sources/contoso/health')
    const theirs = await health()
    return isDeepStrictEqual(toldBy(own?.rounds), toldBy(theirs.rounds))
  })
  const [listed] = (await follower?.api.get<{ sources: SourceStatus[] }>('/sources'))?.sources ?? []
  t.match(listed, { lastError: null, nextStep: null })
  await until('heard', async () =>
    (await health()).live.subscriptions.some(({ lastNotifiedAt }) => lastNotifiedAt !== null),
  )
})

await t.test('10,000 notifications make a few rounds, and each is taken at once', async (t) => {
  const before = callsSeen(simulator).filter(({ template }) => template === '/users/delta').length
  const { posts } = simulator.delivery.counts
  simulator.settings.change({ notifications: { batch: 20, duplicateShare: 0.2, isShuffled: true } })
  await bench.control('POST', '/notification-storm', { count: 5_000 })
  await rename('Lee After The Storm')
  await until('the change', shows('Lee After The Storm'))
  await until('the end of the storm', async () => {
    const { due, delivered, dropped } = simulator.delivery.counts
    return delivered + dropped >= due
  })
  t.ok(simulator.delivery.counts.posts - posts > 400, 'there were many')
  t.equal(simulator.delivery.counts.dropped, 0)
  const rounds =
    callsSeen(simulator).filter(({ template }) => template === '/users/delta').length - before
  t.ok(rounds >= 1 && rounds <= 12, `${rounds} rounds`)
  simulator.settings.change({ notifications: { batch: 100, duplicateShare: 0, isShuffled: false } })
})

await t.test(
  'lifecycle: authorized again, made anew when removed, read whole when missed',
  async (t) => {
    const say = (event: string, id: unknown) =>
      bench.control('POST', '/lifecycle-events', { event, id })
    const [first, second] = await subscriptions()
    await say('reauthorizationRequired', first.id)
    await until('authorized again', async () =>
      callsSeen(simulator).some(
        ({ template, status }) => template === '/subscriptions/{id}/reauthorize' && status === 204,
      ),
    )
    await say('subscriptionRemoved', second.id)
    await until('made anew', async () => {
      const ids = (await subscriptions()).map(({ id }) => id)
      return ids.length === 2 && !ids.includes(second.id)
    })
    await until('read whole', async () =>
      (await health()).rounds.streams.some(({ mode }) => mode === 'full'),
    )
    t.equal((await health()).live.mode, 'by-notification')
  },
)

await t.test('what anybody may send: answered alike, and nothing comes of it', async (t) => {
  const [{ notificationUrl }] = await subscriptions()
  const own = new URL(notificationUrl)
  const elsewhere = own.href.replace(/[0-9a-f]{12}$/, '000000000000')
  const forged = { value: [{ clientState: 'a guess', changeType: 'updated' }] }
  const before = (await health()).rounds.last?.startedAt
  const post = (url: string, body: string, type = 'application/json') =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const sent = request(url, { method: 'POST', ca, headers: { 'content-type': type } })
      sent.on('error', reject)
      sent.on('response', (message) => {
        const chunks: Buffer[] = []
        message.on('data', (chunk: Buffer) => chunks.push(chunk))
        message.on('end', () =>
          resolve({ status: message.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
        )
      })
      sent.end(body)
    })
  for (const [url, body] of [
    [own.href, JSON.stringify(forged)],
    [elsewhere, JSON.stringify(forged)],
    [own.href, 'no JSON'],
    [own.href, '['.repeat(100_000)],
    [`${own.origin}/hooks/microsoft365/x/y`, '{}'],
  ] as const)
    t.same(await post(url, body), { status: 202, text: '' }, body.slice(0, 20))
  t.equal((await post(own.href, 'x'.repeat(600_000))).status, 413)
  for (const url of [own.href, elsewhere])
    t.same(
      await post(`${url}?validationToken=${encodeURIComponent('<b>me</b>')}`, ''),
      { status: 404, text: '' },
      'nobody subscribes us to anything',
    )
  await sleep(1_500)
  t.equal((await health()).rounds.last?.startedAt, before, 'no round came of it')
})

await t.test('paused, switched off, disconnected: nothing is left at Microsoft', async (t) => {
  await leader.api.send('POST', '/sources/contoso/pause', {})
  await until('ended', async () => (await subscriptions()).length === 0)
  t.match((await health()).live, { mode: 'by-schedule', why: 'the source is paused' })
  await leader.api.send('POST', '/sources/contoso/resume', {})
  await until('there again', async () => (await subscriptions()).length === 2)
  await setLive(false)
  t.same(await subscriptions(), [])
  await setLive(true)
  t.equal((await subscriptions()).length, 2)
  await leader.api.send('POST', '/sources/contoso/disconnect', { people: 'keep' })
  t.same(await subscriptions(), [])
})

await t.test('each call is documented, with a permission that allows it', (t) => {
  const live = documentedCalls().filter(({ tier }) => tier === 'live')
  const seen = callsSeen(simulator).filter(({ template }) => template?.startsWith('/subscriptions'))
  const made = new Set(seen.map(({ method, template }) => `${method} ${template}`))
  t.same(made, new Set(live.map(({ call }) => call)))
  for (const { method, template, permission, status } of seen)
    if (status < 400)
      t.ok(
        live
          .find(({ call }) => call === `${method} ${template}`)
          ?.permissions.includes(permission ?? ''),
        `${method} ${template} by ${permission}`,
      )
  t.end()
})
