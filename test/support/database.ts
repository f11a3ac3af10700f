import { createHash, randomBytes } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import type { Test } from 'tap'
import { type Database, type DatabaseOptions, openDatabase } from '../../src/storage/connection.ts'
import { migrate } from '../../src/storage/migrate.ts'
import { sharedPostgres, urlOf } from './postgres.ts'
import { keepOpen, makeReset } from './shared-embedded.ts'

export type EngineName = Database['kind']

export interface TestDatabase extends Database {
  /** What opens the same database once more, as another daemon would (PostgreSQL only). */
  readonly options: DatabaseOptions
}

type Hooks = Pick<DatabaseOptions, 'onTransaction'>

const MIGRATIONS = new URL('../../migrations/', import.meta.url)
const TEMPLATE_LOCK = 7_243_900

/** Different for different migrations, so that a kept template is never an old one. */
function fingerprint(): string {
  const hash = createHash('sha256')
  for (const file of readdirSync(MIGRATIONS).toSorted()) {
    hash.update(file).update(readFileSync(new URL(file, MIGRATIONS)))
  }
  return hash.digest('hex').slice(0, 12)
}

async function withAdmin<T>(socketDir: string, run: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ host: socketDir, user: 'postgres', database: 'postgres' })
  await client.connect()
  try {
    return await run(client)
  } finally {
    await client.end()
  }
}

const templates = new Map<string, Promise<string>>()

/** Name of a migrated database to copy; made by whoever comes first, over all test processes. */
function postgresTemplate(socketDir: string): Promise<string> {
  const made = templates.get(socketDir) ?? makePostgresTemplate(socketDir)
  templates.set(socketDir, made)
  return made
}

async function makePostgresTemplate(socketDir: string): Promise<string> {
  const name = `template_${fingerprint()}`
  await withAdmin(socketDir, async (client) => {
    await client.query('select pg_advisory_lock($1)', [TEMPLATE_LOCK])
    const found = await client.query('select 1 from pg_database where datname = $1', [name])
    if (found.rowCount) return
    const unfinished = `unfinished_${randomBytes(6).toString('hex')}`
    await client.query(`create database ${unfinished}`)
    const database = await openDatabase({ url: urlOf(socketDir, unfinished) })
    await migrate(database.kysely)
    await database.stop()
    await client.query(`alter database ${unfinished} rename to ${name}`)
  })
  return name
}

async function openPostgresCopy(t: Test, socketDir: string, hooks: Hooks): Promise<TestDatabase> {
  const template = await postgresTemplate(socketDir)
  const name = `t_${randomBytes(6).toString('hex')}`
  await withAdmin(socketDir, (client) =>
    client.query(`create database ${name} template ${template} strategy file_copy`),
  )
  const options = { url: urlOf(socketDir, name), ...hooks }
  const database = await openDatabase(options)
  t.teardown(async () => {
    await database.stop()
    await withAdmin(socketDir, (client) => client.query(`drop database ${name} with (force)`))
  })
  return Object.assign(database, { options })
}

/** A migrated cluster kept between runs: making one takes five seconds, copying it a tenth of one. */
async function embeddedTemplate(): Promise<string> {
  const cache = fileURLToPath(new URL('../../node_modules/.cache/gatehouse/', import.meta.url))
  const directory = join(cache, `embedded-${fingerprint()}`)
  if (existsSync(directory)) return directory
  mkdirSync(cache, { recursive: true })
  const unfinished = mkdtempSync(join(tmpdir(), 'gh-'))
  const database = await openDatabase({ dataDir: unfinished })
  await migrate(database.kysely)
  await database.stop()
  const copy = `${directory}.${randomBytes(4).toString('hex')}`
  cpSync(unfinished, copy, { recursive: true })
  rmSync(unfinished, { recursive: true, force: true })
  try {
    renameSync(copy, directory)
  } catch {
    // Another test process was first.
    rmSync(copy, { recursive: true, force: true })
  }
  return directory
}

/** A data directory with a migrated embedded database in it; removed at the end of the test. */
export async function embeddedDirectory(t: Test): Promise<string> {
  const template = await embeddedTemplate()
  const dataDir = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'gh-'))
  cpSync(template, dataDir, { recursive: true })
  t.teardown(() => rmSync(dataDir, { recursive: true, force: true }))
  return dataDir
}

async function openEmbeddedCopy(t: Test, hooks: Hooks): Promise<TestDatabase> {
  const options = { dataDir: await embeddedDirectory(t), ...hooks }
  const database = await openDatabase(options)
  t.teardown(() => database.stop())
  return Object.assign(database, { options })
}

interface Shared {
  readonly database: TestDatabase
  readonly reset: () => Promise<void>
}

let shared: Promise<Shared> | null = null

async function startShared(): Promise<Shared> {
  const dataDir = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'gh-'))
  // It is never stopped: its thread ends with the process, and what it wrote goes with it.
  process.once('exit', () => rmSync(dataDir, { recursive: true, force: true }))
  cpSync(await embeddedTemplate(), dataDir, { recursive: true })
  const options = { dataDir }
  const database = await openDatabase(options)
  const reset = await makeReset(database)
  return { reset, database: Object.assign(keepOpen(database), { options }) }
}

async function openShared(): Promise<TestDatabase> {
  const isFirst = shared === null
  shared ??= startShared()
  const { database, reset } = await shared
  if (!isFirst) await reset()
  return database
}

/**
 * A fresh, migrated database, stopped and dropped at the end of `t`. PostgreSQL where there is one,
 * else the embedded database, unless `engine` says which.
 */
export async function testDatabase(
  t: Test,
  options: { readonly engine?: EngineName } & Hooks = {},
): Promise<TestDatabase> {
  const { engine, ...hooks } = options
  const socketDir = engine === 'embedded' ? null : await sharedPostgres()
  if (socketDir !== null) return openPostgresCopy(t, socketDir, hooks)
  if (engine === 'postgresql') throw new Error('there is no PostgreSQL to test with')
  return hooks.onTransaction ? openEmbeddedCopy(t, hooks) : openShared()
}

/** Runs the same test on PostgreSQL and on the embedded database, each with a database of its own. */
export async function eachEngine(
  t: Test,
  name: string,
  run: (t: Test, database: TestDatabase) => Promise<void>,
): Promise<void> {
  const hasPostgres = (await sharedPostgres()) !== null
  // With CI=true nothing may be left out.
  const skip = hasPostgres || process.env['CI'] === 'true' ? false : 'no PostgreSQL here'
  await t.test(`${name} (postgresql)`, { skip }, async (t) => {
    await run(t, await testDatabase(t, { engine: 'postgresql' }))
  })
  await t.test(`${name} (embedded)`, async (t) => {
    await run(t, await testDatabase(t, { engine: 'embedded' }))
  })
}
