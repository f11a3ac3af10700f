import { createReadStream, readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import type { Command } from 'commander'
import { isAnswered } from '../admin/server.ts'
import type { Config } from '../config/config.ts'
import { adminSocketPath } from '../config/paths.ts'
import { writeArchiveFile } from '../storage/archive-file.ts'
import { PostgresBackup } from '../storage/backup.ts'
import { type Database, openDatabase } from '../storage/connection.ts'
import { openKeys } from '../storage/master-key.ts'
import { checkSchema, migrate } from '../storage/migrate.ts'
import { restoreBackup } from '../storage/restore.ts'
import { CliError } from './client.ts'
import type { CommandContext, Run } from './context.ts'

/** `migrate`, `backup` and `restore`: the commands that open the database themselves, under its lock. */
export function addDatabase(program: Command, run: Run): void {
  program
    .command('migrate')
    .description('bring the schema of the database up to this release')
    .action(async (_options: unknown, command: Command) => {
      const context = run(command)
      const result = await withDatabase(context.config(), (database) => migrate(database.kysely))
      context.show(result, ({ from, to, applied }) =>
        context.output.write(
          applied.length === 0
            ? `schema ${to}: up to date\n`
            : `schema ${from} → ${to}: ${applied.join(', ')}\n`,
        ),
      )
    })

  program
    .command('backup <file>')
    .description('write a portable archive: for either database, this release or a later one')
    .option('--passphrase-file <file>', 'bring the master key along, wrapped in this passphrase')
    .action(async (file: string, options: { passphraseFile?: string }, command: Command) => {
      const context = run(command)
      const passphrase = readPassphrase(options.passphraseFile)
      await writeArchiveFile(file, await openArchive(context, passphrase))
      const without =
        passphrase === null
          ? ' without the master key: keep that file apart, a restore needs it'
          : ''
      context.show({ file, hasKey: passphrase !== null }, () =>
        context.output.write(`${file} written${without}\n`),
      )
    })

  program
    .command('restore <file>')
    .description('fill an empty database from a backup')
    .option('--passphrase-file <file>', 'for a backup that brings its key')
    .action(async (file: string, options: { passphraseFile?: string }, command: Command) => {
      const context = run(command)
      const config = context.config()
      if (await isServing(config))
        throw new CliError(`a daemon serves from ${config.dataDir}: stop it first`)
      const restored = await withDatabase(config, (database) =>
        restoreBackup(database, {
          archive: createReadStream(file),
          keyFile: config.keyFile,
          passphrase: readPassphrase(options.passphraseFile),
        }),
      )
      context.show(restored, ({ rows, createdAt }) =>
        context.output.write(
          `${rows} rows restored, as of ${createdAt}; sources are paused: ` +
            'see `gatehouse source list`\n',
        ),
      )
    })
}

/** From the daemon when one runs here, which keeps the database open; else from the database itself. */
async function openArchive(context: CommandContext, passphrase: string | null): Promise<Readable> {
  const config = context.config()
  if (await isServing(config)) {
    return await context.client().download('/backup', passphrase === null ? {} : { passphrase })
  }
  return Readable.from(readArchive(config, passphrase))
}

async function* readArchive(config: Config, passphrase: string | null): AsyncGenerator<Buffer> {
  const database = await open(config)
  try {
    await checkSchema(database.kysely)
    const keys = await openKeys(database, config.keyFile)
    yield* new PostgresBackup(database, keys).write({ passphrase })
  } finally {
    await database.stop()
  }
}

async function withDatabase<T>(
  config: Config,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const database = await open(config)
  try {
    return await work(database)
  } finally {
    await database.stop()
  }
}

async function open(config: Config): Promise<Database> {
  return await openDatabase(
    config.databaseUrl === null ? { dataDir: config.dataDir } : { url: config.databaseUrl },
  )
}

async function isServing(config: Config): Promise<boolean> {
  return await isAnswered(adminSocketPath(config))
}

function readPassphrase(file: string | undefined): string | null {
  if (file === undefined) return null
  const text = readFileSync(file === '-' ? 0 : file, 'utf8').replace(/\r?\n$/, '')
  if (text === '') throw new CliError(`${file} is empty`)
  return text
}
