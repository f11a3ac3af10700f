import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGzip, type Gzip } from 'node:zlib'
import { sql } from 'kysely'
import { ARCHIVE_FORMAT, ArchiveEncoder, type ArchiveHeader } from './archive.ts'
import { readSequences, readTables, type Table } from './catalog.ts'
import type { Database } from './connection.ts'
import { asFault } from './fault.ts'
import { stamp } from './journal.ts'
import { wrapKeys } from './key-wrapping.ts'
import { readSchema } from './migrate.ts'
import type { Keys } from './sealing.ts'
import type { Tx } from './written.ts'

const FETCH_ROWS = 500
const READ_CHUNK_BYTES = 64 * 1024
/** A backup of a large directory reads for longer than an ordinary statement may. */
const BACKUP_LIMIT_MS = 600_000

export interface BackupOptions {
  /** Wraps the master key into the archive; null names only which key it needs. */
  readonly passphrase: string | null
}

/** Writes everything the database holds as a portable archive, for either engine to restore. */
export class PostgresBackup {
  readonly #database: Database
  readonly #keys: Keys

  constructor(database: Database, keys: Keys) {
    this.#database = database
    this.#keys = keys
  }

  /**
   * The archive's bytes. It is spooled to a file without a name first, so that a slow reader holds
   * neither a snapshot nor, on the embedded database, everybody else.
   */
  async *write(options: BackupOptions): AsyncGenerator<Buffer> {
    const path = join(tmpdir(), `gatehouse-${randomBytes(12).toString('hex')}`)
    const file = await open(path, 'wx+', 0o600)
    try {
      await unlink(path)
      await this.#spool(file, options)
      yield* readFrom(file)
    } finally {
      await file.close()
    }
  }

  async #spool(file: FileHandle, options: BackupOptions): Promise<void> {
    const wrappedKeys =
      options.passphrase === null ? null : await wrapKeys(this.#keys, options.passphrase)
    while ((await stamp(this.#database.kysely)) > 0);
    const gzip = createGzip()
    const written = pipeTo(gzip, file)
    try {
      await this.#database.kysely
        .transaction()
        .setIsolationLevel('repeatable read')
        .setAccessMode('read only')
        .execute((tx) => this.#dump(tx, gzip, wrappedKeys))
      gzip.end()
      await written
    } catch (error) {
      gzip.destroy()
      await written.catch(() => {})
      throw asFault(error)
    }
  }

  async #dump(tx: Tx, gzip: Gzip, wrappedKeys: ArchiveHeader['wrappedKeys']): Promise<void> {
    await sql`select set_config('statement_timeout', ${String(BACKUP_LIMIT_MS)}, true),
      set_config('idle_in_transaction_session_timeout', ${String(BACKUP_LIMIT_MS)}, true)`.execute(
      tx,
    )
    const encoder = new ArchiveEncoder()
    const put = async (text: string) => {
      if (!gzip.write(text)) await once(gzip, 'drain')
    }
    await put(encoder.encode(await this.#makeHeader(tx, wrappedKeys)))
    let rows = 0
    for (const table of await readTables(tx)) {
      const columns = table.columns.map((column) => column.name)
      await put(encoder.encode({ table: table.name, columns }))
      for await (const page of readRows(tx, table)) {
        rows += page.length
        await put(page.map((row) => encoder.encode(row)).join(''))
      }
    }
    await put(encoder.encodeEnd({ rows, sequences: await readSequences(tx) }))
  }

  async #makeHeader(tx: Tx, wrappedKeys: ArchiveHeader['wrappedKeys']): Promise<ArchiveHeader> {
    const { version } = await readSchema(tx)
    const head = await tx.selectFrom('journal_head').selectAll().executeTakeFirstOrThrow()
    const ring = await tx.selectFrom('key_ring').select('key_id').orderBy('key_id').execute()
    return {
      archive: 'gatehouse',
      format: ARCHIVE_FORMAT,
      schemaVersion: version,
      createdAt: new Date().toISOString(),
      engine: this.#database.kind,
      epoch: head.epoch,
      usn: head.usn,
      keyIds: ring.map(({ key_id }) => key_id),
      wrappedKeys,
    }
  }
}

/** Rows as arrays of text, a page at a time, through a cursor of the transaction. */
async function* readRows(tx: Tx, table: Table): AsyncGenerator<(string | null)[][]> {
  const names = table.columns.map(({ name }) => name)
  const values = sql.join(names.map((name) => sql`${sql.ref(name)}::text`))
  await sql`declare rows_of no scroll cursor for
    select array[${values}] as "values" from ${sql.table(table.name)}`.execute(tx)
  for (;;) {
    const { rows } = await sql<{ values: (string | null)[] }>`
      fetch ${sql.lit(FETCH_ROWS)} from rows_of`.execute(tx)
    if (rows.length > 0) yield rows.map((row) => row.values)
    if (rows.length < FETCH_ROWS) break
  }
  await sql`close rows_of`.execute(tx)
}

async function pipeTo(gzip: Gzip, file: FileHandle): Promise<void> {
  for await (const chunk of gzip) await file.appendFile(chunk as Buffer)
}

async function* readFrom(file: FileHandle): AsyncGenerator<Buffer> {
  for (let at = 0; ; ) {
    const chunk = Buffer.alloc(READ_CHUNK_BYTES)
    const { bytesRead } = await file.read(chunk, 0, chunk.length, at)
    if (bytesRead === 0) return
    at += bytesRead
    yield chunk.subarray(0, bytesRead)
  }
}
