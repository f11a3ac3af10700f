import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { startDaemonProcess } from '../support/daemon-process.ts'
import { embeddedDirectory } from '../support/database.ts'
import { findBinaries, startPostgres, urlOf } from '../support/postgres.ts'
import { run } from '../support/run.ts'

const needsPostgres = { skip: findBinaries() || process.env['CI'] ? false : 'no PostgreSQL here' }
const PASSPHRASE = 'nine wise owls'

await t.test(
  'gatehouse backup from a daemon that serves, gatehouse restore to PostgreSQL, and it serves from there',
  needsPostgres,
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'gh-backup-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const server = await startPostgres()
    t.teardown(() => server.stop())
    const path = (name: string) => join(folder, name)
    const gatehouse = (dataDir: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
      run(process.execPath, ['scripts/gatehouse.mjs', '--data', dataDir, ...args], { env })
    writeFileSync(path('passphrase'), `${PASSPHRASE}\n`)

    const smallDir = await embeddedDirectory(t)
    const smallEnv = { GATEHOUSE_KEY_FILE: path('small.key') }
    const small = await startDaemonProcess(t, { dataDir: smallDir, env: smallEnv })
    await small.api.send('POST', '/networks', { name: 'corp', everyone: true })
    const nas = { name: 'office', addresses: ['10.0.0.0/8'], secret: 'testing123' }
    await small.api.send('POST', '/nas', nas)
    const { secret: token } = await small.api.send<{ secret: string }>(
      'POST',
      '/scim-connections',
      { name: 'app' },
    )

    const file = path('all.gatehouse')
    const backup = ['backup', file, '--passphrase-file', path('passphrase')]
    const made = await gatehouse(smallDir, backup, smallEnv)
    t.equal(made.code, 0, made.stderr)
    t.equal(statSync(file).mode & 0o777, 0o600)
    const refused = await gatehouse(smallDir, ['restore', file], smallEnv)
    t.same([refused.code, /stop it first/.test(refused.stderr)], [1, true], refused.stderr)
    const exited = once(small.process, 'exit')
    small.process.kill('SIGTERM')
    await exited

    const env = { GATEHOUSE_DATABASE_URL: urlOf(server.socketDir, 'postgres') }
    const restore = ['restore', file, '--passphrase-file', path('passphrase')]
    const bytes = readFileSync(file)
    writeFileSync(path('half'), bytes.subarray(0, bytes.length - 9))
    const half = await gatehouse(path('large'), ['restore', path('half'), ...restore.slice(2)], env)
    t.same([half.code, /not a whole backup/.test(half.stderr)], [1, true], half.stderr)
    t.notOk(existsSync(path('large.key')), 'nothing is left of it')
    const restored = await gatehouse(path('large'), restore, env)
    t.equal(restored.code, 0, restored.stderr)
    const again = await gatehouse(path('large'), restore, env)
    t.same([again.code, /not empty/.test(again.stderr)], [1, true], again.stderr)

    const large = await startDaemonProcess(t, { dataDir: path('large'), env })
    const { networks } = await large.api.get<{ networks: { name: string }[] }>('/networks')
    t.same(
      networks.map(({ name }) => name),
      ['corp'],
    )
    const answer = await fetch(`http://${large.address('http')}/scim/v2/Users`, {
      headers: { authorization: `Bearer ${token}` },
    })
    t.equal(answer.status, 200, 'a token from before is good')
  },
)
