import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { PushStatus, SourceStatus } from '../../src/admin/parts.ts'
import { PERMISSIONS, TIERS, type Tier } from '../../src/sources/microsoft365/settings.ts'
import { control } from '../support/control.ts'
import { startDaemonProcess } from '../support/daemon-process.ts'
import { databaseFor } from '../support/database-for.ts'
import { callsSeen, documentedCalls } from '../support/graph-calls.ts'
import { connectionOf, Microsoft365Bench } from '../support/microsoft365.ts'

const { folder, env } = await databaseFor(t, 'tiers')
const bench = await Microsoft365Bench.startFor(t, { people: 40, seed: 3 })
const { simulator } = bench
const daemon = await startDaemonProcess(t, {
  dataDir: join(folder, 'data'),
  env,
  args: ['--migrate'],
})

const change = (application: object) =>
  control(simulator.controlUrl, 'PATCH', '/application', application)

const grant = (permissions: readonly string[]) => change({ permissions })

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 30_000
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error(`not in time: ${what}`)
    await sleep(50)
  }
}

async function pushesOf(person: string): Promise<readonly PushStatus[]> {
  return (await daemon.api.get<{ pushes: PushStatus[] }>(`/people/${person}/pushes`)).pushes
}

const settled = (person: string, attribute: string, status: string) => () =>
  pushesOf(person).then((pushes) =>
    pushes.some((push) => push.attribute === attribute && push.status === status),
  )

async function source(): Promise<SourceStatus> {
  const { sources } = await daemon.api.get<{ sources: SourceStatus[] }>('/sources')
  const [only] = sources
  if (only === undefined) throw new Error('there is no source')
  return only
}

const act = (verb: string, person: string) =>
  daemon.api.send('POST', `/people/${verb}`, { people: [person] })
const edit = (person: string, json: object) => daemon.api.send('PATCH', `/people/${person}`, json)

/** What admins do in each tier. */
const USE: Readonly<Record<string, () => Promise<void>>> = {
  async read() {
    await daemon.api.send('POST', '/sources/contoso/sync', { full: true })
    await daemon.api.send('POST', '/sources/contoso/sync', {})
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
    const isCleared = async () =>
      (await pushesOf('pradeep.gupta')).some(
        ({ attribute, wanted, status }) =>
          attribute === 'manager' && wanted === null && status === 'written',
      )
    await until('cleared', isCleared)
  },
}

function isEnabled(person: string): boolean {
  const user = simulator.tenant.findUser(`${person}@contoso.example`)
  return user?.versions.at(-1)?.properties['accountEnabled'] === true
}

const permissionsUpTo = (tier: Tier) =>
  TIERS.slice(0, TIERS.indexOf(tier) + 1).flatMap((each) => PERMISSIONS[each])

/** Tokens go on saying what was granted when they were issued, until they expire. */
async function lose(tier: Tier): Promise<void> {
  await grant(permissionsUpTo(tier))
  await change({ expireTokens: true })
}

for (const tier of TIERS.filter((each) => each in USE)) {
  await t.test(`${tier} calls what its permissions allow, and nothing else`, async (t) => {
    await grant(permissionsUpTo(tier))
    if (tier === 'read') {
      await daemon.api.send('POST', '/sources/microsoft365', connectionOf(simulator))
      await daemon.api.send('POST', '/sources/contoso/sync', {})
      await daemon.api.send('POST', '/people/activate', { allStaged: true })
    } else await daemon.api.send('PUT', '/sources/contoso/tier', { tier })
    await USE[tier]?.()

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
      t.ok(permissionsUpTo(tier).includes(permission ?? ''), `${call} by ${permission}`)
    }
  })
}

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
  await daemon.api.send('POST', '/sources/contoso/sync', {})
  t.match(
    await daemon.api.get('/people/diego.siciliani'),
    { department: 'Quality' },
    'rounds go on',
  )
  t.equal((await source()).lastError, null)

  await grant(permissionsUpTo('write-back'))
  await daemon.api.send('POST', '/sources/contoso/retry-pushes', {})
  await until('enabled again', async () => isEnabled('alex.wilber'))
  await until('written', settled('pradeep.gupta', 'jobTitle', 'written'))
  t.equal((await source()).refusedPushes, 0)
})
