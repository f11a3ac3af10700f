import { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import t, { type Test } from 'tap'
import type { BegunDevice, ConnectAttempt, TierReport } from '../../src/admin/parts.ts'
import { type DaemonProcess, startDaemonProcess } from '../support/daemon-process.ts'
import { databaseFor } from '../support/database-for.ts'
import { Microsoft365Bench } from '../support/microsoft365.ts'
import { Browser } from '../support/microsoft365-browser.ts'

const ENDS_MS = 120_000
const { folder, url, env } = await databaseFor(t, 'device-daemons')
const start = (name: string) =>
  startDaemonProcess(t, { dataDir: join(folder, name), env, args: ['--migrate'] })
const first = await start('first')
const second = await start('second')
const database = new pg.Client({ connectionString: url })
await database.connect()
t.teardown(() => database.end())

/** A tenant of its own, whose login service hears late of what was made. */
async function makeTenant(t: Test, newApplicationLagMs: number): Promise<Microsoft365Bench> {
  const bench = await Microsoft365Bench.startFor(t, { people: 20, seed: t.name })
  const patti = bench.user('patti.fernandez')
  bench.simulator.tenant.setSignIn(patti, { password: 'President 1' })
  bench.simulator.tenant.setRoles(patti, ['Global Administrator'])
  await bench.control('PATCH', '/settings', { newApplicationLagMs })
  return bench
}

function begin({ api }: DaemonProcess, { simulator }: Microsoft365Bench, name: string) {
  const { loginUrl, graphUrl, caPem } = simulator
  const body = { loginUrl, graphUrl, ca: caPem, paused: true, name }
  return api.send<BegunDevice>('POST', '/sources/microsoft365/device', body)
}

async function enter(bench: Microsoft365Bench, { userCode }: BegunDevice): Promise<void> {
  const browser = new Browser(bench, bench.simulator.loginUrl)
  await browser.open(`${bench.simulator.loginUrl}/device`)
  await browser.submit({ otc: userCode })
  await browser.submit({ login: 'patti.fernandez@contoso.example', passwd: 'President 1' })
  await browser.submit({ choice: 'accept' })
}

/** Asked of the one that lives; looks until `isSo`. */
async function until(
  { api }: DaemonProcess,
  { id }: BegunDevice,
  isSo: (attempt: ConnectAttempt) => boolean,
): Promise<ConnectAttempt> {
  const untilMs = performance.now() + ENDS_MS
  for (;;) {
    const attempt = await api.get<ConnectAttempt>(`/sources/microsoft365/attempts/${id}`)
    if (isSo(attempt) || performance.now() > untilMs) return attempt
    await sleep(100)
  }
}

const isOver = ({ status }: ConnectAttempt) => status !== 'waiting' && status !== 'working'
const isProving = ({ note }: ConnectAttempt) => /not yet/.test(note ?? '')
const isWaiting = ({ note }: ConnectAttempt) => /another attempt is connecting/.test(note ?? '')

const madeIn = ({ simulator }: Microsoft365Bench) =>
  simulator.applications.all().filter(({ tags }) => tags.length > 0)

/** The one key in the registration is the one that the source signs in with. */
async function keysFit(bench: Microsoft365Bench, name: string): Promise<boolean> {
  const { rows } = await database.query<{ certificate: string }>(
    "select config ->> 'certificate' as certificate from source where name = $1",
    [name],
  )
  const made = madeIn(bench)
  const known = [...(made[0]?.certificates.values() ?? [])]
  const own = new X509Certificate(rows[0]?.certificate ?? '').publicKey
  return made.length === 1 && known.length === 1 && known[0]?.key.equals(own) === true
}

await t.test('two daemons at once make one application, and the key in it serves', async (t) => {
  const bench = await makeTenant(t, 3_000)
  const [one, two] = [await begin(first, bench, 'one'), await begin(second, bench, 'two')]
  await Promise.all([enter(bench, one), enter(bench, two)])
  const ends = [await until(first, one, isOver), await until(first, two, isOver)]
  const [connected, ...others] = ends.filter(({ status }) => status === 'connected')
  t.equal(others.length, 0)
  t.match(
    ends.find(({ status }) => status === 'refused')?.note,
    new RegExp(`connected already, as ${connected?.source}; nothing was made`),
  )
  t.ok(await keysFit(bench, connected?.source ?? ''))
  const daemon = connected?.source === 'one' ? second : first
  const { tiers } = await daemon.api.get<TierReport>(`/sources/${connected?.source}/tier`)
  t.same(tiers[0]?.missing, [], 'the other daemon signs in with it')
})

await t.test(
  'one that stands still loses its turn, and replaces nothing when it wakes',
  async (t) => {
    const bench = await makeTenant(t, 600_000)
    const one = await begin(first, bench, 'slow')
    await enter(bench, one)
    await until(first, one, isProving)
    const two = await begin(second, bench, 'quick')
    await enter(bench, two)
    t.match(await until(second, two, isWaiting), { status: 'working' })
    first.process.kill('SIGSTOP')
    await database.query('update connect_attempt set working_until = now() where id = $1', [one.id])
    await until(second, two, isProving)
    await bench.control('PATCH', '/settings', { newApplicationLagMs: 0 })
    for (const application of madeIn(bench)) application.knownFromMs = 0
    t.match(await until(second, two, isOver), { status: 'connected', source: 'quick' })
    first.process.kill('SIGCONT')
    t.match(await until(second, one, isOver), { status: /expired|refused/ })
    t.ok(await keysFit(bench, 'quick'))
  },
)

await t.test('of one that was killed, another takes the turn', async (t) => {
  const bench = await makeTenant(t, 600_000)
  const one = await begin(first, bench, 'killed')
  await enter(bench, one)
  await until(first, one, isProving)
  first.process.kill('SIGKILL')
  await database.query('update connect_attempt set working_until = now() where id = $1', [one.id])
  await bench.control('PATCH', '/settings', { newApplicationLagMs: 0 })
  for (const application of madeIn(bench)) application.knownFromMs = 0
  const two = await begin(second, bench, 'survivor')
  await enter(bench, two)
  t.match(await until(second, two, isOver), { status: 'connected', source: 'survivor' })
  t.ok(await keysFit(bench, 'survivor'))
})
