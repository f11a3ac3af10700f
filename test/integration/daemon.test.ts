import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type DaemonProcess, startDaemonProcess } from '../support/daemon-process.ts'
import { embeddedDirectory } from '../support/database.ts'
import { run } from '../support/run.ts'

/** Not the first start, which makes a database, but any other, also after SIGKILL. */
const SECOND_START_MS = 5_000
/** The best of so many counts. */
const KILLS = 3

function scratch(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'gh-daemon-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** On a machine with more to do than it can, everything takes as much longer. */
function limitMs(): number {
  return SECOND_START_MS * Math.max(1, (loadavg()[0] ?? 0) / availableParallelism())
}

async function end(daemon: DaemonProcess, signal: NodeJS.Signals): Promise<unknown> {
  const exited = once(daemon.process, 'exit')
  daemon.process.kill(signal)
  return (await exited)[0]
}

async function namesOf(daemon: DaemonProcess): Promise<readonly string[]> {
  const { networks } = await daemon.api.get<{ networks: { name: string }[] }>('/networks')
  return networks.map(({ name }) => name)
}

await t.test(
  'killed, it serves again in time, and with everything it had said yes to',
  async (t) => {
    const dataDir = await embeddedDirectory(t)
    const env = { GATEHOUSE_KEY_FILE: join(scratch(t), 'key') }
    let daemon = await startDaemonProcess(t, { dataDir, env })
    const took: number[] = []
    for (let kill = 1; kill <= KILLS; kill++) {
      await daemon.api.send('POST', '/networks', { name: `n${kill}`, everyone: true })
      t.equal(await end(daemon, 'SIGKILL'), null, 'it is gone')
      daemon = await startDaemonProcess(t, { dataDir, env })
      took.push(Math.round(daemon.tookMs))
      const expected = Array.from({ length: kill }, (_, at) => `n${at + 1}`)
      t.same((await namesOf(daemon)).toSorted(), expected)
      const ready = await fetch(`http://${daemon.address('http')}/ready`)
      t.equal(ready.status, 200)
    }
    t.comment(`second start after SIGKILL: ${took.join(', ')} ms`)
    t.ok(Math.min(...took) <= limitMs(), `${took.join(', ')} ms`)
    t.equal(await end(daemon, 'SIGTERM'), 0, 'and a stop in order ends with 0')
  },
)

await t.test('a start that must not go on ends with words that help', async (t) => {
  const folder = scratch(t)
  const dataDir = await embeddedDirectory(t)
  const keyFile = join(folder, 'key')
  const env = { GATEHOUSE_KEY_FILE: keyFile }
  const serve = () =>
    run(process.execPath, ['scripts/gatehouse.mjs', '--data', dataDir, 'serve'], { env })
  const daemon = await startDaemonProcess(t, { dataDir, env })
  const second = await serve()
  t.equal(second.code, 1)
  t.match(second.stderr, new RegExp(`is in use by .*${daemon.process.pid}`))
  await daemon.api.send('POST', '/networks', { name: 'corp', everyone: true })
  t.equal(await end(daemon, 'SIGTERM'), 0)

  const faults: [string, () => void, RegExp][] = [
    ['open to others', () => chmodSync(keyFile, 0o644), /chmod 600/],
    ['missing', () => renameSync(keyFile, `${keyFile}.away`), /is missing.*Put the file back/s],
  ]
  for (const [what, spoil, words] of faults) {
    spoil()
    const { code, stderr } = await serve()
    t.same([code, words.test(stderr)], [1, true], `${what}: ${stderr.slice(0, 300)}`)
  }
  t.same(readdirSync(folder), ['key.away'], 'and no other key was made')
})
