import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type Demo, startDemo } from '../../src/demo/demo.ts'

const LISTENERS = ['HTTP', 'HTTPS', 'LDAP', 'LDAPS', 'RADIUS_AUTH', 'RADIUS_ACCT', 'RADSEC']

export interface TestDemo extends Demo {
  readonly dataDir: string
}

/**
 * The whole product on free ports of loopback, filled from the simulated tenant; stopped and removed
 * with the test, or by it when it wants to look at what is left behind.
 *
 * @param options.databaseUrl a real PostgreSQL instead of the embedded database
 * @param options.env more settings, by the names they have in the environment
 */
export async function startTestDemo(
  t: Test,
  options: {
    readonly people?: number
    readonly isEmpty?: boolean
    readonly databaseUrl?: string
    readonly env?: NodeJS.ProcessEnv
  } = {},
): Promise<TestDemo> {
  const folder = mkdtempSync(join(tmpdir(), 'gh-demo-'))
  const dataDir = join(folder, 'data')
  const listeners = LISTENERS.map((name) => [`GATEHOUSE_${name}_LISTEN`, '127.0.0.1:0'])
  const env = {
    ...Object.fromEntries(listeners),
    ...(options.databaseUrl === undefined ? {} : { GATEHOUSE_DATABASE_URL: options.databaseUrl }),
    ...options.env,
  }
  const demo = await startDemo({
    dataDir,
    people: options.people ?? 24,
    password: PASSWORD,
    isFresh: false,
    isEmpty: options.isEmpty ?? false,
    env,
    signal: AbortSignal.timeout(120_000),
    say: () => undefined,
  })
  let stopping: Promise<void> | null = null
  const stop = () => {
    stopping ??= demo.stop()
    return stopping
  }
  t.teardown(async () => {
    await stop()
    rmSync(folder, { recursive: true, force: true })
  })
  return { facts: demo.facts, stop, dataDir }
}

export const PASSWORD = 'Correct horse 7 battery'
