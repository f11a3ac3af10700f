import t from 'tap'
import { parseFaultRule } from '../../simulators/microsoft365/faults/fault-rule.ts'
import { documentedQuota } from '../../simulators/microsoft365/faults/throttle.ts'
import { type Body, Microsoft365Bench } from '../support/microsoft365.ts'

const bench = await Microsoft365Bench.start({ people: 450, groups: 40 })
t.teardown(() => bench.stop())
const { simulator } = bench
const USERS = '/users/delta?$select=displayName'
const GROUPS = '/groups/delta?$select=displayName,members'

/** Puts faults in force for one test. */
async function inject(
  t: { teardown(undo: () => Promise<unknown>): void },
  ...rules: object[]
): Promise<void> {
  const { status, text } = await bench.control('POST', '/faults', rules)
  if (status !== 200) throw new Error(text)
  t.teardown(() => bench.control('DELETE', '/faults'))
}

async function set(
  t: { teardown(undo: () => Promise<unknown>): void },
  settings: object,
): Promise<void> {
  const { status, text } = await bench.control('PATCH', '/settings', settings)
  if (status !== 200) throw new Error(text)
  t.teardown(() => bench.control('DELETE', '/settings'))
}

await t.test(
  'status: any status, with Retry-After in seconds, as a date, or without, so many times',
  async (t) => {
    await inject(t, {
      fault: 'status',
      status: 429,
      retryAfterSeconds: 7,
      times: 1,
      path: '^/users',
    })
    const seconds = await bench.graph('/users')
    t.same(
      [seconds.status, seconds.body.error.code, seconds.headers['retry-after']],
      [429, 'TooManyRequests', '7'],
    )
    t.equal((await bench.graph('/users')).status, 200)
    await inject(t, {
      fault: 'status',
      status: 503,
      retryAfterSeconds: 60,
      retryAfterForm: 'http-date',
      times: 1,
      skip: 1,
    })
    t.equal((await bench.graph('/users')).status, 200)
    const dated = await bench.graph('/users')
    t.equal(dated.status, 503)
    const waitMs = Date.parse(String(dated.headers['retry-after'])) - Date.now()
    t.ok(waitMs > 50_000 && waitMs <= 60_000)
    await inject(t, { fault: 'status', status: 504, times: 1, isAfterWork: true })
    const late = await bench.graph('/users')
    t.same([late.status, late.headers['retry-after']], [504, undefined])
  },
)

await t.test('consent withdrawn in mid-sync: 403 at Graph, or 401', async (t) => {
  const first = await bench.graph(USERS)
  await inject(
    t,
    { fault: 'status', status: 403, times: 1 },
    { fault: 'status', status: 401, times: 1, skip: 1 },
  )
  const next: string = first.body['@odata.nextLink']
  t.equal((await bench.graph(next)).body.error.code, 'Authorization_RequestDenied')
  t.equal((await bench.graph(next)).body.error.code, 'InvalidAuthenticationToken')
  t.equal((await bench.graph(next)).status, 200)
})

await t.test('the login service can fail too', async (t) => {
  await inject(t, { fault: 'status', status: 503, on: 'login', times: 1, retryAfterSeconds: 3 })
  const failed = await bench.signIn()
  t.same([failed.status, failed.body.error_codes], [503, [90033]])
  t.equal(failed.headers['retry-after'], '3')
  t.equal((await bench.signIn()).status, 200)
})

await t.test(
  'gone: 410 with the initial request and an empty $deltatoken in Location',
  async (t) => {
    const { deltaLink } = await bench.round(USERS)
    await inject(t, { fault: 'gone', path: 'deltatoken', times: 1 })
    const { status, headers } = await bench.graph(deltaLink)
    t.equal(status, 410)
    t.equal(
      headers.location,
      `${simulator.graphUrl}/v1.0/users/delta?$select=displayName&$deltatoken=`,
    )
    t.equal((await bench.round(String(headers.location))).objects.length, 450)
  },
)

await t.test('sync-state-not-found and page-token-expired', async (t) => {
  await inject(t, { fault: 'sync-state-not-found', times: 1 })
  const { deltaLink } = await bench.round(USERS)
  t.equal((await bench.graph(deltaLink)).body.error.code, 'syncStateNotFound')
  t.equal((await bench.graph(deltaLink)).status, 200)
  await inject(t, { fault: 'page-token-expired', times: 2 })
  for (const path of ['/users', USERS]) {
    const next: string = (await bench.graph(path)).body['@odata.nextLink']
    t.equal((await bench.graph(next)).body.error?.code, 'Directory_ExpiredPageToken', path)
  }
})

await t.test('next-link-loop: the same nextLink for ever, in delta and in lists', async (t) => {
  await inject(t, { fault: 'next-link-loop' })
  for (const path of [USERS, GROUPS, '/users']) {
    const second = (await bench.graph(path)).body['@odata.nextLink']
    const third = (await bench.graph(second)).body
    t.equal(third['@odata.nextLink'], second)
    t.equal(third['@odata.deltaLink'], undefined)
  }
})

await t.test(
  'empty: a tenant that claims to have nobody, without losing later changes',
  async (t) => {
    const { deltaLink } = await bench.round(USERS)
    simulator.tenant.update(bench.user('lee.gu'), { displayName: 'Lee G.' })
    await inject(t, { fault: 'empty', path: '^/users' })
    t.same((await bench.round(USERS)).objects, [])
    t.same((await bench.graph('/users')).body.value, [])
    t.equal(
      (await bench.graph('/users/$count', { headers: { consistencylevel: 'eventual' } })).text,
      '0',
    )
    const emptied = await bench.round(deltaLink)
    t.same(emptied.objects, [])
    await bench.control('DELETE', '/faults')
    t.match((await bench.round(emptied.deltaLink)).objects, [{ displayName: 'Lee G.' }])
  },
)

await t.test(
  'wire: truncated JSON, another content type, unasked gzip, a portal’s page',
  async (t) => {
    await inject(t, { fault: 'truncated-json', times: 1 })
    const truncated = await bench.graph('/users')
    t.equal(truncated.status, 200)
    t.throws(() => truncated.body, SyntaxError)
    await inject(t, { fault: 'wrong-content-type', times: 1 })
    const mistyped = await bench.graph('/users')
    t.match(mistyped.headers['content-type'], /text\/html/)
    t.equal(mistyped.body.value.length, 100)
    await inject(t, { fault: 'gzip', times: 1 })
    const zipped = await bench.graph('/users')
    t.equal(zipped.headers['content-encoding'], 'gzip')
    t.throws(() => zipped.body, SyntaxError)
    await inject(t, { fault: 'captive-portal', times: 1 })
    const portal = await bench.graph('/users')
    t.equal(portal.status, 200)
    t.match(portal.text, /<!doctype html>/)
  },
)

await t.test('wire: a reset in the middle of the body, a slow body, a delay', async (t) => {
  await inject(t, { fault: 'reset', times: 1 })
  await t.rejects(bench.graph('/users'), /aborted|ECONNRESET|socket hang up/)
  await inject(t, { fault: 'slow-body', chunkBytes: 4_096, ms: 20, times: 1 })
  const begin = performance.now()
  t.equal((await bench.graph('/users')).body.value.length, 100)
  t.ok(performance.now() - begin > 60)
  await inject(t, { fault: 'delay', ms: 80, times: 1 })
  const delayed = performance.now()
  await bench.graph('/users')
  t.ok(performance.now() - delayed >= 79)
  await set(t, { delayMs: 30 })
  const each = performance.now()
  await bench.graph('/users')
  t.ok(performance.now() - each >= 29)
})

await t.test(
  'throttling: units as documented, a warning near the quota, 429 above it',
  async (t) => {
    t.same([documentedQuota(49), documentedQuota(50), documentedQuota(501)], [3_500, 5_000, 8_000])
    const units: readonly [string, string][] = [
      ['/users', '2'],
      ['/users?$select=id', '1'],
      ['/users?$top=5', '1'],
      [`/groups/${bench.group('Sales')}/members`, '3'],
      [`/groups/${bench.group('Sales')}/transitiveMembers`, '5'],
      ['/users/delta', '1'],
    ]
    for (const [path, expected] of units)
      t.equal((await bench.graph(path)).headers['x-ms-resource-unit'], expected, path)
    await set(t, { throttling: { quota: 60, retryAfter: 'seconds' } })
    let warned = ''
    let refused = await bench.graph('/users')
    while (refused.status === 200) {
      warned = String(refused.headers['x-ms-throttle-limit-percentage'] ?? warned)
      refused = await bench.graph('/users')
    }
    t.match(warned, /^(0\.[89]\d|1\.00)$/)
    t.equal(refused.status, 429)
    t.equal(
      refused.headers['x-ms-throttle-scope'],
      `Tenant_Application/ReadWrite/${simulator.clientId}/${simulator.tenantId}`,
    )
    t.ok(Number(refused.headers['retry-after']) >= 1)
    await set(t, { throttling: { retryAfter: 'http-date' } })
    t.match((await bench.graph('/users')).headers['retry-after'], / GMT$/)
    await set(t, { throttling: { retryAfter: 'none' } })
    t.equal((await bench.graph('/users')).headers['retry-after'], undefined)
  },
)

await t.test(
  'duplicates, shuffles and empty pages leave the same people in the round',
  async (t) => {
    const plain = (await bench.round(USERS)).objects.map(({ id }) => id)
    await set(t, {
      shaping: { duplicates: 0.5, isShuffled: true, emptyPages: 0.7, deltaPageSize: 50 },
    })
    const { pages, objects } = await bench.round(USERS)
    const ids = objects.map(({ id }) => id)
    t.ok(ids.length > 500)
    t.same(new Set(ids), new Set(plain))
    t.not(ids.slice(0, 50).join(), plain.slice(0, 50).join())
    t.ok(pages.some((page) => page.length === 0))
  },
)

await t.test('a group’s members are split at any place, over entries and pages', async (t) => {
  const whole = new Map(
    (await bench.round(GROUPS)).objects.map((group) => [
      group.id,
      (group['members@delta'] ?? []).length,
    ]),
  )
  await set(t, { shaping: { memberSlice: 7, isShuffled: true, deltaPageSize: 10 } })
  const { pages, objects } = await bench.round(GROUPS)
  const everybody = bench.group('All Employees')
  const slices = objects.filter(({ id }) => id === everybody)
  t.ok(slices.length > 60)
  t.ok(pages.filter((page) => page.some(({ id }) => id === everybody)).length > 5)
  const sums = new Map<string, number>()
  for (const group of objects)
    sums.set(group.id, (sums.get(group.id) ?? 0) + (group['members@delta'] ?? []).length)
  t.same(sums, whole)
})

await t.test('replays: later rounds tell what did not change', async (t) => {
  await set(t, { shaping: { replays: 5 } })
  const { deltaLink } = await bench.round(USERS)
  const { objects } = await bench.round(deltaLink)
  t.ok(objects.length > 0 && objects.length <= 5)
  t.ok(objects.every((user) => user['@removed'] === undefined && user.displayName))
})

await t.test('an initial round may carry @removed users and members', async (t) => {
  const sales = bench.group('Sales')
  simulator.tenant.removeMembers(sales, [bench.user('isaiah.langer')])
  simulator.tenant.delete(bench.user('lynne.robbins'))
  await set(t, { shaping: { initialRemoved: 1 } })
  const users = await bench.round(USERS)
  t.ok(users.objects.some((user) => user['@removed']?.reason === 'changed'))
  const groups = await bench.round(GROUPS)
  const members: Body[] = groups.objects.find(({ id }) => id === sales)['members@delta']
  t.same(members.find(({ id }) => id === bench.user('isaiah.langer'))?.['@removed'], {
    reason: 'deleted',
  })
})

await t.test('lag: replicas disagree for a while, and nothing is lost', async (t) => {
  await set(t, { shaping: { replicas: 3, lagMs: 60_000 } })
  const { deltaLink } = await bench.round(USERS)
  const ids = simulator.tenant
    .all('user')
    .slice(20, 60)
    .map(({ id }) => id)
  for (const id of ids) simulator.tenant.update(id, { displayName: 'Late' })
  const told = new Set<string>()
  let link = deltaLink
  const follow = async (): Promise<void> => {
    const round = await bench.round(link)
    link = round.deltaLink
    for (const { id, displayName } of round.objects) if (displayName === 'Late') told.add(id)
  }
  await follow()
  t.equal(told.size, 0)
  simulator.advance(30_000)
  await follow()
  t.ok(told.size > 5 && told.size < 40, `${told.size} of 40 after half the lag`)
  const answers = new Set<number>()
  for (let at = 0; at < 12; at++) {
    const { body } = await bench.graph('/users?$top=999&$select=displayName')
    answers.add(body.value.filter((user: Body) => user.displayName === 'Late').length)
  }
  t.ok(answers.size > 1, 'reads land on different replicas')
  simulator.advance(31_000)
  await follow()
  t.same(told, new Set(ids))
})

await t.test('a rule with an unknown key, fault or setting is refused', async (t) => {
  for (const rule of [
    { fault: 'earthquake' },
    { fault: 'status', colour: 'red' },
    { fault: 'gone', path: '(' },
    null,
  ])
    t.throws(() => parseFaultRule(rule))
  t.equal((await bench.control('POST', '/faults', { fault: 'earthquake' })).status, 400)
  t.equal((await bench.control('PATCH', '/settings', { shaping: { gravity: 1 } })).status, 400)
  t.equal((await bench.control('PATCH', '/settings', { shaping: { replays: 'many' } })).status, 400)
  t.same((await bench.control('GET', '/faults')).body.rules, [])
})

await t.test('faults repeat from the seed', async (t) => {
  const run = async (): Promise<number[]> => {
    const other = await Microsoft365Bench.start({ people: 15, seed: 'same' })
    other.simulator.faults.add(parseFaultRule({ fault: 'status', probability: 0.4 }))
    const statuses: number[] = []
    for (let at = 0; at < 30; at++) statuses.push((await other.graph('/users')).status)
    await other.stop()
    return statuses
  }
  const [first, second] = [await run(), await run()]
  t.same(first, second)
  t.ok(first.includes(200) && first.includes(503))
})
