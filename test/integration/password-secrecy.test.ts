import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { Client } from 'ldapts'
import t from 'tap'
import { current } from '../../simulators/microsoft365/tenant/tenant.ts'
import { hiddenField, linkIn, Visitor } from '../support/account-visitor.ts'
import { startDaemonProcess } from '../support/daemon-process.ts'
import { databaseFor } from '../support/database-for.ts'
import { filesBelow, findIn, formsOf } from '../support/find-marks.ts'
import { Microsoft365Bench } from '../support/microsoft365.ts'
import { askPap, nasAt } from '../support/radius-pap.ts'
import { withTools } from '../support/tools.ts'

/** In every password; nothing else in the world has it. */
const MARK = 'Zq7Marked'
const WORDS = 'owls sing moles dig mice dance yaks drift swans glide newts climb rooks soar'.split(
  ' ',
)
const QUIET_MS = 30_000
/** Collects garbage at a signal, as a test may ask it of a daemon that knows nothing of it. */
const COLLECTOR = `
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isMainThread } from 'node:worker_threads'
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')
if (isMainThread) process.on('SIGUSR2', () => { collect(); collect() })
`

function isCloudOnly({ simulator: { tenant } }: Microsoft365Bench, name: string): boolean {
  const user = tenant.findUser(`${name}@contoso.example`)
  if (user === null || tenant.rolesOf(user.id).length > 0) return false
  return current(user).properties['onPremisesSyncEnabled'] !== true
}

let made = 0
const passwords: string[] = []

/** One that every rule takes, here and in the tenant. */
function aPassword(): string {
  made += 1
  const [first, second] = [WORDS[made % WORDS.length], WORDS[(made * 5 + 3) % WORDS.length]]
  const password = `${MARK}-${made * 7919} ${first} ${second} ${made}!`
  passwords.push(password)
  return password
}

await withTools(
  t,
  { name: '50 passwords, set and used in every way, are kept nowhere', tools: ['gcore'] },
  async (t) => {
    const { folder, server, env } = await databaseFor(t, 'secrecy')
    const bench = await Microsoft365Bench.startFor(t, { people: 40, seed: 1 })
    const logFile = join(folder, 'log')
    const collector = join(folder, 'collector.mjs')
    writeFileSync(collector, COLLECTOR)
    const daemon = await startDaemonProcess(t, {
      dataDir: join(folder, 'data'),
      logFile,
      env: {
        ...env,
        GATEHOUSE_LOG_LEVEL: 'debug',
        NODE_OPTIONS: `--import=${collector}`,
      },
      args: ['--migrate'],
    })
    const pap = (username: string, password: string) =>
      askPap(nasAt(daemon.address('radiusAuth')), { username, password }, 10_000)
    const { api } = daemon
    const { tenantId, clientId, clientSecret, loginUrl, graphUrl, caPem: ca } = bench.simulator
    const source = { name: 'contoso', tenantId, clientId, clientSecret, loginUrl, graphUrl, ca }
    await api.send('POST', '/sources/microsoft365', source)
    await api.send('POST', '/sources/contoso/sync', {})
    await api.send('POST', '/people/activate', { allStaged: true })
    await api.send('POST', '/nas', {
      ...{ name: 'loopback', addresses: ['127.0.0.0/8'], secret: 'testing123' },
    })
    await api.send('POST', '/networks', { name: 'any', everyone: true, methods: ['pap'] })
    const { people } = await api.get<{ people: { username: string }[] }>('/people?state=active')
    const names = people.map(({ username }) => username)
    const base = `http://${daemon.address('http')}`

    const bind = async (username: string, password: string) => {
      const client = new Client({ url: `ldap://${daemon.address('ldap')}` })
      const dn = `uid=${username},ou=people,dc=contoso,dc=example`
      const isIn = await client.bind(dn, password).then(
        () => true,
        () => false,
      )
      await client.unbind()
      return isIn
    }
    const set = (username: string, password: string) =>
      api.send('PUT', `/people/${username}/password`, { password })

    const byAdmin = async (username: string) => {
      const password = aPassword()
      await set(username, password)
      t.ok(await bind(username, password), 'LDAP')
      t.ok(await pap(username, password), 'RADIUS')
    }
    const byLink = async (username: string) => {
      const path = `/people/${username}/activation-link`
      const { link } = await api.send<{ link: string }>('POST', path, { mail: false })
      const visitor = new Visitor(base)
      const token = hiddenField((await visitor.open(linkIn(link))).text, 'token')
      await visitor.submit('/account/activate', { token })
      const password = aPassword()
      t.equal((await visitor.choosePassword(password)).status, 303)
      return password
    }
    const byChange = async (username: string, before: string) => {
      const visitor = new Visitor(base)
      await visitor.submit('/account/sign-in', { username, password: before })
      const password = aPassword()
      t.equal((await visitor.choosePassword(password)).status, 303)
      t.ok(await bind(username, password))
    }
    const wrongly = async (username: string) => {
      t.notOk(await bind(username, aPassword()))
      t.notOk(await pap(username, aPassword()))
    }

    for (const name of names.slice(0, 8)) await byAdmin(name)
    for (const name of names.slice(8, 16)) await byChange(name, await byLink(name))
    for (const name of names.slice(16, 22)) await wrongly(name)
    await bench.control('PATCH', '/application', {
      directoryRoles: ['User Administrator'],
      permissions: [
        ...['User.Read.All', 'GroupMember.Read.All', 'User.EnableDisableAccount.All'],
        ...['User.RevokeSessions.All', 'User.ReadWrite.All', 'User-PasswordProfile.ReadWrite.All'],
      ],
    })
    await api.send('PUT', '/sources/contoso/tier', { tier: 'password' })
    const inTenant = names.filter((name) => isCloudOnly(bench, name))
    for (const name of inTenant.slice(-5)) await byChange(name, await byLink(name))
    const others = inTenant.slice(0, -5)
    for (let at = others.length; passwords.length < 50; at--) await byAdmin(others[at - 1] ?? '')
    t.ok(passwords.length >= 50)

    await sleep(QUIET_MS)
    daemon.process.kill('SIGUSR2')
    await api.get('/status')
    const forms = formsOf(MARK)

    await t.test(
      'neither in the database, its journal of writes, the log nor a backup',
      async (t) => {
        const { secret: token } = await api.send<{ secret: string }>('POST', '/api-tokens', {
          name: 'backup',
        })
        const headers = { authorization: `Bearer ${token}` }
        const backup = await fetch(`${base}/api/v1/backup`, {
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/json' },
          body: '{}',
        })
        t.equal(backup.status, 200)
        const archive = gunzipSync(Buffer.from(await backup.arrayBuffer()))
        t.ok(archive.includes('argon2id'), 'that is a backup')
        writeFileSync(join(folder, 'backup.text'), archive)
        const files = [logFile, join(folder, 'backup.text'), ...filesBelow(server.socketDir)]
        for (const file of files) {
          const found = await findIn(file, forms)
          if (found.length > 0) t.same(found, [], file)
        }
        t.ok(readFileSync(logFile, 'utf8').includes('daemon.serving'), 'that is the log')
      },
    )

    await t.test('nor in a core dump, 30 s after the last of them was used', async (t) => {
      const core = join(folder, 'core')
      const { pid } = daemon.process
      const run = spawnSync('gcore', ['-o', core, String(pid)], { encoding: 'utf8' })
      t.equal(run.status, 0, run.stderr)
      const found = await findIn(`${core}.${pid}`, forms)
      if (process.env['SECRECY_REPORT'] !== undefined)
        writeFileSync(process.env['SECRECY_REPORT'], JSON.stringify(found, null, 1))
      t.same(found, [])
    })
  },
)
