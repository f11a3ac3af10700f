import { cpus, totalmem } from 'node:os'
import { startMicrosoft365 } from '../simulators/microsoft365/index.ts'
import type { PeopleQuery, PersonFilter } from '../src/sources/import.ts'
import { DEFAULT_SCOPE } from '../src/sources/judge-people.ts'
import { SyncEngine } from '../src/sources/sync.ts'
import { type Database, openDatabase } from '../src/storage/connection.ts'
import { PostgresImportStore } from '../src/storage/import-store.ts'
import { migrate } from '../src/storage/migrate.ts'
import { PostgresSyncStore } from '../src/storage/sync-store.ts'
import { startPostgres, urlOf } from '../test/support/postgres.ts'
import { median } from './support/median.ts'
import { ADMIN, connectTenant } from './support/tenant-source.ts'

/**
 * An admin before a whole tenant, of whom nobody has come in yet: how long each look takes, with and
 * without a run under way. Nothing here has a budget of its own; a second is what people wait for
 * without losing their thread.
 */
const PEOPLE = Number(process.env['GATEHOUSE_BENCH_PEOPLE'] ?? 100_000)
const LOOKS = 10
const PAGE = 100
const signal = new AbortController().signal

const ALL: PeopleQuery = { filter: {}, match: null, isChosen: null, after: null, limit: PAGE }
const FILTERS: Readonly<Record<string, PersonFilter>> = {
  'first page': {},
  'licensed, no guests': { licensed: true, guest: false },
  'of a department': { department: 'Sales' },
  'searched, few found': { search: 'adele' },
  'searched, nobody found': { search: 'qqqqqq' },
}

type Row = readonly [what: string, times: readonly number[]]

async function took(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return performance.now() - startedMs
}

async function repeat(work: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = []
  for (let look = 0; look < LOOKS; look++) times.push(await took(work))
  return times
}

async function lookAround(imports: PostgresImportStore, id: string): Promise<Row[]> {
  const rows: Row[] = []
  for (const [what, filter] of Object.entries(FILTERS))
    rows.push([what, await repeat(() => imports.people(id, { ...ALL, filter }))])
  const pages: number[] = []
  let after: string | null = null
  do {
    const query: PeopleQuery = { ...ALL, limit: 500, after }
    pages.push(
      await took(async () => {
        after = (await imports.people(id, query)).next
      }),
    )
  } while (after !== null)
  rows.push([`all, in ${pages.length} pages of 500`, pages])
  rows.push(['choose everybody', await repeat(() => imports.choose(id, EVERYBODY))])
  rows.push(['preview', await repeat(() => imports.preview(id))])
  return rows
}

const EVERYBODY = { matching: {}, with: [], without: [] }

/** @returns seconds the run took, and what looks took meanwhile */
async function run(imports: PostgresImportStore, id: string): Promise<[number, Row[]]> {
  await imports.begin(id, await imports.preview(id), ADMIN)
  const [batches, pages, sessions]: [number[], number[], number[]] = [[], [], []]
  let isRunning = true
  const looking = (async () => {
    while (isRunning) {
      pages.push(await took(() => imports.people(id, ALL)))
      sessions.push(await took(() => imports.session(id)))
      await new Promise((resolve) => setTimeout(resolve, 250))
    }
  })()
  const startedMs = performance.now()
  for (let isMore = true; isMore; ) {
    batches.push(
      await took(async () => {
        isMore = await imports.runBatch(id)
      }),
    )
  }
  await imports.finish(id)
  const seconds = (performance.now() - startedMs) / 1_000
  isRunning = false
  await looking
  return [
    seconds,
    [
      ['first page, meanwhile', pages],
      ['progress, meanwhile', sessions],
      ['a batch of the run', batches],
    ],
  ]
}

/** @returns what is open, after a first round that brought candidates alone */
async function prepare(db: Database, tenant: Awaited<ReturnType<typeof startMicrosoft365>>) {
  const { source, sourceId } = await connectTenant(db, tenant)
  const imports = new PostgresImportStore(db)
  await imports.setPolicy(sourceId, 'chosen', ADMIN)
  const scope = { ...DEFAULT_SCOPE, policy: 'chosen' } as const
  const store = new PostgresSyncStore(db)
  await new SyncEngine({ source, store, sourceId, scope }).run({ signal })
  return { imports, id: await imports.open(sourceId, 'not asked', ADMIN) }
}

const server = await startPostgres()
const tenant = await startMicrosoft365({ people: PEOPLE, groups: PEOPLE / 20, seed: 'bench' })
try {
  const transactions: number[] = []
  const db = await openDatabase({
    url: urlOf(server.socketDir, 'postgres'),
    onTransaction: ({ durationMs }) => transactions.push(durationMs),
  })
  await migrate(db.kysely)
  const startedMs = performance.now()
  const { imports, id } = await prepare(db, tenant)
  const listedSeconds = (performance.now() - startedMs) / 1_000
  const looks = await lookAround(imports, id)
  transactions.length = 0
  const [runSeconds, meanwhile] = await run(imports, id)
  const { counts } = await imports.session(id)
  const [cpu] = cpus()
  const cells = (name: string, ...figures: readonly string[]) =>
    `${name.padEnd(30)}${figures.map((figure) => figure.padStart(12)).join('')}\n`
  process.stdout.write(
    `\nImport session before ${PEOPLE} people; ${cpus().length} × ${cpu?.model ?? 'CPU'}, ` +
      `${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}\n\n` +
      cells('', 'median, ms', 'longest, ms') +
      [...looks, ...meanwhile, ['a transaction, meanwhile', transactions] as const]
        .map(([what, times]) =>
          cells(what, median(times).toFixed(1), Math.max(...times).toFixed(1)),
        )
        .join('') +
      cells('listed by the first round, s', listedSeconds.toFixed(1)) +
      cells(`run of ${counts.created}, s`, runSeconds.toFixed(1)),
  )
  await db.stop()
} finally {
  await tenant.stop()
  await server.stop()
}
