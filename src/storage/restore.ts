import { rmSync } from 'node:fs'
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { type Kysely, sql, type Transaction } from 'kysely'
import {
  ARCHIVE_FORMAT,
  type ArchiveEnd,
  type ArchiveHeader,
  type ArchiveLine,
  type ArchiveRow,
  type ArchiveTable,
  damaged,
  decodeArchive,
  isEnd,
  isHeader,
  isRow,
  isTable,
} from './archive.ts'
import { readTables, type Table, writeSequence } from './catalog.ts'
import type { Database } from './connection.ts'
import { StorageError } from './fault.ts'
import { unwrapKeys } from './key-wrapping.ts'
import { openKeys, readKeyFile, writeNewKeyFile } from './master-key.ts'
import { migrate, readMigrations, readSchema } from './migrate.ts'
import type { Keys } from './sealing.ts'

const INSERT_ROWS = 500
const RESTORE_LIMIT_MS = 3_600_000
/** New versions begin this far beyond any the archive or a daemon that still runs can have seen. */
const VERSION_GAP = 1_000_000_000
/**
 * So many uid and gid numbers may have been given since the backup, to files and to people whom it
 * does not know; they are passed over, for no number is used twice. More than the largest import of
 * a day between two backups; where the range has less than twice that left, half of it.
 */
const NUMBER_GAP = 10_000

export interface RestoreOptions {
  readonly archive: AsyncIterable<Uint8Array>
  readonly keyFile: string
  /** Needed when the archive brings its key and the key file is not there. */
  readonly passphrase: string | null
}

export interface Restored {
  readonly rows: number
  readonly createdAt: string
  readonly schemaVersion: number
  /** The new one; every cursor and cookie from before is void. */
  readonly epoch: string
}

/**
 * Fills an empty database from an archive, whichever engine wrote it. All or nothing: the digest is
 * checked before anything becomes visible.
 *
 * @throws {StorageError} `STORAGE_ARCHIVE`, `STORAGE_KEY`, `STORAGE_SCHEMA`, with what to do
 */
export async function restoreBackup(
  database: Database,
  options: RestoreOptions,
): Promise<Restored> {
  const lines = decodeArchive(unzip(options.archive))
  const first = await lines.next()
  if (first.done || !isHeader(first.value)) throw damaged('it does not begin like one')
  const header = first.value
  await prepareSchema(database, header)
  const isKeyNew = await placeKeys(header, options)
  const { rows, epoch } = await load(database, lines, header.createdAt).catch((error: unknown) => {
    // Nothing was restored, so nothing is sealed with it.
    if (isKeyNew) rmSync(options.keyFile)
    throw error
  })
  await migrate(database.kysely)
  await openKeys(database, options.keyFile)
  await database.maintain()
  return { rows, epoch, createdAt: header.createdAt, schemaVersion: header.schemaVersion }
}

async function* unzip(archive: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const source = Readable.from(archive)
  const gunzip = createGunzip()
  source.on('error', (error) => gunzip.destroy(error))
  try {
    for await (const chunk of source.pipe(gunzip).setEncoding('utf8')) yield String(chunk)
  } catch (cause) {
    throw Object.assign(damaged('it cannot be unpacked'), { cause })
  }
}

/** Makes the schema the archive was written with; a later one is brought up to date after the rows. */
async function prepareSchema(database: Database, header: ArchiveHeader): Promise<void> {
  const migrations = await readMigrations()
  const known = migrations.at(-1)?.version ?? 0
  if (header.format !== ARCHIVE_FORMAT || header.schemaVersion > known) {
    throw new StorageError(
      'STORAGE_SCHEMA',
      `the backup was made by a later release (schema ${header.schemaVersion}, this one knows ` +
        `${known}); restore it with that release`,
    )
  }
  const state = await readSchema(database.kysely)
  if (state.version === 0) {
    const upTo = migrations.filter(({ version }) => version <= header.schemaVersion)
    await migrate(database.kysely, upTo)
  } else if (state.version !== header.schemaVersion || (await hasContent(database))) {
    throw new StorageError(
      'STORAGE_ARCHIVE',
      'the database to restore into is not empty; give an empty database or a new data directory',
    )
  }
}

/** Whether anybody has written to it; what a daemon makes at its first start is no loss. */
async function hasContent(database: Database): Promise<boolean> {
  const { rows } = await sql<{ found: boolean }>`
    select exists (select from principal) or exists (select from journal_inbox)
           or (select usn > 0 from journal_head) as found`.execute(database.kysely)
  return rows[0]?.found ?? true
}

/**
 * Sees to it that the key file holds what the archive needs, before anything is written.
 *
 * @returns whether it was made here
 */
async function placeKeys(header: ArchiveHeader, options: RestoreOptions): Promise<boolean> {
  const { keyFile, passphrase } = options
  const present = readKeyFile(keyFile)
  if (present) {
    requireKeys(header, present, keyFile)
    return false
  }
  if (header.wrappedKeys === null) {
    throw new StorageError(
      'STORAGE_KEY',
      `the backup was made without its key; put the key file with key ${header.keyIds.join(', ')} ` +
        `at ${keyFile} first`,
    )
  }
  if (passphrase === null) {
    throw new StorageError('STORAGE_KEY', 'the backup brings its key under a passphrase; give it')
  }
  const keys = await unwrapKeys(header.wrappedKeys, passphrase)
  requireKeys(header, keys, keyFile)
  writeNewKeyFile(keyFile, keys)
  return true
}

function requireKeys(header: ArchiveHeader, keys: Keys, keyFile: string): void {
  const held = new Set([keys.current, ...keys.earlier].map((key) => key.id.toString('hex')))
  const missing = header.keyIds.filter((id) => !held.has(id))
  if (missing.length === 0) return
  throw new StorageError(
    'STORAGE_KEY',
    `the backup needs key ${missing.join(', ')}, and the key file ${keyFile} does not hold it`,
  )
}

async function load(
  database: Database,
  lines: AsyncIterator<ArchiveLine>,
  createdAt: string,
): Promise<{ readonly rows: number; readonly epoch: string }> {
  const db = database.kysely as unknown as Kysely<unknown>
  return db.transaction().execute(async (tx) => {
    await sql`select set_config('statement_timeout', ${String(RESTORE_LIMIT_MS)}, true),
      set_config('idle_in_transaction_session_timeout', ${String(RESTORE_LIMIT_MS)}, true)`.execute(
      tx,
    )
    const tables = await readTables(tx)
    // What the migrations put in by themselves comes from the archive as well.
    await sql`truncate ${sql.join(tables.map(({ name }) => sql.table(name)))}`.execute(tx)
    const { end, rows } = await insertAll(tx, tables, lines)
    if (end.rows !== rows) throw damaged(`it has ${rows} rows of ${end.rows}`)
    for (const [name, next] of Object.entries(end.sequences)) {
      await writeSequence(tx, name, name === 'entity_version' ? next + VERSION_GAP : next)
    }
    await passOverNumbers(tx)
    await pauseSources(tx, tables, createdAt)
    await endOneTimeThings(tx, tables)
    await endAttempts(tx, tables)
    await endSessions(tx, tables)
    const head = await sql<{ epoch: string }>`
      update journal_head set epoch = gen_random_uuid() returning epoch`.execute(tx)
    const epoch = head.rows[0]?.epoch
    if (epoch === undefined) throw damaged('it has no journal')
    return { rows, epoch }
  })
}

/** A link that was used since the backup is not good again, nor is mail that went out sent again. */
async function endOneTimeThings(tx: Transaction<unknown>, tables: readonly Table[]): Promise<void> {
  if (!tables.some(({ name }) => name === 'one_time_link')) return
  await sql`
    update one_time_link set ended_at = clock_timestamp(), ended_by = 'restored'
    where ended_at is null`.execute(tx)
  await sql`
    update mail set status = 'failed', reason = 'restored from a backup', content = null,
      claim = null, claimed_until = null, settled_at = clock_timestamp()
    where status = 'waiting'`.execute(tx)
}

/** Nobody works on them any more, and a link that was used since the backup is not good again. */
async function endAttempts(tx: Transaction<unknown>, tables: readonly Table[]): Promise<void> {
  if (!tables.some(({ name }) => name === 'connect_attempt')) return
  await sql`
    update connect_attempt set status = 'refused', note = 'restored from a backup: begin again',
      secret = null, working_until = null
    where status in ('waiting', 'working')`.execute(tx)
}

/** What was on then is over, or goes by another name by now; nobody is thrown off for it. */
async function endSessions(tx: Transaction<unknown>, tables: readonly Table[]): Promise<void> {
  if (!tables.some(({ name }) => name === 'session_disconnect')) return
  await sql`
    update session_disconnect set status = 'left', outcome = 'restored from a backup',
      claim = null, claimed_until = null, settled_at = clock_timestamp()
    where status = 'waiting'`.execute(tx)
  await sql`
    update accounting_session set stopped_at = updated_at, terminate_cause = 'restored'
    where stopped_at is null`.execute(tx)
}

async function passOverNumbers(tx: Transaction<unknown>): Promise<void> {
  await sql`
    update posix_allocator set next_number = next_number
      + least(${NUMBER_GAP}::integer, (last + 1 - next_number) / 2)`.execute(tx)
}

/**
 * Dates that have come since the backup, or may have been moved or taken back: nobody is suspended or
 * deleted by them before somebody has looked.
 */
async function holdOverdue(tx: Transaction<unknown>, createdAt: string): Promise<void> {
  const why = `it came after the backup of ${createdAt}: set it again, or take it back`
  await sql`
    with held as (
      update lifecycle_date set refused = ${why}
      where act <> 'activate' and refused is null and due_at <= clock_timestamp()
      returning principal_id)
    insert into journal_inbox (kind, entity, actor, reason)
    select 'admin.date-refused', principal_id, 'restore', ${why} from held`.execute(tx)
}

/**
 * What a source has changed since the backup comes again with its next round, as do the removals
 * that an admin has refused since. No round begins before one has looked.
 */
async function pauseSources(
  tx: Transaction<unknown>,
  tables: readonly Table[],
  createdAt: string,
): Promise<void> {
  // The oldest archives know of no sources.
  if (!tables.some(({ name }) => name === 'source')) return
  const reason = `restored from a backup of ${createdAt}`
  await sql`
    with paused as (
      update source set state = 'paused', version = nextval('entity_version'),
        state_reason = ${reason} || case when state = 'active' then ''
          else '; it was ' || state || coalesce(' before: ' || state_reason, ' before') end
      returning id, version, state_reason)
    insert into journal_inbox (kind, entity, version, actor, reason)
    select 'source.paused', id, version, 'restore', state_reason from paused`.execute(tx)
  if (has(tables, 'source', 'leave_people')) await keepPeopleOfTheLeaving(tx, reason)
  // What was written is not written again over what has become of it since, until somebody wants
  // something else.
  if (tables.some(({ name }) => name === 'push')) {
    await sql`delete from push_dirty`.execute(tx)
    await sql`update push set status = 'contested', reason = ${reason}`.execute(tx)
  }
  if (tables.some(({ name }) => name === 'lifecycle_date')) await holdOverdue(tx, createdAt)
  if (tables.some(({ name }) => name === 'import_session')) {
    await sql`
      update import_session set state = 'failed', error = ${reason} where state = 'running'`.execute(
      tx,
    )
  }
  // What was being read is read anew, so that a dry run can show the drift first. The generation a
  // round has begun to write is passed over.
  await sql`
    with cut as (
      update sync_round set state = 'abandoned', finished_at = clock_timestamp(), note = ${reason}
      where state in ('fetching', 'applying') returning source_id, stream)
    update sync_token t set generation = t.generation + 1 from cut
    where cut.source_id = t.source_id and cut.stream = t.stream`.execute(tx)
}

function has(tables: readonly Table[], table: string, column: string): boolean {
  const found = tables.find(({ name }) => name === table)
  return found?.columns.some(({ name }) => name === column) ?? false
}

/**
 * A disconnection that was under way ends, but whether its people are still to be suspended or
 * deleted, nobody knows who has not looked: they are kept.
 */
async function keepPeopleOfTheLeaving(tx: Transaction<unknown>, reason: string): Promise<void> {
  await sql`
    with left_open as (
      update source s set leave_people = 'keep', version = nextval('entity_version')
      from source before where before.id = s.id and s.left_at is null
        and s.leave_people in ('suspend', 'delete')
      returning s.id, s.version, before.leave_people)
    insert into journal_inbox (kind, entity, version, actor, reason)
    select 'source.people-kept', id, version, 'restore',
      ${reason} || ': the rest of its people, who were to be ' || case leave_people
        when 'delete' then 'deleted' else 'suspended' end || ', are kept until an admin says otherwise'
    from left_open`.execute(tx)
}

async function insertAll(
  tx: Transaction<unknown>,
  tables: readonly Table[],
  lines: AsyncIterator<ArchiveLine>,
): Promise<{ readonly end: ArchiveEnd; readonly rows: number }> {
  let insert: RowInserter | null = null
  let rows = 0
  for (let next = await lines.next(); !next.done; next = await lines.next()) {
    const line = next.value
    if (isRow(line)) {
      if (insert === null) throw damaged('a row comes before its table')
      await insert.add(line)
      rows++
      continue
    }
    await insert?.flush()
    if (isTable(line)) insert = new RowInserter(tx, tables, line)
    if (isEnd(line)) {
      // The generator checks that nothing follows and that the digest fits.
      await lines.next()
      return { end: line, rows }
    }
  }
  throw damaged('it is cut short')
}

class RowInserter {
  readonly #tx: Transaction<unknown>
  readonly #table: string
  readonly #columns: Table['columns']
  #rows: ArchiveRow[] = []

  constructor(tx: Transaction<unknown>, tables: readonly Table[], line: ArchiveTable) {
    const known = tables.find(({ name }) => name === line.table)
    this.#tx = tx
    this.#table = line.table
    this.#columns = line.columns.map((name) => {
      const column = known?.columns.find((each) => each.name === name)
      if (!column) throw damaged(`it has a column ${line.table}.${name}, which is not known`)
      return column
    })
  }

  async add(row: ArchiveRow): Promise<void> {
    if (row.length !== this.#columns.length) throw damaged(`a row of ${this.#table} is incomplete`)
    this.#rows.push(row)
    if (this.#rows.length >= INSERT_ROWS) await this.flush()
  }

  async flush(): Promise<void> {
    const rows = this.#rows
    if (rows.length === 0) return
    this.#rows = []
    const names = sql.join(this.#columns.map(({ name }) => sql.ref(name)))
    const casts = this.#columns.map(({ name, type }) => sql`r.${sql.ref(name)}::${sql.raw(type)}`)
    const arrays = this.#columns.map((_, at) => sql`${rows.map((row) => row[at] ?? null)}::text[]`)
    await sql`
      insert into ${sql.table(this.#table)} (${names}) overriding system value
      select ${sql.join(casts)} from unnest(${sql.join(arrays)}) as r (${names})`.execute(this.#tx)
  }
}
