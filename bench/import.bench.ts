import { spawn } from 'node:child_process'
import { cpus, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { startMicrosoft365 } from '../simulators/microsoft365/index.ts'
import { startPostgres, urlOf } from '../test/support/postgres.ts'

/**
 * First import of a whole tenant, the round after it that brings nothing, and one that brings 1,000
 * changes. The tenant answers from this process, the engine runs in one of its own, so that its
 * memory and CPU are its own. ARCHITECTURE §7 has the budgets.
 */
const DELAY_MS = 30
const SIZES = (process.env['GATEHOUSE_BENCH_PEOPLE'] ?? '10000,100000').split(',').map(Number)
const BUDGET = {
  importSeconds: 120,
  rssMb: 700,
  idleCpuMs: 20,
  idleStatements: 5,
  changesSeconds: 3,
}

interface Measured {
  readonly importSeconds: number
  readonly peakRssMb: number
  readonly people: number
  readonly groups: number
  readonly memberships: number
  readonly idleCpuMs: number
  readonly idleStatements: number
  readonly changesSeconds: number
  readonly longestTransactionMs: number
  readonly transactionsOver250Ms: number
}

async function measure(people: number, socketDir: string): Promise<Measured> {
  const groups = Math.ceil(people / 20)
  const tenant = await startMicrosoft365({ people, groups, seed: `bench ${people}` })
  tenant.settings.change({ delayMs: DELAY_MS, throttling: { quota: 'documented' } })
  try {
    const { tenantId, clientId, clientSecret, loginUrl, graphUrl, caPem, controlUrl } = tenant
    const connection = { tenantId, clientId, clientSecret, loginUrl, graphUrl, caPem, controlUrl }
    return await runWorker({ ...connection, database: urlOf(socketDir, 'postgres'), people })
  } finally {
    await tenant.stop()
  }
}

function runWorker(task: object): Promise<Measured> {
  const file = fileURLToPath(new URL('import-worker.ts', import.meta.url))
  return new Promise((resolve, reject) => {
    const worker = spawn(process.execPath, [...process.execArgv, file, JSON.stringify(task)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    worker.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    worker.on('error', reject)
    worker.on('exit', (code) => {
      if (code === 0) resolve(JSON.parse(text) as Measured)
      else reject(new Error(`the worker ended with ${code}`))
    })
  })
}

function line(cells: readonly string[]): string {
  const [first = '', ...rest] = cells
  return `${first.padEnd(34)}${rest.map((cell) => cell.padStart(14)).join('')}\n`
}

function table(results: readonly (readonly [number, Measured])[]): string {
  const row = (name: string, read: (m: Measured) => number, budget: string) =>
    line([name, ...results.map(([, m]) => read(m).toFixed(read(m) < 100 ? 1 : 0)), budget])
  return [
    line([
      'people in the tenant',
      ...results.map(([people]) => String(people)),
      'budget at 100,000',
    ]),
    row('first import, s', (m) => m.importSeconds, String(BUDGET.importSeconds)),
    row('peak RSS, MB', (m) => m.peakRssMb, String(BUDGET.rssMb)),
    row('imported people', (m) => m.people, ''),
    row('imported groups', (m) => m.groups, ''),
    row('memberships', (m) => m.memberships, ''),
    row('nothing changed, CPU ms', (m) => m.idleCpuMs, String(BUDGET.idleCpuMs)),
    row('nothing changed, statements', (m) => m.idleStatements, String(BUDGET.idleStatements)),
    row('1,000 changes, s', (m) => m.changesSeconds, String(BUDGET.changesSeconds)),
    row('longest transaction, ms', (m) => m.longestTransactionMs, '250'),
    row('transactions over 250 ms', (m) => m.transactionsOver250Ms, '0'),
  ].join('')
}

const [cpu] = cpus()
process.stdout.write(
  `\nImport from Microsoft 365 into PostgreSQL; ${cpus().length} × ${cpu?.model ?? 'CPU'}, ` +
    `${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, ${DELAY_MS} ms a request\n\n`,
)
const server = await startPostgres()
try {
  const results: (readonly [number, Measured])[] = []
  for (const people of SIZES) results.push([people, await measure(people, server.socketDir)])
  process.stdout.write(table(results))
} finally {
  await server.stop()
}
