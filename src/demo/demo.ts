import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { startMicrosoft365 } from '../../simulators/microsoft365/index.ts'
import { isAnswered } from '../admin/server.ts'
import { CliError } from '../cli/client.ts'
import { loadConfig } from '../config/load.ts'
import { adminSocketPath, authorityFile } from '../config/paths.ts'
import { type Daemon, startDaemon } from '../daemon.ts'
import { makeLog } from '../observe/log.ts'
import { EXTRAS } from '../sources/microsoft365/settings.ts'
import { permissionsOf } from '../sources/microsoft365/steps.ts'
import { formatEnv } from './env.ts'
import { type DemoFacts, makeFacts } from './facts.ts'
import { DEMO_TIER, fillDirectory } from './fill.ts'
import { chooseListeners } from './ports.ts'
import { formatSupplicant } from './screen.ts'
import { isDemoFolder, readSecrets, writePrivate, writeWhole } from './secrets.ts'
import { prepareTenant } from './tenant.ts'

export interface DemoOptions {
  readonly dataDir: string
  /** Users in the simulated tenant, the named ones included. */
  readonly people: number
  readonly password: string
  readonly isFresh: boolean
  /** Nothing is connected or imported yet. Always anew, as the tenant forgets what was connected. */
  readonly isEmpty: boolean
  readonly env: NodeJS.ProcessEnv
  readonly signal: AbortSignal
  say(line: string): void
}

export interface Demo {
  readonly facts: DemoFacts
  stop(): Promise<void>
}

const SEED = 1
const PRIVATE = 0o700

/**
 * The simulator and the daemon together, filled through the real sync engine. Resolves when it
 * serves, with `demo.json` written: outside tools start the product through that file.
 */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const { say } = options
  const dataDir = resolve(options.dataDir)
  const factsFile = join(dataDir, 'demo.json')
  await refuseSecond(dataDir)
  if (options.isFresh || options.isEmpty) removeDemo(dataDir)
  rmSync(factsFile, { force: true })
  mkdirSync(dataDir, { recursive: true, mode: PRIVATE })

  const config = loadConfig({
    env: options.env,
    overrides: new Map([['data_dir', { text: dataDir, place: 'demo' }]]),
    defaults: await chooseListeners(options.env, say),
  })
  say('starting the simulated Microsoft 365 tenant …')
  const simulator = await startMicrosoft365({
    people: options.people,
    seed: SEED,
    dataDir: join(dataDir, 'microsoft365'),
    permissions: permissionsOf(DEMO_TIER, EXTRAS),
  })
  let daemon: Daemon | null = null
  try {
    say('starting the daemon on the embedded database …')
    const log = makeLog({ level: config.logLevel === 'info' ? 'warn' : config.logLevel })
    daemon = await startDaemon(config, { signal: options.signal, log, mayMigrate: true })
    const { password, isEmpty } = options
    const listeners = daemon.listeners()
    const tenant = await prepareTenant(simulator, { dataDir, password, listeners })
    const secrets = await fillDirectory(daemon, simulator, {
      dataDir,
      password,
      secrets: readSecrets(dataDir),
      isEmpty,
      say,
    })
    const caFile = authorityFile(config)
    const facts = makeFacts({ daemon, simulator, secrets, password, caFile })
    writePrivate(join(dataDir, 'env.sh'), formatEnv(facts, { dataDir, tenant, password }))
    writePrivate(join(dataDir, 'corp.conf'), formatSupplicant(facts, password))
    writeWhole(factsFile, facts)
    const running = daemon
    return {
      facts,
      async stop() {
        rmSync(factsFile, { force: true })
        await running.stop()
        await simulator.stop()
      },
    }
  } catch (error) {
    await daemon?.stop()
    await simulator.stop()
    throw error
  }
}

/** Before anything is touched: the facts in that folder may be those of a demo that serves. */
async function refuseSecond(dataDir: string): Promise<void> {
  if (await isAnswered(adminSocketPath({ dataDir }))) {
    throw new CliError(
      `a daemon already serves from ${dataDir}: stop it first, or give this one another --data`,
    )
  }
}

/** Only what a demo made is removed: anything else in that folder is somebody's. */
function removeDemo(dataDir: string): void {
  if (!existsSync(dataDir)) return
  if (!isDemoFolder(dataDir))
    throw new CliError(`${dataDir} was not made by the demo, so --fresh does not remove it`)
  for (const path of [dataDir, `${dataDir}.key`]) rmSync(path, { recursive: true, force: true })
}
