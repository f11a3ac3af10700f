import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import t from 'tap'
import type { SourceStatus } from '../../src/admin/parts.ts'
import { cliOf } from '../support/cli.ts'
import { startDaemonProcess } from '../support/daemon-process.ts'
import { databaseFor } from '../support/database-for.ts'
import { CLUSTER_CLAIMS, ForeignIssuer } from '../support/foreign-issuer.ts'
import { Microsoft365Bench } from '../support/microsoft365.ts'
import { permissionsUpTo } from '../support/push-bench.ts'

const { folder, url, env } = await databaseFor(t, 'federated')
const dataDir = join(folder, 'data')
const tokenFile = join(folder, 'token')
const caFile = join(folder, 'ca.pem')
const daemon = await startDaemonProcess(t, {
  dataDir,
  env: {
    ...env,
    GATEHOUSE_FEDERATED_TOKENS: `cluster=${tokenFile}, other=${join(folder, 'other')}`,
  },
  args: ['--migrate'],
})
const database = new pg.Client({ connectionString: url })
await database.connect()
t.teardown(() => database.end())

const bench = await Microsoft365Bench.startFor(t, { people: 5 })
const { simulator } = bench
const { loginUrl, graphUrl, caPem, tenantId, clientId } = simulator
writeFileSync(caFile, caPem)
const issuer = new ForeignIssuer()
const cli = cliOf(dataDir)
const connect = (federated = 'cluster', ...more: readonly string[]) =>
  cli(
    ...['source', 'connect', '--name', 'contoso', '--tenant', tenantId, '--client', clientId],
    ...['--login-url', loginUrl, '--graph-url', graphUrl, '--trust-ca', caFile, '--paused'],
    ...['--federated', federated, ...more],
  )
const dryRun = () => daemon.api.send('POST', '/sources/contoso/sync', { dryRun: true })
const shown = async () =>
  (await daemon.api.get<{ sources: readonly SourceStatus[] }>('/sources')).sources
const trust = (more: Readonly<Record<string, unknown>> = {}) =>
  bench.control('PATCH', '/application', {
    addFederatedCredential: {
      name: 'gatehouse',
      issuer: CLUSTER_CLAIMS.iss,
      subject: CLUSTER_CLAIMS.sub,
      issuerKeyPem: issuer.publicKeyPem,
      ...more,
    },
  })
const distrust = () => simulator.application.federatedCredentials.splice(0)

await t.test(
  'only a file that the configuration names is read, and no path is taken',
  async (t) => {
    await t.rejects(connect('elsewhere'), {
      message: /no token file elsewhere \(it has cluster, other\): add `elsewhere=/,
    })
    await t.rejects(connect('/etc/passwd'), { message: /federatedToken/ })
    await t.rejects(connect('../token'), { message: /federatedToken/ })
    await t.rejects(connect('cluster'), { message: /token file cluster \(.*\) does not exist/ })
    issuer.renew(tokenFile)
    writeFileSync(join(folder, 'secret'), 'hers')
    await t.rejects(connect('cluster', '--secret-file', join(folder, 'secret')), {
      message: /give one of the three/,
    })
    t.same(await shown(), [])
  },
)

await t.test(
  'a token that the registration does not expect is shown with what it says',
  async (t) => {
    const says =
      /the file’s token says issuer "https:\/\/cluster\.example\/oidc", subject "system:serviceaccount:gatehouse:gatehouse", audience "api:\/\/AzureADTokenExchange"/
    await t.rejects(connect(), { message: says })
    for (const [more, code] of [
      [{ issuer: 'https://cluster.example/oidc/' }, /AADSTS700211/],
      [{ subject: 'system:serviceaccount:gatehouse:Gatehouse' }, /AADSTS700213/],
      [{ audiences: 'https://cluster.example' }, /AADSTS700212/],
    ] as const) {
      await trust(more)
      await t.rejects(connect(), { message: says })
      await t.rejects(connect(), { message: code })
      distrust()
    }
    await trust({ issuerKeyPem: new ForeignIssuer().publicKeyPem })
    await t.rejects(connect(), { message: /AADSTS50013/ })
    distrust()
    t.same(await shown(), [])
  },
)

await t.test('steps for the file say what to enter, for each tool', async (t) => {
  for (const tool of ['portal', 'az', 'powershell', 'terraform']) {
    const said = await cli('source', 'steps', '--federated', 'cluster', '--tool', tool)
    t.match(said, CLUSTER_CLAIMS.sub, tool)
    t.match(said, /--federated cluster/)
  }
  await t.rejects(cli('source', 'steps', '--federated', 'other'), { message: /does not exist/ })
})

await t.test('it signs in with the token, and reads it anew as it changes', async (t) => {
  await trust()
  await connect()
  t.match(await shown(), [
    { name: 'contoso', credential: { kind: 'federated', expiresAt: null, tokenFile: 'cluster' } },
  ])
  await dryRun()
  issuer.renew(tokenFile, { sub: 'somebody-else' })
  await t.rejects(cli('source', 'tier', 'contoso'), { message: /says .*"somebody-else"/ })
  issuer.renew(tokenFile)
  t.match(await cli('source', 'tier', 'contoso'), /User\.Read\.All/)
  t.match(await cli('source', 'health', 'contoso'), /federated, .*nothing here expires/)
  const permissions = [...permissionsUpTo('write-back'), 'LicenseAssignment.Read.All']
  await bench.control('PATCH', '/application', { permissions })
  await cli('source', 'set-tier', 'contoso', 'write-back')
  await cli('source', 'set-extra', 'contoso', 'licences')
  t.match(await cli('source', 'licences', 'contoso'), /SPE_E3|ENTERPRISEPACK|SPE_F1/)
})

await t.test('an expired token, and one that is gone, say so', async (t) => {
  issuer.renew(tokenFile, { exp: Math.floor(Date.now() / 1000) - 1 })
  await t.rejects(cli('source', 'tier', 'contoso'), { message: /expired at 20/ })
  rmSync(tokenFile)
  await t.rejects(cli('source', 'tier', 'contoso'), { message: /does not exist: mount it there/ })
  issuer.renew(tokenFile)
  await cli('source', 'tier', 'contoso')
})

await t.test('neither token nor path is kept, and there is nothing to rotate', async (t) => {
  await t.rejects(cli('source', 'rotate', 'contoso'), {
    message: /token in the file cluster, which its issuer renews: there is nothing to rotate/,
  })
  const { rows } = await database.query<{ row: string }>(
    'select row_to_json(s)::text as row from source s',
  )
  t.match(rows[0]?.row, /"federatedToken": ?"cluster"/)
  t.notMatch(rows[0]?.row, /eyJ/)
  t.notOk(rows[0]?.row.includes(tokenFile))
})

await t.test('a secret takes its place, and it takes that of the secret', async (t) => {
  writeFileSync(join(folder, 'secret'), simulator.clientSecret)
  await cli('source', 'set-secret', 'contoso', '--secret-file', join(folder, 'secret'))
  distrust()
  await dryRun()
  t.match(await shown(), [{ credential: { kind: 'secret', tokenFile: null } }])
  await t.rejects(cli('source', 'set-secret', 'contoso', '--federated', 'cluster'), {
    message: /AADSTS70025/,
  })
  t.match(await shown(), [{ credential: { kind: 'secret' } }], 'the old one stays')
  await trust()
  await cli('source', 'set-secret', 'contoso', '--federated', 'cluster')
  t.match(await shown(), [{ credential: { kind: 'federated', tokenFile: 'cluster' } }])
})

await t.test('a daemon whose configuration lacks the file says so, and serves on', async (t) => {
  const bare = join(folder, 'bare')
  await startDaemonProcess(t, { dataDir: bare, env })
  await t.rejects(cliOf(bare)('source', 'tier', 'contoso'), {
    message: /no token file cluster: add `cluster=/,
  })
})
