import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
// @ts-expect-error plain Node without types, as it runs before anything is installed
import { setup } from '../../scripts/setup.mjs'
import type { Status } from '../../src/admin/parts.ts'
import { ApiClient } from '../../src/cli/client.ts'
import { adminSocketPath } from '../../src/config/paths.ts'

const LISTENERS = ['HTTP', 'LDAP', 'LDAPS', 'RADIUS_AUTH', 'RADIUS_ACCT']
/** A first start makes a database, and others may keep the machine busy. */
const START_MS = 120_000

export interface DaemonProcess {
  readonly process: ChildProcess
  readonly api: ApiClient
  readonly status: Status
  readonly tookMs: number
  /** First address of a listener, such as `127.0.0.1:40123`. */
  address(listener: string): string
}

/** A daemon in a process of its own, as built, on free ports of loopback; killed with the test. */
export async function startDaemonProcess(
  t: Test,
  options: {
    readonly dataDir: string
    readonly env?: NodeJS.ProcessEnv
    readonly args?: readonly string[]
    /** Where its log goes; nowhere unless given. */
    readonly logFile?: string
  },
): Promise<DaemonProcess> {
  const { dataDir } = options
  // What has to be built first is no part of the start.
  await setup()
  const listen = LISTENERS.map((name) => [`GATEHOUSE_${name}_LISTEN`, '127.0.0.1:0'])
  const child = spawn(
    process.execPath,
    [join('scripts', 'gatehouse.mjs'), '--data', dataDir, 'serve', ...(options.args ?? [])],
    {
      env: {
        PATH: process.env['PATH'],
        ...Object.fromEntries(listen),
        GATEHOUSE_HTTPS_LISTEN: 'off',
        GATEHOUSE_LOG_LEVEL: 'warn',
        ...options.env,
      },
      stdio: [
        'ignore',
        options.logFile === undefined ? 'ignore' : openSync(options.logFile, 'a'),
        'pipe',
      ],
    },
  )
  t.teardown(() => child.kill('SIGKILL'))
  const said: Buffer[] = []
  child.stderr?.on('data', (chunk: Buffer) => said.push(chunk))
  const startedAtMs = performance.now()
  const socketPath = adminSocketPath({ dataDir })
  const api = new ApiClient({ socketPath, url: null, token: null, caFile: null })
  while (performance.now() - startedAtMs < START_MS) {
    if (child.exitCode !== null) break
    const status = existsSync(socketPath)
      ? await api.get<Status>('/status').catch(() => null)
      : null
    if (status !== null) {
      const tookMs = performance.now() - startedAtMs
      return {
        process: child,
        api,
        status,
        tookMs,
        address: (listener) => status.listeners[listener]?.[0] ?? '',
      }
    }
    await sleep(20)
  }
  child.kill('SIGKILL')
  throw new Error(`the daemon did not start: ${Buffer.concat(said).toString()}`)
}
