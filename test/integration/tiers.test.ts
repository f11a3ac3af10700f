import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { processGroup, SKU_FLOW } from '../../simulators/microsoft365/tenant/licences.ts'
import type { TierReport } from '../../src/admin/parts.ts'
import { EXTRA_PERMISSIONS, TIERS, type Tier } from '../../src/sources/microsoft365/settings.ts'
import { callsSeen, documentedCalls } from '../support/graph-calls.ts'
import { permissionsUpTo, startPushBench, until } from '../support/push-bench.ts'

const bench = await startPushBench(t, 'tiers', { people: 40, seed: 3 })
const { act, api, edit, grant, pushesOf, settled, simulator, source } = bench

const setPassword = (person: string, password: string) =>
  api.send('PUT', `/people/${person}/password`, { password })

/** What admins do in each tier. */
const USE: Readonly<Record<Tier, () => Promise<void>>> = {
  async read() {
    await api.send('POST', '/sources/contoso/sync', { full: true })
    await api.send('POST', '/sources/contoso/sync', {})
  },
  async disable() {
    await act('suspend', 'alex.wilber')
    await until('disabled', settled('alex.wilber', 'enabled', 'written'))
    await until('sessions ended', settled('alex.wilber', 'sessions-ended', 'written'))
    await act('resume', 'alex.wilber')
    await until('enabled', async () => isEnabled('alex.wilber'))
  },
  async 'write-back'() {
    await edit('pradeep.gupta', { jobTitle: 'Buyer', mobilePhone: null, mail: 'p@contoso.example' })
    await edit('pradeep.gupta', { manager: 'diego.siciliani' })
    await until('written', settled('pradeep.gupta', 'jobTitle', 'written'))
    await until('written', settled('pradeep.gupta', 'mail', 'written'))
    await until('written', settled('pradeep.gupta', 'manager', 'written'))
    await edit('pradeep.gupta', { manager: null })
    await until('cleared', settled('pradeep.gupta', 'manager', 'written', null))
  },
  async password() {
    await bench.change({ directoryRoles: ['User Administrator'] })
    await setPassword('isaiah.langer', 'Nine purple Owls sing 5')
  },
}

function isEnabled(person: string): boolean {
  return bench.user(person)?.properties['accountEnabled'] === true
}

/** Tokens go on saying what was granted when they were issued, until they expire. */
async function lose(tier: Tier): Promise<void> {
  await grant(permissionsUpTo(tier))
  await bench.change({ expireTokens: true })
  // Tokens tell seconds: one made in the second in which all were expired is expired as well.
  await sleep(1_000)
}

for (const tier of TIERS) {
  await t.test(`${tier} calls what its permissions allow, and nothing else`, async (t) => {
    await grant(permissionsUpTo(tier))
    if (tier === 'read') {
      await bench.connect()
    } else await bench.setTier(tier)
    await USE[tier]()

    const allowed = documentedCalls().filter(({ tier: from }) =>
      (TIERS as readonly string[]).slice(0, TIERS.indexOf(tier) + 1).includes(from),
    )
    const permissions = new Map(allowed.map((row) => [row.call, row.permissions]))
    const seen = callsSeen(simulator)
    t.ok(seen.length > 3, 'calls were seen')
    t.same(
      seen.filter(({ status }) => status === 401 || status === 403),
      [],
      'none was refused',
    )
    for (const { method, template, permission } of seen) {
      const call = `${method} ${template}`
      t.ok(permissions.has(call), `${call} is documented for ${tier}`)
      // What a batch carries is seen by itself.
      if (template === '/$batch') continue
      t.ok(permissionsUpTo(tier).includes(permission ?? ''), `${call} by ${permission}`)
    }
  })
}

await t.test('the extra `groups` calls what its own permission allows', async (t) => {
  const granted = [...permissionsUpTo('password'), ...EXTRA_PERMISSIONS.groups]
  await grant(granted)
  simulator.requests.clear()
  await api.send('PUT', '/sources/contoso/extras/groups', { on: true })
  await api.send('PUT', '/groups/legal/master', { master: 'here' })
  const change = (verb: string) =>
    api.send('POST', `/groups/legal/members/${verb}`, { people: ['isaiah.langer'] })
  await change('add')
  await until('in', settled('isaiah.langer', 'member:legal', 'written', true))
  await change('remove')
  await until('out', settled('isaiah.langer', 'member:legal', 'written', false))
  const calls = callsSeen(simulator).filter(({ template }) => /members/.test(template ?? ''))
  t.same(
    calls.map(({ method, template, permission }) => [`${method} ${template}`, permission]),
    [
      ['POST /groups/{id}/members/$ref', 'GroupMember.ReadWrite.All'],
      ['DELETE /groups/{id}/members/{id}/$ref', 'GroupMember.ReadWrite.All'],
    ],
  )
  await api.send('PUT', '/groups/legal/master', { master: 'source' })
  await api.send('PUT', '/sources/contoso/extras/groups', { on: false })
  await lose('password')
})

await t.test('the extra `licences` calls what its own permission allows', async (t) => {
  await grant([...permissionsUpTo('password'), ...EXTRA_PERMISSIONS.licences])
  simulator.requests.clear()
  await api.send('PUT', '/sources/contoso/extras/licences', { on: true })
  const group = simulator.tenant.findGroup('Legal')?.id ?? ''
  const isaiah = simulator.tenant.findUser('isaiah.langer@contoso.example')?.id ?? ''
  simulator.tenant.addMembers(group, [isaiah])
  processGroup(simulator.tenant, 'Legal', [SKU_FLOW])
  await api.get('/people/isaiah.langer/licences')
  const change = (verb: string) =>
    api.send('POST', `/people/diego.siciliani/licences/${verb}`, { licences: ['FLOW_FREE'] })
  await change('assign')
  await until('has', settled('diego.siciliani', 'licence:FLOW_FREE', 'written', true))
  await change('remove')
  await until('has not', settled('diego.siciliani', 'licence:FLOW_FREE', 'written', false))
  const documented = new Map(
    documentedCalls().map(({ call, permissions }) => [call, permissions] as const),
  )
  const seen = callsSeen(simulator)
  for (const call of ['GET /subscribedskus', 'POST /users/{id}/assignlicense', 'GET /groups/{id}'])
    t.ok(
      seen.some(({ method, template }) => `${method} ${template}` === call),
      call,
    )
  for (const { method, template, permission, status } of seen) {
    const call = `${method} ${template}`
    t.ok(documented.get(call)?.includes(permission ?? ''), `${call} by ${permission}`)
    t.ok(status < 400, `${call} is allowed`)
  }
  await change('yield')
  await api.send('PUT', '/sources/contoso/extras/licences', { on: false })
  await lose('password')
})

await t.test('without its role the tier `password` alone is degraded, and says so', async (t) => {
  const set = () => setPassword('isaiah.langer', 'Eight green Moles dig 6')
  const degraded = async () => {
    const { tiers } = await api.get<TierReport>('/sources/contoso/tier')
    return tiers.filter(
      ({ isOn, refused, missing }) => refused !== null || (isOn && missing.length > 0),
    )
  }
  t.same(await degraded(), [])
  await bench.change({ directoryRoles: [] })
  await t.rejects(set(), { message: /does not let us set your password/ })
  t.match(await degraded(), [
    { tier: 'password', missing: [], refused: { count: 1, reason: /the role User Administrator/ } },
  ])
  t.match(
    (await pushesOf('isaiah.langer')).filter(({ attribute }) => attribute === 'password'),
    [{ status: 'refused', wanted: null, reason: /^not-allowed: .*User Administrator/ }],
    'at the person, too, and the password nowhere',
  )
  t.equal((await source()).refusedPushes, 1)
  await edit('isaiah.langer', { jobTitle: 'Pilot' })
  await until('written all the same', settled('isaiah.langer', 'jobTitle', 'written'))
  t.equal((await source()).refusedPushes, 1)

  await bench.change({ directoryRoles: ['User Administrator'] })
  await lose('write-back')
  await t.rejects(set(), { message: /does not let us set your password/ })
  t.match(await degraded(), [
    { tier: 'password', missing: [{ permission: 'User-PasswordProfile.ReadWrite.All' }] },
  ])
  await grant(permissionsUpTo('password'))
  await set()
  t.same(await degraded(), [], 'a password that was taken shows that all is well')
  t.equal((await source()).refusedPushes, 0)
  t.notOk((await pushesOf('isaiah.langer')).some(({ attribute }) => attribute === 'password'))
})

await t.test('a permission lost midway degrades its tier alone, and visibly', async (t) => {
  await lose('disable')
  await edit('pradeep.gupta', { jobTitle: 'Clerk' })
  await until('refused', settled('pradeep.gupta', 'jobTitle', 'refused'))
  const [refused] = (await pushesOf('pradeep.gupta')).filter(({ status }) => status === 'refused')
  t.match(refused?.reason, /grant the application the permissions of its tier/)
  t.equal((await source()).refusedPushes, 1)
  await act('suspend', 'alex.wilber')
  await until('disabled all the same', () => Promise.resolve(!isEnabled('alex.wilber')))

  await lose('read')
  await act('resume', 'alex.wilber')
  await until('refused', settled('alex.wilber', 'enabled', 'refused'))
  t.equal((await source()).refusedPushes, 2)
  const diego = simulator.tenant.findUser('diego.siciliani@contoso.example')
  simulator.tenant.update(diego?.id ?? '', { department: 'Quality' })
  await api.send('POST', '/sources/contoso/sync', {})
  t.match(await api.get('/people/diego.siciliani'), { department: 'Quality' }, 'rounds go on')
  t.equal((await source()).lastError, null)

  await grant(permissionsUpTo('write-back'))
  await api.send('POST', '/sources/contoso/retry-pushes', {})
  await until('enabled again', async () => isEnabled('alex.wilber'))
  await until('written', settled('pradeep.gupta', 'jobTitle', 'written'))
  t.equal((await source()).refusedPushes, 0)
})
