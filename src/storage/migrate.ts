import { readdir } from 'node:fs/promises'
import { type Kysely, sql } from 'kysely'
import type { Tables } from './database.ts'
import { StorageError } from './fault.ts'

/** A migration meets tables of any release. */
type AnyDatabase = Kysely<Tables> | Kysely<unknown>

/** The oldest schema version a daemon of this release may still read and write beside. */
const READABLE_SINCE = 1

/** Of our own choosing; one migration at a time in a database. */
const MIGRATION_LOCK = 7_243_001
/** An index on a large table may take longer than the statement limit of an ordinary session. */
const MIGRATION_LIMIT_MS = 600_000
const MIGRATION_FILE = /^(\d{4})-[a-z0-9-]+\.(?:ts|js)$/

export interface Migration {
  readonly version: number
  readonly name: string
  up(db: Kysely<unknown>): Promise<void>
}

export interface SchemaState {
  /** 0 for an empty database. */
  readonly version: number
  /** A release whose newest migration is older than this must not use the database. */
  readonly readableSince: number
}

export interface MigrationResult {
  readonly from: number
  readonly to: number
  readonly applied: readonly string[]
}

interface MigrationModule {
  up(db: Kysely<unknown>): Promise<void>
}

function isMigrationModule(module: unknown): module is MigrationModule {
  return (
    typeof module === 'object' &&
    module !== null &&
    'up' in module &&
    typeof module.up === 'function'
  )
}

/** Every migration of this release, in order; from sources or from the build, as this module is. */
export async function readMigrations(): Promise<readonly Migration[]> {
  const directory = new URL('../../migrations/', import.meta.url)
  const files = (await readdir(directory)).filter((file) => MIGRATION_FILE.test(file)).toSorted()
  return Promise.all(
    files.map(async (file) => {
      const module: unknown = await import(new URL(file, directory).href)
      if (!isMigrationModule(module)) throw new Error(`migrations/${file} exports no up()`)
      return { version: Number(file.slice(0, 4)), name: file.slice(0, -3), up: module.up }
    }),
  )
}

/** What the database says of its schema, without changing it. */
export async function readSchema(db: AnyDatabase): Promise<SchemaState> {
  const table = await sql<{ found: boolean }>`
    select to_regclass('public.schema_version') is not null as found`.execute(db)
  if (!table.rows[0]?.found) return { version: 0, readableSince: 0 }
  const { rows } = await sql<{ version: number; readable_since: number }>`
    select version, readable_since from schema_version`.execute(db)
  return { version: rows[0]?.version ?? 0, readableSince: rows[0]?.readable_since ?? 0 }
}

/**
 * Refuses a database this release must not touch.
 *
 * @throws {StorageError} `STORAGE_SCHEMA`, with what to do
 */
export async function checkSchema(db: AnyDatabase): Promise<void> {
  const [state, migrations] = await Promise.all([readSchema(db), readMigrations()])
  const known = migrations.at(-1)?.version ?? 0
  refuseNewer(state, known)
  if (state.version >= known) return
  if (state.version === 0)
    throw new StorageError(
      'STORAGE_SCHEMA',
      'the database is empty; run: gatehouse migrate, which makes its tables (or start with ' +
        '`gatehouse serve --migrate`)',
    )
  throw new StorageError(
    'STORAGE_SCHEMA',
    `the database's schema is version ${state.version}, this release needs ${known}; ` +
      'make a backup, then run: gatehouse migrate',
  )
}

function refuseNewer(state: SchemaState, known: number): void {
  if (state.readableSince <= known) return
  throw new StorageError(
    'STORAGE_SCHEMA',
    `the database's schema is version ${state.version} and can be used by releases that know ` +
      `version ${state.readableSince} or later; this one knows ${known}. Install the newer release, ` +
      'or restore the backup made before it',
  )
}

/**
 * Brings the schema up to this release, forward only, in one transaction.
 *
 * @throws {StorageError} `STORAGE_SCHEMA` for a schema from a later release
 */
export async function migrate(
  db: AnyDatabase,
  migrations?: readonly Migration[],
): Promise<MigrationResult> {
  const all = migrations ?? (await readMigrations())
  const known = all.at(-1)?.version ?? 0
  const untyped = db as Kysely<unknown>
  return untyped.transaction().execute(async (tx) => {
    await sql`select set_config('statement_timeout', ${String(MIGRATION_LIMIT_MS)}, true),
      set_config('lock_timeout', ${String(MIGRATION_LIMIT_MS)}, true)`.execute(tx)
    await sql`select pg_advisory_xact_lock(${sql.lit(MIGRATION_LOCK)})`.execute(tx)
    const state = await readSchema(tx)
    refuseNewer(state, known)
    const due = all.filter((migration) => migration.version > state.version)
    for (const migration of due) await migration.up(tx)
    const to = Math.max(known, state.version)
    if (due.length > 0) await recordSchema(tx, to)
    return { from: state.version, to, applied: due.map((migration) => migration.name) }
  })
}

async function recordSchema(db: Kysely<unknown>, version: number): Promise<void> {
  await sql`
    create table if not exists schema_version (
      one            boolean primary key default true check (one),
      version        integer not null,
      readable_since integer not null,
      changed_at     timestamptz not null default clock_timestamp()
    )`.execute(db)
  await sql`
    insert into schema_version (version, readable_since) values (${version}, ${READABLE_SINCE})
    on conflict (one) do update
      set version = excluded.version,
          readable_since = greatest(schema_version.readable_since, excluded.readable_since),
          changed_at = clock_timestamp()`.execute(db)
}
