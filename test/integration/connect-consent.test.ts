import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import t from 'tap'
import type { BegunConsent, ConnectAttempt, SourceStatus } from '../../src/admin/parts.ts'
import { cliOf } from '../support/cli.ts'
import { startDaemonProcess } from '../support/daemon-process.ts'
import { databaseFor } from '../support/database-for.ts'
import { Microsoft365Bench } from '../support/microsoft365.ts'
import { Browser, type Page } from '../support/microsoft365-browser.ts'
import { makeClientCertificate } from '../support/microsoft365-certificate.ts'

/** An application of several tenants, known to both of them. */
const CLIENT = '6f0c7a52-8a94-4b6e-9d51-0f2d8c1b7a10'
const READ = ['User.Read.All', 'GroupMember.Read.All']
const DISABLE = [...READ, 'User.EnableDisableAccount.All', 'User.RevokeSessions.All']

const { folder, url, env } = await databaseFor(t, 'consent')
const dataDir = join(folder, 'data')
const daemon = await startDaemonProcess(t, {
  dataDir,
  env,
  args: ['--migrate'],
})
const origin = `http://${daemon.address('http').replace('127.0.0.1', 'localhost')}`
const certificate = await makeClientCertificate()
const database = new pg.Client({ connectionString: url })
await database.connect()
t.teardown(() => database.end())

/** A tenant with the application registered elsewhere, and an administrator who may consent. */
async function startTenant(seed: number, requiredPermissions: readonly string[]) {
  const bench = await Microsoft365Bench.startFor(t, { people: 20, seed })
  const redirectUris = ['http://localhost/connect/microsoft365']
  await bench.control('POST', '/applications', {
    clientId: CLIENT,
    requiredPermissions,
    redirectUris,
  })
  const addCertificatePem = certificate.certificatePem
  await bench.control('PATCH', `/application?client=${CLIENT}`, { addCertificatePem })
  const patti = bench.user('patti.fernandez')
  bench.simulator.tenant.setSignIn(patti, { password: 'President 1' })
  bench.simulator.tenant.setRoles(patti, ['Global Administrator'])
  return bench
}

const first = await startTenant(1, READ)
const second = await startTenant(2, DISABLE)

function begin(bench: Microsoft365Bench, more: object = {}): Promise<BegunConsent> {
  const { loginUrl, graphUrl, caPem } = bench.simulator
  return daemon.api.send<BegunConsent>('POST', '/sources/microsoft365/consent', {
    clientId: CLIENT,
    certificate: certificate.certificatePem,
    privateKey: certificate.keyPem,
    loginUrl,
    graphUrl,
    ca: caPem,
    paused: true,
    ...more,
  })
}

/** Signs in as the administrator and answers; gives where her browser is sent. */
async function click(bench: Microsoft365Bench, url: string, choice = 'accept'): Promise<URL> {
  const browser = new Browser(bench, bench.simulator.loginUrl)
  const who = { login: 'patti.fernandez@contoso.example', password: 'President 1' }
  const asked: Page = await browser.signIn(url, who)
  if (asked.title !== 'Permissions requested') throw new Error(asked.text)
  const { leftFor } = await browser.submit({ choice })
  if (leftFor === null) throw new Error('the page sent nobody back')
  return leftFor
}

/** Follows the way back, to this daemon. */
async function comeBack(to: URL): Promise<{ status: number; text: string }> {
  const response = await fetch(to)
  return { status: response.status, text: await response.text() }
}

const attempt = (id: string) =>
  daemon.api.get<ConnectAttempt>(`/sources/microsoft365/attempts/${id}`)
const sources = async () =>
  (await daemon.api.get<{ sources: readonly SourceStatus[] }>('/sources')).sources

await t.test('the link asks for what is registered, and its state is in no table', async (t) => {
  const begun = await begin(first, { name: 'unused' })
  const url = new URL(begun.url)
  t.equal(url.pathname, '/organizations/v2.0/adminconsent')
  t.equal(url.searchParams.get('client_id'), CLIENT)
  t.equal(url.searchParams.get('redirect_uri'), `${origin}/connect/microsoft365`)
  t.equal(begun.redirectUri, `${origin}/connect/microsoft365`)
  t.match(await attempt(begun.id), { status: 'waiting', way: 'consent', source: null })
  const { rows } = await database.query('select row_to_json(a)::text as row from connect_attempt a')
  const stored = rows.map(({ row }) => String(row)).join()
  t.notMatch(stored, url.searchParams.get('state') ?? '-')
  t.notMatch(stored, /PRIVATE KEY/)
})

await t.test('a no is told, connects nothing, and uses the link up', async (t) => {
  const begun = await begin(first)
  const back = await click(first, begun.url, 'cancel')
  t.match(await comeBack(back), { status: 200, text: /^Not connected: .*declined/ })
  t.match(await attempt(begun.id), { status: 'refused', note: /declined/ })
  t.equal((await comeBack(back)).status, 400)
  t.same(await sources(), [])
})

await t.test('the tenant in the address proves nothing', async (t) => {
  const begun = await begin(first)
  const back = await click(first, begun.url)
  // A tenant that never consented: its login service gives our key no token.
  back.searchParams.set('tenant', second.simulator.tenantId)
  t.match((await comeBack(back)).text, /^Not connected: .*AADSTS90002/)
  back.searchParams.set('tenant', first.simulator.tenantId)
  t.equal((await comeBack(back)).status, 400, 'and the state is used up')
  const nonsense = await begin(first)
  const without = new URL(nonsense.redirectUri)
  without.searchParams.set('state', new URL(nonsense.url).searchParams.get('state') ?? '')
  t.match((await comeBack(without)).text, /names no tenant/)
  t.same(await sources(), [])
})

await t.test('a state that is nobody’s, malformed or too old opens nothing', async (t) => {
  const at = (state: string) => new URL(`${origin}/connect/microsoft365?state=${state}`)
  for (const state of ['', 'x', 'A'.repeat(43)]) t.equal((await comeBack(at(state))).status, 400)
  const begun = await begin(first)
  const back = await click(first, begun.url)
  await database.query('update connect_attempt set expires_at = now() where id = $1', [begun.id])
  t.match(await attempt(begun.id), { status: 'expired' })
  t.match(await comeBack(back), { status: 400, text: /too old/ })
  t.same(await sources(), [])
})

await t.test('another tenant than the one that was meant is refused', async (t) => {
  const begun = await begin(first, { tenant: first.simulator.tenantId })
  const back = await click(first, begun.url)
  back.searchParams.set('tenant', second.simulator.tenantId)
  t.match((await comeBack(back)).text, /one of another tenant/)
})

await t.test('what was granted has to be enough for the tier', async (t) => {
  const begun = await begin(first, { tier: 'disable' })
  const { text } = await comeBack(await click(first, begun.url))
  t.match(
    text,
    /^Not connected: .*lacks User\.EnableDisableAccount\.All, User\.RevokeSessions\.All/,
  )
  t.same(await sources(), [])
})

await t.test('a daemon that died over it leaves an attempt that counts as lost', async (t) => {
  const begun = await begin(first)
  await database.query(
    "update connect_attempt set status = 'working', working_until = now() where id = $1",
    [begun.id],
  )
  t.match(await attempt(begun.id), { status: 'expired' })
  t.equal((await comeBack(await click(first, begun.url))).status, 400)
})

await t.test('a click connects: by command line, and two tenants at once', async (t) => {
  writeFileSync(join(folder, 'ca.pem'), first.simulator.caPem)
  writeFileSync(join(folder, 'app.pem'), certificate.certificatePem)
  writeFileSync(join(folder, 'app.key'), certificate.keyPem)
  const cli = cliOf(dataDir)
  const shown = await cli(
    ...['source', 'connect', '--consent', '--no-wait', '--paused', '--name', 'contoso'],
    ...['--client', CLIENT, '--certificate', join(folder, 'app.pem')],
    ...['--private-key', join(folder, 'app.key'), '--trust-ca', join(folder, 'ca.pem')],
    ...['--login-url', first.simulator.loginUrl, '--graph-url', first.simulator.graphUrl],
  )
  const url = /^ {2}(https:\S+)$/m.exec(shown)?.[1] ?? ''
  const id = /source attempt (\S+)/.exec(shown)?.[1] ?? ''
  t.match(shown, `redirect URI (platform Web): ${origin}/connect/microsoft365`)
  t.match(await cli('source', 'attempt', id), /status: waiting/)
  t.match((await comeBack(await click(first, url))).text, /^Connected: contoso\./)
  t.match(await cli('source', 'attempt', id), /status: connected\n/)
  t.match(await attempt(id), {
    source: 'contoso',
    note: /tenant of contoso\.example, and paused.*source resume contoso/,
  })
  const other = await begin(second, { name: 'fabrikam', tier: 'disable' })
  t.match((await comeBack(await click(second, other.url))).text, /^Connected: fabrikam\./)
  t.match(await sources(), [
    { name: 'contoso', state: 'paused', tier: 'read' },
    { name: 'fabrikam', state: 'paused', tier: 'disable' },
  ])
  const { rows } = await database.query<{ left: string }>(
    "select count(*) as left from connect_attempt where status in ('refused', 'connected') and secret is not null",
  )
  t.equal(Number(rows[0]?.left), 0, 'an attempt that has ended keeps no secret')
  const again = await begin(second, { name: 'fabrikam2' })
  t.match((await comeBack(await click(second, again.url))).text, /connected already, as fabrikam/)
})

await t.test('both are read, each with its own token', async (t) => {
  for (const name of ['contoso', 'fabrikam'])
    t.match(await daemon.api.send('POST', `/sources/${name}/sync`, { dryRun: true }), {
      dryRun: true,
      streams: [{ stream: 'people' }, { stream: 'groups' }],
    })
})

await t.test('consent revoked midway shows at the source, with what to do', async (t) => {
  await first.control('PATCH', `/application?client=${CLIENT}`, {
    state: 'removed',
    expireTokens: true,
  })
  await t.rejects(daemon.api.send('POST', '/sources/contoso/sync', { dryRun: true }), {
    message: /AADSTS700016/,
  })
  t.ok(await daemon.api.send('POST', '/sources/fabrikam/sync', { dryRun: true }))
})
