import type { FastifyPluginAsync } from 'fastify'
import { makeApp } from '../admin/app.ts'
import type { ImportControl } from '../admin/import-control.ts'
import type {
  AdminParts,
  ConnectControl,
  MailControl,
  SourceControl,
  Status,
} from '../admin/parts.ts'
import { HttpListeners } from '../admin/server.ts'
import type { Config } from '../config/config.ts'
import { formatListen } from '../config/listen.ts'
import { adminSocketPath } from '../config/paths.ts'
import type { ServerCertificate } from '../credentials/certificates/server-certificate.ts'
import { Guests } from '../credentials/guests.ts'
import { explainLogIn } from '../gateway/radius/explain.ts'
import { checkReplyAttribute, listReplyAttributes } from '../gateway/radius/reply-attributes.ts'
import { answerUnreadable, scimPlugin } from '../gateway/scim/plugin.ts'
import { PostgresBackup } from '../storage/backup.ts'
import { PostgresDeviceStore } from '../storage/device-store.ts'
import { PostgresGroupStore } from '../storage/group-store.ts'
import { PostgresGuestStore } from '../storage/guest-store.ts'
import { PostgresListing } from '../storage/listing.ts'
import { LogReader } from '../storage/log-reader.ts'
import { PostgresNasStore } from '../storage/nas-store.ts'
import { PostgresPeopleStore } from '../storage/people-store.ts'
import { PostgresRealmStore } from '../storage/realm-store.ts'
import { PostgresResourceStore } from '../storage/resource-store.ts'
import type { CertificateParts } from './certificates.ts'
import type { DirectoryParts, Observers } from './directory.ts'
import { makeLicences } from './licences.ts'
import { localOrigin } from './local-origin.ts'
import type { LogInParts } from './log-in.ts'
import type { PasswordParts } from './passwords.ts'
import type { CertificateWatch } from './server-certificate.ts'

export interface HttpInput extends Observers {
  readonly config: Config
  readonly version: string
  readonly directory: DirectoryParts
  readonly logIn: LogInParts
  readonly certificate: ServerCertificate
  readonly certificateWatch: Pick<CertificateWatch, 'view'>
  readonly certificates: CertificateParts
  readonly sources: SourceControl
  readonly hooks: FastifyPluginAsync
  readonly passwords: PasswordParts
  readonly connect: ConnectControl
  readonly imports: ImportControl
  readonly mail: MailControl
  readonly sessions: AdminParts['sessions']
  readonly startedAtMs: number
  /** Where everything really listens, by protocol. */
  listeners(): Readonly<Record<string, readonly string[]>>
  baseDn(): string | null
  serviceDn(name: string): string | null
}

export interface HttpParts {
  readonly listeners: HttpListeners
  readonly admin: AdminParts
}

/** The HTTP face: the admin API and SCIM behind plain, TLS and the daemon's own socket. */
export async function makeHttp(input: HttpInput): Promise<HttpParts> {
  const { config, directory, logIn, certificate, log, metrics, health } = input
  const admin = makeAdmin(input)
  const listeners = new HttpListeners({
    http: config.listen.http,
    https: config.listen.https,
    socketPath: adminSocketPath(config),
    tls: { cert: certificate.served.certificate, key: certificate.served.privateKey },
  })
  const onFault = (id: string, error: unknown) => {
    metrics.faulted('http')
    log.error('http.fault', { id, error })
  }
  const scim = scimPlugin({
    tokens: logIn.tokens,
    directory: directory.readModel,
    listing: new PostgresListing(directory.database, {
      position: () => directory.readModel.position,
    }),
    events: logIn.events,
    freshness: () => directory.feed.freshness(config.maxStalenessMs),
    publicUrl: config.publicUrl,
    onFault,
  })
  const app = await makeApp(admin, {
    trustedProxies: config.trustedProxies,
    version: input.version,
    isLocalSocket: (request) => listeners.isLocalSocket(request),
    isPlain: (request) => listeners.isPlain(request),
    onFault,
    onAnswered: ({ path, ...answer }) => metrics.httpAnswered(surfaceOf(path), answer),
    plugins: [scim, input.passwords.pages, input.hooks, input.certificates.pages],
    answerUnreadable,
  })
  listeners.serve(app)
  health.register(
    'http',
    () => ({
      ok:
        listeners.addresses.length > 0 ||
        (config.listen.http.length === 0 && config.listen.https.length === 0),
    }),
    { decidesReady: false },
  )
  return { listeners, admin }
}

function surfaceOf(path: string): 'scim' | 'hooks' | 'admin' {
  if (path.startsWith('/scim/')) return 'scim'
  return path.startsWith('/hooks/') ? 'hooks' : 'admin'
}

function makeAdmin(input: HttpInput): AdminParts {
  const { directory, logIn, metrics, health } = input
  const { database, keys, readModel, feed } = directory
  return {
    directory: readModel,
    people: new PostgresPeopleStore(database),
    groups: new PostgresGroupStore(database),
    resources: new PostgresResourceStore(database, keys),
    realms: new PostgresRealmStore(database, keys),
    devices: new PostgresDeviceStore(database),
    guests: new Guests({ store: new PostgresGuestStore(database, keys), directory: readModel }),
    nas: new PostgresNasStore(database, keys),
    credentials: logIn.credentials,
    passwords: input.passwords.setter,
    appPasswords: input.passwords.appPasswords,
    networkPasswords: input.passwords.networkPasswords,
    certificates: input.certificates.control,
    secondFactors: input.passwords.secondFactors,
    passkeys: input.passwords.passkeys,
    activation: input.passwords.activation,
    log: new LogReader(database),
    sessions: input.sessions,
    sources: input.sources,
    connect: input.connect,
    // Entra takes `http` for localhost alone.
    publicOrigin: () => input.config.publicUrl ?? localOrigin(input.listeners(), ['http', 'https']),
    signInReturn: input.passwords.signInReturn,
    imports: input.imports,
    licences: makeLicences(directory),
    mail: input.mail,
    tokens: logIn.tokens,
    verifyAdministrator: async (username, password, address) => {
      const attempt = { username, password, method: 'http-basic', address }
      const outcome = await logIn.authenticator.authenticateAdministrator(attempt, {
        signal: AbortSignal.timeout(30_000),
      })
      return outcome.ok ? outcome.who : null
    },
    hashPassword: async (password) =>
      await logIn.pool.hash(password, { key: 'admin', signal: AbortSignal.timeout(30_000) }),
    failuresOf: (id) =>
      logIn.failuresOf(id).map(({ key, count, blocked }) => ({
        resource: key.resourceKind,
        device: key.device === '' ? null : key.device,
        failures: count.failures,
        lastAt: new Date(count.lastAtMs).toISOString(),
        blocked,
      })),
    clearFailures: (id) => logIn.clearFailures(id),
    reached: async (inboxSeq) => await feed.reached(inboxSeq),
    checkReplyAttribute,
    explainLogIn: (logIn) => explainLogIn(readModel, logIn),
    replyAttributes: listReplyAttributes,
    serverCertificate: () => input.certificateWatch.view(),
    profileServer: () => {
      const { certificate: chain, authority, names } = input.certificate.served
      return { chain, authority, names }
    },
    profileSigner: () => ({ signer: input.certificate.served, nowMs: Date.now() }),
    status: () => makeStatus(input),
    health: () => health.report(),
    metrics: async () => await metrics.render(),
    serviceDn: input.serviceDn,
    writeBackup: (passphrase) => new PostgresBackup(database, keys).write({ passphrase }),
  }
}

function makeStatus(input: HttpInput): Status {
  const { config, directory, certificate } = input
  const { database, readModel, feed } = directory
  const { served } = certificate
  return {
    version: input.version,
    startedAt: new Date(input.startedAtMs).toISOString(),
    database: {
      kind: database.kind,
      note: database.kind === 'embedded' ? EMBEDDED_NOTE : null,
    },
    journal: readModel.position,
    freshness: feed.freshness(config.maxStalenessMs),
    counts: {
      people: readModel.count('person'),
      groups: readModel.count('group'),
      services: readModel.count('service'),
    },
    baseDn: input.baseDn(),
    listeners: input.listeners(),
    certificate: {
      names: served.names,
      expiresAt: new Date(served.expiresAtMs).toISOString(),
      issuer: served.issuer,
    },
  }
}

export const EMBEDDED_NOTE =
  'the embedded database: right for a trial and a small site with one daemon; PostgreSQL for everything else (database_url)'

/** What listens, in words. */
export function describeHttp(
  listeners: HttpListeners,
): Readonly<Record<string, readonly string[]>> {
  const of = (scheme: string) =>
    listeners.addresses
      .filter((each) => each.scheme === scheme)
      .map(({ address }) => formatListen({ host: address.address, port: address.port }))
  return { http: of('http'), https: of('https') }
}
