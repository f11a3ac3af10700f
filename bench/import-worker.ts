import { sql } from 'kysely'
import pg from 'pg'
import { DEFAULT_SCOPE } from '../src/sources/judge-people.ts'
import { SyncEngine } from '../src/sources/sync.ts'
import { openDatabase } from '../src/storage/connection.ts'
import { stamp } from '../src/storage/journal.ts'
import { migrate } from '../src/storage/migrate.ts'
import { PostgresSyncStore } from '../src/storage/sync-store.ts'
import { connectTenant } from './support/tenant-source.ts'

const task = JSON.parse(process.argv[2] ?? '') as Record<string, string>
const { tenantId = '', clientId = '', clientSecret = '', loginUrl = '', graphUrl = '' } = task
const { caPem = '', controlUrl = '', database = '' } = task
const signal = new AbortController().signal

const name = `bench_${Date.now()}`
const url = new URL(database)
const admin = new pg.Client({ connectionString: database })
await admin.connect()
await admin.query(`create database ${name}`)
await admin.end()
url.pathname = `/${name}`

let longestTransactionMs = 0
let transactionsOver250Ms = 0
const db = await openDatabase({
  url: url.href,
  onTransaction: ({ durationMs }) => {
    longestTransactionMs = Math.max(longestTransactionMs, durationMs)
    if (durationMs > 250) transactionsOver250Ms += 1
  },
})
await migrate(db.kysely)
longestTransactionMs = 0
transactionsOver250Ms = 0

const { source, sourceId } = await connectTenant(db, {
  ...{ tenantId, clientId, clientSecret },
  ...{ loginUrl, graphUrl, caPem },
})
const store = new PostgresSyncStore(db)
const engine = new SyncEngine({ source, store, sourceId, scope: DEFAULT_SCOPE })

// The journal is stamped meanwhile, as a daemon's feed does.
let isImporting = true
const stamping = (async () => {
  while (isImporting) {
    while ((await stamp(db.kysely)) >= 2_000);
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
})()

const startedMs = performance.now()
let phase = ''
await engine.run({
  signal,
  onProgress(progress) {
    const now = `${progress.stream} ${progress.phase}`
    if (now === phase) return
    phase = now
    process.stderr.write(`${((performance.now() - startedMs) / 1_000).toFixed(1)} s: ${now}\n`)
  },
})
const importSeconds = (performance.now() - startedMs) / 1_000
isImporting = false
await stamping
const peakRssMb = process.resourceUsage().maxRSS / 1024

let statements = 0
const query = pg.Client.prototype.query
Object.assign(pg.Client.prototype, {
  query(this: pg.Client, ...parameters: unknown[]) {
    statements += 1
    return Reflect.apply(query, this, parameters)
  },
})
await engine.run({ signal })
statements = 0
const before = process.cpuUsage()
const ROUNDS = 10
for (let round = 0; round < ROUNDS; round++) await engine.run({ signal })
const used = process.cpuUsage(before)

await fetch(`${controlUrl}/random-changes`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ count: 1_000, seed: 'bench' }),
})
const idleStatements = statements / ROUNDS
const changesMs = performance.now()
await engine.run({ signal })
const changesSeconds = (performance.now() - changesMs) / 1_000

const { rows } = await sql<{ people: number; groups: number; memberships: number }>`
  select (select count(*) from person) as people, (select count(*) from directory_group) as groups,
    (select count(*) from membership) as memberships`.execute(db.kysely)
process.stdout.write(
  JSON.stringify({
    importSeconds,
    peakRssMb,
    ...rows[0],
    idleCpuMs: (used.user + used.system) / 1_000 / ROUNDS,
    idleStatements,
    changesSeconds,
    longestTransactionMs,
    transactionsOver250Ms,
  }),
)
await db.stop()
