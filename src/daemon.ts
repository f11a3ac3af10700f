import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import type { AdminParts } from './admin/parts.ts'
import type { Config } from './config/config.ts'
import { authorityFile } from './config/paths.ts'
import { ServerCertificate } from './credentials/certificates/server-certificate.ts'
import { ServerCertificateError } from './credentials/certificates/server-chain.ts'
import { makeCertificates } from './daemon/certificates.ts'
import { Dates } from './daemon/dates.ts'
import { type DirectoryParts, type Observers, openDirectory } from './daemon/directory.ts'
import { makeGateways } from './daemon/gateways.ts'
import { describeHttp, EMBEDDED_NOTE, makeHttp } from './daemon/http.ts'
import { LocalBackups } from './daemon/local-backups.ts'
import { makeLogIn } from './daemon/log-in.ts'
import { makeMail } from './daemon/mail.ts'
import { Maintenance } from './daemon/maintenance.ts'
import { makePassThrough } from './daemon/pass-through.ts'
import { makePasswords } from './daemon/passwords.ts'
import { CertificateWatch, certificateUses } from './daemon/server-certificate.ts'
import { makeSources } from './daemon/sources.ts'
import { type Service, startAll, stopAll } from './lifecycle.ts'
import { Health } from './observe/health.ts'
import { type Log, makeLog } from './observe/log.ts'
import { Metrics } from './observe/metrics.ts'
import { CertificateStore } from './storage/certificate-store.ts'
import { readVersion } from './version.ts'

export interface DaemonOptions {
  /** Aborts a start that takes too long. */
  readonly signal: AbortSignal
  /** A PostgreSQL schema is migrated only when somebody says so; the embedded one always is. */
  readonly mayMigrate?: boolean
  /** Standard output, as JSON lines, when absent. */
  readonly log?: Log
  /** Rounds of sources on a schedule; off for whoever runs them by hand. */
  readonly isScheduled?: boolean
}

/** A daemon that serves. */
export interface Daemon {
  readonly admin: AdminParts
  readonly log: Log
  readonly directory: DirectoryParts
  /** PEM of the CA devices have to trust; null when the certificate comes from files. */
  readonly authority: string | null
  /** Name devices have to expect in the certificate. */
  readonly serverName: string
  /** What really listens where. */
  listeners(): Readonly<Record<string, readonly string[]>>
  /** Not ready first, then nothing new, then what is under way, then everything else. */
  stop(): Promise<void>
}

const DATA_DIR_MODE = 0o700
const OTHERS_ACCESS = 0o077

/**
 * Builds and starts everything, in the order of dependence. Resolves when it serves; when a part
 * does not start, those before it are stopped again.
 */
export async function startDaemon(config: Config, options: DaemonOptions): Promise<Daemon> {
  const startedAtMs = Date.now()
  const version = readVersion()
  const log = options.log ?? makeLog({ level: config.logLevel })
  const observers: Observers = { log, metrics: new Metrics(), health: new Health() }
  prepareDataDir(config.dataDir)

  const directory = await openDirectory(config, {
    ...observers,
    mayMigrate: options.mayMigrate ?? false,
  })
  if (directory.database.kind === 'embedded') observers.health.addNote(EMBEDDED_NOTE)
  const started: Service[] = [asService('database', () => directory.database.stop())]
  const start = async (services: readonly Service[]) => {
    await startAll(services, options.signal)
    started.push(...services)
  }
  try {
    await start(directory.services)
    const passThrough = makePassThrough(directory, observers)
    const logIn = makeLogIn(config, directory, { ...observers, passThrough })
    await start(logIn.services)
    const certificates = makeCertificates(config, directory, { ...observers, logIn })

    const certificate = new ServerCertificate({
      files: config.tls,
      names: namesFor(config),
      organization: directory.readModel.settings.organization,
      store: new CertificateStore(directory.database, directory.keys),
      onReplaced: (served) => {
        gateways.setCertificate(served)
        http.listeners.replaceTls({ cert: served.certificate, key: served.privateKey })
        log.info('certificate.replaced', { expiresAt: new Date(served.expiresAtMs).toISOString() })
        certificateWatch.tellFindings()
      },
      onFault: (error) =>
        log.error(
          'certificate.not-replaced',
          error instanceof ServerCertificateError ? { said: error.message } : { error },
        ),
    })
    const certificateWatch = new CertificateWatch({
      ...observers,
      certificate,
      files: config.tls,
      uses: certificateUses(config),
    })
    await start([certificate, certificateWatch])
    const { authority } = certificate.served
    if (authority !== null) writeFileSync(authorityFile(config), authority)

    const gateways = makeGateways({
      ...observers,
      config,
      version,
      directory,
      logIn,
      certificate: certificate.served,
      certificates,
      secondFactors: () => passwords.secondFactors,
    })
    const sources = makeSources({
      ...observers,
      directory,
      passThrough,
      publicUrl: config.publicUrl,
      isScheduled: options.isScheduled ?? true,
    })
    const mail = makeMail({ ...observers, directory })
    const listeners = () => ({ ...gateways.listeners(), ...describeHttp(http.listeners) })
    const passwords = makePasswords({ ...observers, config, directory, logIn, mail, listeners })
    const http = await makeHttp({
      ...observers,
      config,
      version,
      directory,
      logIn,
      certificate,
      certificateWatch,
      certificates,
      sources: sources.control,
      hooks: sources.hooks,
      passwords,
      connect: sources.connect,
      imports: sources.imports,
      mail: mail.control,
      sessions: gateways.sessions,
      startedAtMs,
      listeners,
      baseDn: () => gateways.baseDn(),
      serviceDn: (name) => gateways.serviceDn(name),
    })
    const { database, leader } = directory
    const backups =
      database.kind === 'embedded'
        ? new LocalBackups({ ...directory, dataDir: config.dataDir })
        : null
    const maintenance = new Maintenance({
      ...{ database, leader, backups, log },
      rotateDue: () => sources.rotateDue(),
    })
    const dates = new Dates({ database, leader, log })
    await start([
      ...passwords.services,
      ...mail.services,
      ...certificates.services,
      ...gateways.services,
      ...sources.services,
      http.listeners,
      maintenance,
      dates,
    ])
    observers.health.reportStarted()
    log.info('daemon.serving', { version, tookMs: Date.now() - startedAtMs, ...listeners() })
    return {
      admin: http.admin,
      log,
      directory,
      authority,
      serverName: certificate.served.names[0] ?? 'localhost',
      listeners,
      async stop() {
        observers.health.reportStopping()
        log.info('daemon.stopping')
        await stopAll(started)
        log.info('daemon.stopped')
      },
    }
  } catch (error) {
    await stopAll(started)
    throw error
  }
}

/** What devices and clients may call this daemon by; the public one first. */
function namesFor(config: Config): readonly string[] {
  const own = hostname().toLowerCase()
  const isName = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(own)
  const names = [
    ...(config.publicUrl === null ? [] : [new URL(config.publicUrl).hostname]),
    ...(isName ? [own] : []),
    'localhost',
    '127.0.0.1',
    '::1',
  ]
  return [...new Set(names)]
}

/** @throws when it can be read by others: it holds people's data */
function prepareDataDir(path: string): void {
  mkdirSync(path, { recursive: true, mode: DATA_DIR_MODE })
  const { mode } = statSync(path)
  if ((mode & OTHERS_ACCESS) === 0) return
  throw new Error(
    `the data folder ${path} can be entered by other accounts (mode ${(mode & 0o777).toString(8)}); run: chmod 700 ${path}`,
  )
}

function asService(name: string, stop: () => Promise<void>): Service {
  return { name, start: async () => undefined, stop }
}
