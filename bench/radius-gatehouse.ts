import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DemoFacts } from '../src/demo/facts.ts'
import { openDatabase } from '../src/storage/connection.ts'
import { end, untilReady } from './support/process.ts'

const LISTENERS = ['HTTP', 'HTTPS', 'LDAP', 'LDAPS', 'RADIUS_AUTH', 'RADIUS_ACCT', 'RADSEC']

/** As its log-ins of these benches are called in the record. */
const METHODS = ['radius-pap', 'eap-ttls-pap', 'eap-peap-mschapv2', 'eap-tls']

export interface Gatehouse {
  readonly pid: number
  readonly authPort: number
  readonly facts: DemoFacts
  /** Log-ins its record says were accepted; asked after the stop. */
  countAccepted(): Promise<number>
  stop(): Promise<void>
}

/** The product as built, its defaults but for free ports and a certificate that both sides show. */
export async function startGatehouse(
  folder: string,
  options: {
    readonly people: number
    readonly certificate: { readonly certFile: string; readonly keyFile: string }
  },
): Promise<Gatehouse> {
  const dataDir = join(folder, 'gatehouse')
  const main = new URL('../dist/src/main.js', import.meta.url)
  const demo = ['--data', dataDir, 'demo', '--people', String(options.people)]
  // The command `npx gatehouse` without its build: what is measured must not change while it runs.
  const launcher = join(folder, 'gatehouse.mjs')
  writeFileSync(
    launcher,
    `import { main } from ${JSON.stringify(main.href)}\nawait main(process.argv.slice(2))\n`,
  )
  const child = spawn(process.execPath, [...nodeArguments(), launcher, ...demo], {
    env: {
      PATH: process.env['PATH'],
      ...Object.fromEntries(LISTENERS.map((name) => [`GATEHOUSE_${name}_LISTEN`, '127.0.0.1:0'])),
      GATEHOUSE_TLS_CERT_FILE: options.certificate.certFile,
      GATEHOUSE_TLS_KEY_FILE: options.certificate.keyFile,
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const factsFile = join(dataDir, 'demo.json')
  await untilReady(child, () => existsSync(factsFile))
  const facts = JSON.parse(readFileSync(factsFile, 'utf8')) as DemoFacts
  return {
    pid: child.pid ?? 0,
    authPort: facts.radius.authPort,
    facts,
    countAccepted: () => countRows(dataDir),
    stop: () => end(child),
  }
}

/** For profiles, such as `--cpu-prof`. */
function nodeArguments(): readonly string[] {
  return (process.env['GATEHOUSE_BENCH_NODE_ARGS'] ?? '').split(' ').filter((arg) => arg !== '')
}

/** Rows stand for as many log-ins as their count says; the last ones are written at the stop. */
async function countRows(dataDir: string): Promise<number> {
  const database = await openDatabase({ dataDir })
  try {
    const { rows } = await database.pool.query<{ count: number }>(
      `select coalesce(sum(count), 0)::int as count from auth_event
      where outcome = 'success' and method = any($1)`,
      [METHODS],
    )
    return rows[0]?.count ?? 0
  } finally {
    await database.stop()
  }
}
