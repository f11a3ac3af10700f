import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import t from 'tap'
import type { DriftStatus, PushStatus, SourceStatus } from '../../src/admin/parts.ts'
import { control as callControl } from '../support/control.ts'
import { startDaemonProcess } from '../support/daemon-process.ts'
import { databaseFor } from '../support/database-for.ts'
import { connectionOf, Microsoft365Bench } from '../support/microsoft365.ts'

const BUDGET_MS = 5_000
/** Longer than any lease here. */
const STOPPED_MS = 60_000
const READ = ['User.Read.All', 'GroupMember.Read.All']
const DISABLE = [...READ, 'User.EnableDisableAccount.All', 'User.RevokeSessions.All']

interface Logged {
  readonly method: string
  readonly path: string
  readonly permission: string | null
  readonly status: number
}

const { folder, url, env } = await databaseFor(t, 'push')
const bench = await Microsoft365Bench.startFor(t, { people: 40, seed: 1 })
const { simulator } = bench
const start = () =>
  startDaemonProcess(t, {
    dataDir: join(folder, 'data'),
    env,
    args: ['--migrate'],
  })
let daemon = await start()
await daemon.api.send('POST', '/sources/microsoft365', connectionOf(simulator))
await daemon.api.send('POST', '/sources/contoso/sync', {})
await daemon.api.send('POST', '/people/activate', { allStaged: true })

const control = <T>(method: string, path: string, json?: unknown) =>
  callControl<T>(simulator.controlUrl, method, path, json)

const grant = (permissions: readonly string[]) => control('PATCH', '/application', { permissions })

async function account(username: string): Promise<Readonly<Record<string, unknown>>> {
  const user = simulator.tenant.findUser(`${username}@contoso.example`)
  return user?.versions.at(-1)?.properties ?? {}
}

async function until(what: string, isSo: () => Promise<boolean>, withinMs = 20_000) {
  const startedAtMs = performance.now()
  while (!(await isSo())) {
    if (performance.now() - startedAtMs > withinMs) throw new Error(`not in time: ${what}`)
    await sleep(20)
  }
  return performance.now() - startedAtMs
}

const isEnabled = async (username: string) => (await account(username))['accountEnabled'] === true

async function pushesOf(username: string): Promise<readonly PushStatus[]> {
  const { pushes } = await daemon.api.get<{ pushes: PushStatus[] }>(`/people/${username}/pushes`)
  return pushes
}

const settledAs = (username: string, status: string) => async () =>
  (await pushesOf(username)).some((push) => push.attribute === 'enabled' && push.status === status)

async function requests(pattern: RegExp): Promise<readonly Logged[]> {
  const { requests } = await control<{ requests: Logged[] }>('GET', '/requests')
  return requests.filter(({ method, path }) => pattern.test(`${method} ${path}`))
}

async function holdsOf(username: string): Promise<readonly { readonly reason: string }[]> {
  const person = await daemon.api.get<{ holds: { reason: string }[] }>(`/people/${username}`)
  return person.holds
}

/** Ends the session that holds the lead, as the server does with one it hears no more of. */
async function leaveLead(): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(
    `select pg_terminate_backend(pid) from pg_locks
     where locktype = 'advisory' and objid = 7243003 and granted`,
  )
  await client.end()
}

async function drift() {
  const { drift } = await daemon.api.get<{ drift: DriftStatus[] }>('/sources/contoso/drift')
  return drift.filter(({ attribute }) => attribute !== 'sessions-ended')
}

const act = (verb: 'suspend' | 'resume', username: string) =>
  daemon.api.send('POST', `/people/${verb}`, { people: [username] })

await t.test('a tier is taken only when its permissions are granted', async (t) => {
  await grant(READ)
  await t.rejects(
    daemon.api.send('PUT', '/sources/contoso/tier', { tier: 'disable' }),
    { message: /lacks User\.EnableDisableAccount\.All, User\.RevokeSessions\.All/ },
    'and what is missing is named',
  )
  await act('suspend', 'alex.wilber')
  await sleep(1_500)
  t.ok(await isEnabled('alex.wilber'), 'a source that is only read is never written')
  await act('resume', 'alex.wilber')
  await grant(DISABLE)
  const changed = await daemon.api.send<SourceStatus>('PUT', '/sources/contoso/tier', {
    tier: 'disable',
  })
  t.equal(changed.tier, 'disable')
})

await t.test('a suspension disables the account and ends its sessions', async (t) => {
  await sleep(500)
  await act('suspend', 'adele.vance')
  const tookMs = await until('disabled', async () => !(await isEnabled('adele.vance')))
  t.ok(tookMs < BUDGET_MS, `after ${Math.round(tookMs)} ms`)
  const revoked = async () =>
    (await account('adele.vance'))['signInSessionsValidFromDateTime'] !== undefined
  t.ok((await until('revoked', revoked)) < BUDGET_MS)
  const isSettled = async () =>
    (await pushesOf('adele.vance')).every(({ status }) => status === 'written')
  await until('recorded', async () => (await pushesOf('adele.vance')).length === 2)
  await until('settled', isSettled)
  t.match(await pushesOf('adele.vance'), [
    { source: 'contoso', attribute: 'enabled', status: 'written', wanted: false },
    { source: 'contoso', attribute: 'sessions-ended', status: 'written' },
  ])
  const [written] = await requests(/^PATCH .*\/users\//)
  t.match(written, { permission: 'User.EnableDisableAccount.All' }, 'with the least permission')

  await daemon.api.send('POST', '/sources/contoso/sync', {})
  t.same(
    (await holdsOf('adele.vance')).map(({ reason }) => reason),
    ['admin'],
    'what comes back of it is no word of the source',
  )
})

await t.test('lifting the hold enables it again, and nothing else is touched', async (t) => {
  await control('DELETE', '/requests')
  await act('resume', 'adele.vance')
  t.ok((await until('enabled', () => isEnabled('adele.vance'))) < BUDGET_MS)
  await until('recorded', settledAs('adele.vance', 'written'))
  await daemon.api.send('POST', '/sources/contoso/sync', {})
  t.same(await holdsOf('adele.vance'), [])
  t.equal((await requests(/^PATCH /)).length, 1)
})

await t.test('of a write whose answer was lost a read tells what became of it', async (t) => {
  await control('DELETE', '/requests')
  await control('POST', '/faults', {
    fault: 'status',
    method: 'PATCH',
    status: 504,
    isAfterWork: true,
    times: 1,
  })
  await act('suspend', 'megan.bowen')
  await until('settled', settledAs('megan.bowen', 'written'))
  t.notOk(await isEnabled('megan.bowen'))
  const calls = await requests(/^(PATCH|GET) .*\/users\/[0-9a-f-]{36}/)
  t.same(
    calls.map(({ method }) => method),
    ['PATCH', 'GET'],
    'it is not written twice',
  )
  await act('resume', 'megan.bowen')
  await until('enabled', () => isEnabled('megan.bowen'))
})

await t.test('a refusal is shown with its mend, and tried again when that is done', async (t) => {
  await grant(READ)
  await control('PATCH', '/application', { expireTokens: true })
  await act('suspend', 'isaiah.langer')
  await until('refused', settledAs('isaiah.langer', 'refused'))
  t.match(
    (await pushesOf('isaiah.langer'))[0]?.reason,
    /grant the application the permissions of its tier/,
  )
  const listed = await daemon.api.get<{ sources: SourceStatus[] }>('/sources')
  t.ok((listed.sources[0]?.refusedPushes ?? 0) > 0, 'and counted at the source')
  await grant(DISABLE)
  await daemon.api.send('POST', '/sources/contoso/retry-pushes', {})
  await until('disabled', async () => !(await isEnabled('isaiah.langer')))
  await until('recorded', settledAs('isaiah.langer', 'written'))
})

await t.test('an account that Active Directory masters is refused as that', async (t) => {
  const properties = { onPremisesSyncEnabled: true }
  await control('POST', '/changes', {
    op: 'update',
    id: 'lynne.robbins@contoso.example',
    properties,
  })
  await act('suspend', 'lynne.robbins')
  await until('refused', settledAs('lynne.robbins', 'refused'))
  t.match((await pushesOf('lynne.robbins'))[0]?.reason, /^on-premises: .*Active Directory/)
})

await t.test('what is edited here is mastered here, and written there', async (t) => {
  const edit = (username: string, json: object) =>
    daemon.api.send('PATCH', `/people/${username}`, json)
  await t.rejects(
    edit('pradeep.gupta', { jobTitle: 'Buyer' }),
    { message: /contoso masters this person: .*set-tier contoso write-back/ },
    'not while the source may only be read',
  )
  t.same(
    (await drift())
      .filter(({ person }) => person === 'lynne.robbins')
      .map(({ here, there, state }) => [here, there, state]),
    [[false, true, 'refused']],
    'a dry run of what is not yet there',
  )
  await t.rejects(daemon.api.send('PUT', '/sources/contoso/tier', { tier: 'write-back' }), {
    message: /lacks User\.ReadWrite\.All/,
  })
  await grant([...DISABLE, 'User.ReadWrite.All'])
  await daemon.api.send('PUT', '/sources/contoso/tier', { tier: 'write-back' })
  await t.rejects(edit('pradeep.gupta', { jobTitle: ' ' }), { message: /to clear it, give null/ })
  await daemon.api.send('POST', '/sources/contoso/sync', {})
  await t.rejects(edit('lynne.robbins', { jobTitle: 'Buyer' }), { message: /on premises/ })

  await control('DELETE', '/requests')
  const before = await account('pradeep.gupta')
  await edit('pradeep.gupta', { jobTitle: 'Buyer', mobilePhone: null, businessPhone: '+49 30 1' })
  const isWritten = async () => {
    const now = await account('pradeep.gupta')
    return now['jobTitle'] === 'Buyer' && (now['businessPhones'] as string[])[0] === '+49 30 1'
  }
  t.ok((await until('written', isWritten)) < BUDGET_MS)
  t.ok((await account('pradeep.gupta'))['mobilePhone'] == null)
  t.equal((await account('pradeep.gupta'))['department'], before['department'])

  await control('POST', '/changes', {
    op: 'update',
    id: 'pradeep.gupta@contoso.example',
    properties: { jobTitle: 'Clerk', department: 'Quality' },
  })
  await daemon.api.send('POST', '/sources/contoso/sync', {})
  const shown = () => daemon.api.get<Record<string, unknown>>('/people/pradeep.gupta')
  t.match(await shown(), { jobTitle: 'Buyer', department: 'Quality' }, "the rest is the source's")
  await daemon.api.send('POST', '/people/pradeep.gupta/yield', { attributes: ['jobTitle'] })
  t.match(await shown(), { jobTitle: 'Clerk', businessPhone: '+49 30 1' })
  const isForgotten = async () =>
    (await pushesOf('pradeep.gupta')).every(({ attribute }) => attribute !== 'jobTitle')
  await until('forgotten', isForgotten)
})

await t.test(
  'an address edited here is hers everywhere, and nobody else can have it',
  async (t) => {
    const edit = (person: string, json: object) =>
      daemon.api.send('PATCH', `/people/${person}`, json)
    const found = async (name: string) => {
      const shown = await daemon.api.get<{ username: string }>(`/people/${name}`).catch(() => null)
      return shown?.username ?? null
    }
    const [before, after] = ['pradeep.gupta@contoso.example', 'pradeep@contoso.example']
    await t.rejects(edit('pradeep.gupta', { userPrincipalName: 'adele.vance@contoso.example' }), {
      message: /adele\.vance@contoso\.example is an address of adele\.vance/,
    })
    await t.rejects(edit('pradeep.gupta', { userPrincipalName: null }), {
      message: /cannot be cleared/,
    })
    await t.rejects(edit('pradeep.gupta', { mail: 'Prädeep@contoso.example' }), {
      message: /mail is not an address/,
    })
    await edit('pradeep.gupta', { userPrincipalName: after, mail: after })
    t.equal(await found(after), 'pradeep.gupta', 'the username stays')
    const upn = () => simulator.tenant.findUser(after)
    await until('renamed there', () => Promise.resolve(upn() !== null))
    await until('mail there', () =>
      Promise.resolve(upn()?.versions.at(-1)?.properties['mail'] === after),
    )
    t.equal(simulator.tenant.findUser(before), null)

    await control('POST', '/changes', {
      op: 'update',
      id: after,
      properties: { givenName: 'Prad', mail: 'else@contoso.example' },
    })
    await daemon.api.send('POST', '/sources/contoso/sync', {})
    t.equal(await found(after), 'pradeep.gupta', 'what the source says of it counts no longer')
    t.equal(await found('else@contoso.example'), null)

    await edit('pradeep.gupta', { userPrincipalName: 'pradeep@elsewhere.example' })
    const ofUpn = ({ attribute }: { attribute: string }) => attribute === 'userPrincipalName'
    // What the source tells of her meanwhile has it tried, and refused, once more.
    await until('refused', async () => {
      const { status, reason } = (await pushesOf('pradeep.gupta')).find(ofUpn) ?? {}
      return status === 'refused' && /^policy: .*verified domain/.test(reason ?? '')
    })
    await until('refused in the drift report', async () => {
      const { here, there, state } = (await drift()).find(ofUpn) ?? {}
      return here === 'pradeep@elsewhere.example' && there === after && state === 'refused'
    })
    await daemon.api.send('POST', '/people/pradeep.gupta/yield', {
      attributes: ['userPrincipalName', 'mail'],
    })
    t.equal(await found('pradeep@elsewhere.example'), null)
    t.equal(await found(after), 'pradeep.gupta')
  },
)

await t.test('a daemon killed while it writes reads before it writes again', async (t) => {
  await control('DELETE', '/requests')
  await control('POST', '/faults', { fault: 'delay', method: 'PATCH', ms: 5_000, times: 1 })
  await act('suspend', 'diego.siciliani')
  await until('sent', settledAs('diego.siciliani', 'sending'))
  await sleep(300)
  daemon.process.kill('SIGKILL')
  await once(daemon.process, 'exit')
  await control('DELETE', '/faults')
  await control('DELETE', '/requests')
  daemon = await start()
  await until('settled', settledAs('diego.siciliani', 'written'), 120_000)
  t.notOk(await isEnabled('diego.siciliani'))
  const calls = await requests(/^(PATCH|GET) .*\/users\/[0-9a-f-]{36}/)
  t.same(
    calls.map(({ method }) => method),
    ['PATCH', 'GET'],
    'the one that was under way arrives, and is seen, and is not repeated',
  )
})

await t.test(
  'a leader stopped for a minute with a write under way pushes nothing more',
  async (t) => {
    const other = await startDaemonProcess(t, {
      dataDir: join(folder, 'other'),
      env,
    })
    await control('DELETE', '/requests')
    await control('POST', '/faults', { fault: 'delay', method: 'PATCH', ms: 2_000, times: 1 })
    await act('suspend', 'lidia.holloway')
    await until('sent', settledAs('lidia.holloway', 'sending'))
    await sleep(300)
    const stoppedMs = Date.now()
    daemon.process.kill('SIGSTOP')
    await control('DELETE', '/faults')
    // Its connection still holds the lead, as that of a machine that hangs would until it is noticed.
    await leaveLead()
    await other.api.send('POST', '/people/suspend', { people: ['joni.sherman'] })
    await until('disabled by the other', async () => !(await isEnabled('joni.sherman')), 60_000)
    await other.api.send('POST', '/people/resume', { people: ['joni.sherman', 'lidia.holloway'] })
    await until('enabled by the other', () => isEnabled('joni.sherman'), 60_000)
    await until(
      'what was under way is undone by the other',
      () => isEnabled('lidia.holloway'),
      90_000,
    )
    await sleep(Math.max(0, stoppedMs + STOPPED_MS - Date.now()))
    const before = (await requests(/^(PATCH|POST) .*\/users\//)).length
    daemon.process.kill('SIGCONT')
    await sleep(5_000)
    t.equal((await requests(/^(PATCH|POST) .*\/users\//)).length, before)
    t.ok(await isEnabled('joni.sherman'))
    t.ok(await isEnabled('lidia.holloway'))
  },
)
