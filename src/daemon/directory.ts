import type { Config } from '../config/config.ts'
import { ClientTrustIndex } from '../credentials/certificates/client-trust.ts'
import { CredentialIndex } from '../credentials/credential-index.ts'
import { ChangeWatch } from '../directory/change-watch.ts'
import { ReadModel } from '../directory/read-model.ts'
import type { Service } from '../lifecycle.ts'
import type { Health } from '../observe/health.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import { type Database, openDatabase } from '../storage/connection.ts'
import { Feed } from '../storage/feed/feed.ts'
import { Leader } from '../storage/leader.ts'
import { openKeys } from '../storage/master-key.ts'
import { checkSchema, migrate, readMigrations, readSchema } from '../storage/migrate.ts'
import type { Keys } from '../storage/sealing.ts'
import { Signals } from '../storage/signals.ts'
import { PostgresSourceRegistry } from '../storage/sync-sources.ts'
import { LocalBackups } from './local-backups.ts'

/** The truth in the database and the answer in memory, kept the same. */
export interface DirectoryParts {
  readonly database: Database
  readonly keys: Keys
  readonly readModel: ReadModel
  readonly credentialIndex: CredentialIndex
  readonly changes: ChangeWatch
  readonly clientTrust: ClientTrustIndex
  readonly feed: Feed
  readonly leader: Leader
  readonly signals: Signals
  readonly sourceRegistry: PostgresSourceRegistry
  /** To be started in this order. */
  readonly services: readonly Service[]
}

export interface Observers {
  readonly log: Log
  readonly metrics: Metrics
  readonly health: Health
}

/**
 * Opens the database, brings its schema up to date where that is ours to do, and makes what follows
 * its journal.
 *
 * @throws {StorageError} with what to do: locked, foreign key, schema of another release
 */
export async function openDirectory(
  config: Config,
  options: Observers & { readonly mayMigrate: boolean },
): Promise<DirectoryParts> {
  const { log, metrics, health } = options
  const database = await openDatabase(
    config.databaseUrl === null ? { dataDir: config.dataDir } : { url: config.databaseUrl },
  )
  try {
    if (database.kind === 'embedded') await backUpBeforeMigrating(database, config, log)
    await prepareSchema(database, {
      ...options,
      mayMigrate: options.mayMigrate || database.kind === 'embedded',
    })
    const keys = await openKeys(database, config.keyFile)
    const readModel = new ReadModel()
    const credentialIndex = new CredentialIndex()
    const clientTrust = new ClientTrustIndex()
    const changes = new ChangeWatch({
      directory: readModel,
      credentials: credentialIndex,
      certificates: clientTrust,
    })
    const signals = new Signals(database)
    const feed = new Feed({
      database,
      keys,
      // The last follows what those before it hold.
      followers: [readModel, credentialIndex, clientTrust, changes],
      onSignal: (signal) => signals.deliver(signal),
      onAdvanced: ({ usn }) => metrics.feedApplied(1, usn),
      onFault: (error) => log.warn('feed.round-failed', { error }),
      onUnreadable: (error) => log.error('feed.secret-unreadable', { error }),
    })
    const leader = new Leader({
      database,
      onChange: (isLeader) => log.info('leader.changed', { isLeader }),
    })
    observe(feed, config, { metrics, health })
    const services = [feed, leader]
    const { tokenFiles } = config
    const sourceRegistry = new PostgresSourceRegistry({ db: database, keys, tokenFiles })
    return {
      ...{ database, keys, readModel, credentialIndex, clientTrust, changes, feed },
      ...{ leader, signals, sourceRegistry, services },
    }
  } catch (error) {
    await database.stop()
    throw error
  }
}

/** The embedded database migrates by itself, so what was there before is kept by itself as well. */
async function backUpBeforeMigrating(database: Database, config: Config, log: Log): Promise<void> {
  const { version } = await readSchema(database.kysely)
  const to = (await readMigrations()).at(-1)?.version ?? 0
  if (version === 0 || version >= to) return
  const keys = await openKeys(database, config.keyFile)
  const backups = new LocalBackups({ database, keys, dataDir: config.dataDir })
  log.info('schema.backed-up', { file: await backups.makeBeforeSchema(to) })
}

async function prepareSchema(
  database: Database,
  options: { readonly log: Log; readonly mayMigrate: boolean },
): Promise<void> {
  if (!options.mayMigrate) {
    await checkSchema(database.kysely)
    return
  }
  const { from, to, applied } = await migrate(database.kysely)
  if (applied.length > 0) options.log.info('schema.migrated', { from, to })
}

function observe(
  feed: Feed,
  config: Config,
  { metrics, health }: Pick<Observers, 'metrics' | 'health'>,
): void {
  metrics.watch(
    'feed_age_seconds',
    'Age of the read model as last confirmed',
    () => feed.ageMs / 1000,
  )
  health.register('directory', () => {
    const freshness = feed.freshness(config.maxStalenessMs)
    return {
      ok: freshness !== 'too-stale',
      detail: `${freshness}, confirmed ${Math.round(feed.ageMs)} ms ago`,
    }
  })
}
