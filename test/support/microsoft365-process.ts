import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'

export interface SimulatorProcess {
  readonly loginUrl: string
  readonly graphUrl: string
  readonly tenantId: string
  readonly clientId: string
  readonly clientSecret: string
  readonly caPem: string
}

/** The simulator in a process of its own, so that a large tenant takes no time of the test's. */
export async function startMicrosoft365Process(
  t: Test,
  options: { readonly people: number; readonly seed: number; readonly dataDir: string },
): Promise<SimulatorProcess> {
  const { people, seed, dataDir } = options
  const args = ['--people', String(people), '--seed', String(seed), '--data', dataDir]
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', join('simulators', 'microsoft365', 'main.ts'), ...args],
    { env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  t.teardown(() => child.kill('SIGKILL'))
  let text = ''
  for await (const line of createInterface(child.stdout)) {
    text += line
    // The facts are one object over several lines.
    if (line !== '}') continue
    const { caFile, ...facts } = JSON.parse(text)
    return { ...facts, caPem: readFileSync(caFile, 'utf8') }
  }
  throw new Error('the simulator did not start')
}
