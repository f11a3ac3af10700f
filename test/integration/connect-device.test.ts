import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import t from 'tap'
import type { BegunDevice, ConnectAttempt, SourceStatus } from '../../src/admin/parts.ts'
import { cliOf } from '../support/cli.ts'
import { startDaemonProcess } from '../support/daemon-process.ts'
import { databaseFor } from '../support/database-for.ts'
import { callsSeen, documentedCalls } from '../support/graph-calls.ts'
import { Microsoft365Bench } from '../support/microsoft365.ts'
import { Browser } from '../support/microsoft365-browser.ts'

const ENDS_MS = 90_000
const { folder, url, env } = await databaseFor(t, 'device')
const dataDir = join(folder, 'data')
const start = () =>
  startDaemonProcess(t, {
    dataDir,
    env,
    args: ['--migrate'],
  })
let daemon = await start()
const database = new pg.Client({ connectionString: url })
await database.connect()
t.teardown(() => database.end())

const bench = await Microsoft365Bench.startFor(t, { people: 20 })
const { simulator } = bench
const { loginUrl, graphUrl, caPem, tenantId } = simulator
simulator.tenant.setSignIn(bench.user('patti.fernandez'), { password: 'President 1' })
simulator.tenant.setRoles(bench.user('patti.fernandez'), ['Global Administrator'])
simulator.tenant.setSignIn(bench.user('nestor.wilke'), { password: 'Operations 1' })
simulator.tenant.setRoles(bench.user('nestor.wilke'), ['Application Administrator'])

function begin(more: object = {}): Promise<BegunDevice> {
  const where = { loginUrl, graphUrl, ca: caPem }
  return daemon.api.send<BegunDevice>('POST', '/sources/microsoft365/device', {
    ...where,
    paused: true,
    ...more,
  })
}

/** An administrator enters the code at her own machine. */
async function enter(
  code: string,
  choice = 'accept',
  who = 'patti.fernandez',
  passwd = 'President 1',
) {
  const browser = new Browser(bench, loginUrl)
  await browser.open(`${loginUrl}/device`)
  await browser.submit({ otc: code })
  await browser.submit({ login: `${who}@contoso.example`, passwd })
  return browser.submit({ choice })
}

async function ended(id: string): Promise<ConnectAttempt> {
  const untilMs = performance.now() + ENDS_MS
  for (;;) {
    const attempt = await daemon.api.get<ConnectAttempt>(`/sources/microsoft365/attempts/${id}`)
    const isOver = attempt.status !== 'waiting' && attempt.status !== 'working'
    if (isOver || performance.now() > untilMs) return attempt
    await sleep(250)
  }
}

const made = () => simulator.applications.all().filter(({ tags }) => tags.length > 0)
const sources = async () =>
  (await daemon.api.get<{ sources: readonly SourceStatus[] }>('/sources')).sources

await t.test('what will be asked for is said before anybody signs in', async (t) => {
  const begun = await begin()
  t.match(begun, {
    way: 'device',
    status: 'waiting',
    verificationUri: `${loginUrl}/device`,
    publicClientId: '14d82eec-204b-4c2f-b7e8-296a70dab67e',
    scopes: ['Application.ReadWrite.All', 'AppRoleAssignment.ReadWrite.All', 'User.Read'],
    permissions: ['User.Read.All', 'GroupMember.Read.All'],
  })
  await enter(begun.userCode, 'cancel')
  t.match(await ended(begun.id), { status: 'refused', note: /declined; nothing was made/ })
  t.same(made(), [])
})

await t.test('an administrator who may not grant is told which role is missing', async (t) => {
  const begun = await begin()
  await enter(begun.userCode, 'accept', 'nestor.wilke', 'Operations 1')
  t.match(await ended(begun.id), { status: 'refused', note: /Privileged Role Administrator/ })
  t.equal(made().length, 1, 'she could register it, and it is found again')
  t.same([...(made()[0]?.permissions ?? [])], [])
})

await t.test('an application that somebody else could act as is given nothing', async (t) => {
  const [application] = made()
  if (application === undefined) throw new Error('it was made above')
  const secret = { value: 'hers', expiresAtMs: Number.MAX_SAFE_INTEGER }
  const issuerKey = generateKeyPairSync('ed25519').publicKey
  const nestor = bench.user('nestor.wilke')
  const known = { id: '1', name: 'theirs', audiences: ['api://AzureADTokenExchange'], issuerKey }
  application.secrets.push(secret)
  application.principalSecrets.push(secret)
  application.owners.add(nestor)
  application.principalOwners.add(bench.user('adele.vance'))
  application.federatedCredentials.push({ ...known, issuer: 'https://i.example', subject: 's' })
  application.isInstalled = true
  const begun = await begin()
  await enter(begun.userCode)
  const { status, note } = await ended(begun.id)
  t.equal(status, 'refused')
  t.match(note, /is not ours alone: it has a client secret/)
  t.match(
    note,
    /tokens of others stand in for its key: theirs \(issuer https:\/\/i\.example, subject s\)/,
  )
  t.match(note, /enterprise application has a secret or certificate of its own/)
  t.match(note, /as its owners: nestor\.wilke@contoso\.example, adele\.vance@contoso\.example/)
  t.match(note, /given nothing: find out who made it/)
  t.same([...application.permissions], [])
  const certificates = [...application.certificates.keys()]
  application.secrets.splice(0)
  application.principalSecrets.splice(0)
  application.federatedCredentials.splice(0)
  application.principalOwners.clear()
  const again = await begin()
  await enter(again.userCode)
  t.match(await ended(again.id), { status: 'refused', note: /as its owners: nestor\.wilke@/ })
  t.same([...application.certificates.keys()], certificates, 'and not another key')
  application.owners.clear()
  application.owners.add(bench.user('patti.fernandez'))
})

await t.test('what is done beside a tier needs the tier, before anybody signs in', async (t) => {
  await t.rejects(begin({ extras: ['groups'], tier: 'disable' }), {
    message: /groups: for tiers from write-back on, and the tier is disable/,
  })
})

await t.test('a daemon that is killed over it leaves nothing in the way', async (t) => {
  const begun = await begin()
  daemon.process.kill('SIGKILL')
  await enter(begun.userCode)
  daemon = await start()
  await database.query('update connect_attempt set expires_at = now() where id = $1', [begun.id])
  t.match(await ended(begun.id), { status: 'expired' })
})

await t.test(
  'by command line: the application is made, granted what the tier needs and no more, and serves',
  async (t) => {
    await bench.control('PATCH', '/settings', { newApplicationLagMs: 3_000 })
    const earlier = callsSeen(simulator).length
    writeFileSync(join(folder, 'ca.pem'), caPem)
    const cli = cliOf(dataDir)
    const said = await cli(
      ...['source', 'connect', '--device', '--no-wait', '--paused', '--name', 'contoso'],
      ...[
        '--tier',
        'password',
        '--extra',
        'groups',
        '--trust-ca',
        join(folder, 'ca.pem'),
        '--tenant',
        tenantId,
      ],
      ...['--login-url', loginUrl, '--graph-url', graphUrl],
    )
    t.match(said, /public client 14d82eec-204b-4c2f-b7e8-296a70dab67e/)
    t.match(said, /RoleManagement\.ReadWrite\.Directory/)
    const userCode = /enter the code (\S+)/.exec(said)?.[1] ?? ''
    const id = /source attempt (\S+)/.exec(said)?.[1] ?? ''
    t.equal((await enter(userCode)).title, 'Signed in')
    t.match(await ended(id), { status: 'connected', source: 'contoso' })
    t.match(await sources(), [
      { name: 'contoso', tier: 'password', extras: ['groups'], state: 'paused' },
    ])
    const [application, ...others] = made()
    t.same(others, [], 'the one that was there is used')
    t.same(
      [...(application?.permissions ?? [])].toSorted((a, b) => (a < b ? -1 : 1)),
      [
        'GroupMember.Read.All',
        'GroupMember.ReadWrite.All',
        'User-PasswordProfile.ReadWrite.All',
        'User.EnableDisableAccount.All',
        'User.Read.All',
        'User.ReadWrite.All',
        'User.RevokeSessions.All',
      ],
    )
    t.same([...(application?.directoryRoles ?? [])], ['User Administrator'])
    t.equal(application?.certificates.size, 1)
    t.same(application?.requiredPermissions, application?.permissions, 'the portal shows them')
    t.match([...(application?.redirectUris ?? [])], [/^http:\/\/localhost:\d+\/account\/microsoft/])
    t.same([...(application?.optionalClaims ?? [])], ['auth_time'])
    t.match(await daemon.api.send('POST', '/sources/contoso/sync', { dryRun: true }), {
      streams: [{ stream: 'people' }, { stream: 'groups' }],
    })
    const documented = new Map(documentedCalls().map((row) => [row.call, row]))
    const calls = callsSeen(simulator).slice(earlier)
    const isRefused = ({ status }: { status: number }) => status === 401 || status === 403
    t.same(calls.filter(isRefused), [])
    for (const { method, template, permission } of calls) {
      const row = documented.get(`${method} ${template}`)
      const isHers = template === '/organization' && permission === 'User.Read'
      const isWritten = row?.permissions.includes(permission ?? '') ?? false
      t.ok(isWritten || isHers, `${method} ${template} by ${permission}`)
    }
    t.ok(
      calls.some(({ template }) => template === '/serviceprincipals'),
      'they were seen',
    )
  },
)

await t.test('the key is sealed, the certificate is a year’s, and no token is kept', async (t) => {
  const { rows } = await database.query<{ config: { certificate: string }; row: string }>(
    'select config, row_to_json(source)::text as row from source',
  )
  const certificate = new X509Certificate(rows[0]?.config.certificate ?? '')
  const days = (Date.parse(certificate.validTo) - Date.now()) / 86_400_000
  t.ok(days > 390 && days < 400, `${days} days`)
  t.equal(certificate.publicKey.asymmetricKeyDetails?.modulusLength, 3072)
  const attempts = await database.query('select row_to_json(a)::text as row from connect_attempt a')
  for (const { row } of [...rows, ...attempts.rows]) t.notMatch(String(row), /PRIVATE KEY|eyJ/)
})

await t.test('a tenant that is connected is left alone', async (t) => {
  const begun = await begin({ name: 'again' })
  const before = [...(made()[0]?.certificates.keys() ?? [])]
  await enter(begun.userCode)
  t.match(await ended(begun.id), { status: 'refused', note: /connected already, as contoso/ })
  t.same([...(made()[0]?.certificates.keys() ?? [])], before)
})
