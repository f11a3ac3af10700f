import { createSecureContext } from 'node:tls'
import { LdapServer } from '../../protocols/ldap/index.ts'
import { Turns } from '../../protocols/wire/index.ts'
import type { AdminParts } from '../admin/parts.ts'
import type { Config } from '../config/config.ts'
import { formatListen, type ListenAddress } from '../config/listen.ts'
import type { KeyedCertificate } from '../credentials/certificates/authority.ts'
import type { ServedCertificate } from '../credentials/certificates/server-certificate.ts'
import type { SecondFactors } from '../credentials/second-factors.ts'
import { SecondStep } from '../credentials/second-step.ts'
import { foldText } from '../directory/fold.ts'
import { LdapGateway } from '../gateway/ldap/gateway.ts'
import { LdapReporter } from '../gateway/ldap/reporter.ts'
import { Tree } from '../gateway/ldap/tree.ts'
import { RadiusGateway } from '../gateway/radius/gateway.ts'
import { NasWitness } from '../gateway/radius/nas-witness.ts'
import { SessionClasses } from '../gateway/radius/session-class.ts'
import { Disconnector } from '../gateway/radius/sessions/disconnector.ts'
import type { JudgeParts } from '../gateway/radius/sessions/judge.ts'
import { outlookOf } from '../gateway/radius/sessions/outlook.ts'
import type { Service } from '../lifecycle.ts'
import { deriveKeys } from '../storage/derived-keys.ts'
import { PostgresDisconnectStore } from '../storage/disconnect-store.ts'
import { PostgresNasStore } from '../storage/nas-store.ts'
import { SessionReader } from '../storage/session-reader.ts'
import { PostgresSessionStore } from '../storage/session-store.ts'
import type { CertificateParts } from './certificates.ts'
import type { DirectoryParts, Observers } from './directory.ts'
import type { LogInParts } from './log-in.ts'

/**
 * Of a round of the event loop, for handshakes of LDAPS and EAP together: they may keep a search
 * waiting no longer than this and the last of them.
 */
const TLS_ROUND_MS = 1

export interface GatewayParts {
  readonly services: readonly Service[]
  /** The LDAP base DN; null while no source is connected. */
  baseDn(): string | null
  setCertificate(pair: KeyedCertificate): void
  /** The DN by which an LDAP client binds; null while there is no base DN. */
  serviceDn(name: string): string | null
  listeners(): Readonly<Record<string, readonly string[]>>
  readonly sessions: AdminParts['sessions']
}

export interface GatewayInput extends Observers {
  readonly config: Config
  readonly version: string
  readonly directory: DirectoryParts
  readonly logIn: LogInParts
  readonly certificate: ServedCertificate
  readonly certificates: Pick<CertificateParts, 'authenticator' | 'trust'>
  /** Asked when somebody comes, since they are made later. */
  readonly secondFactors: () => Pick<SecondFactors, 'check'>
}

/** LDAP and RADIUS: protocol on one side, directory and log-in on the other. */
export function makeGateways(input: GatewayInput): GatewayParts {
  const { config, directory, logIn, log, metrics } = input
  const { readModel, feed, database } = directory
  const freshness = () => feed.freshness(config.maxStalenessMs)

  const turns = new Turns(TLS_ROUND_MS)
  const ldap = new LdapGateway({
    directory: readModel,
    authenticator: logIn.authenticator,
    vendorVersion: input.version,
    hasTls: () => true,
  })
  const ldapServer = new LdapServer({
    handler: ldap,
    listeners: [...config.listen.ldap.map(bind(false)), ...config.listen.ldaps.map(bind(true))],
    secureContext: ldapContext(input.certificate),
    observer: new LdapReporter({ log, metrics }),
    handshakeTurns: turns.lane(),
  })
  const witness = new NasWitness({ store: new PostgresNasStore(database, directory.keys), log })
  const disconnects = new PostgresDisconnectStore(database)
  const judging: JudgeParts = {
    directory: readModel,
    isGood: (id) => directory.credentialIndex.has(id) || directory.clientTrust.isGood(id),
  }
  const disconnector = new Disconnector({
    ...judging,
    store: disconnects,
    // While it catches up, people and groups may be missing that are only on their way.
    freshness: () => (feed.position === null ? 'too-stale' : freshness()),
    isLeader: () => directory.leader.isLeader,
    log,
  })
  directory.changes.onTouched(({ people, credentials, isAll }) => {
    if (isAll) disconnector.touchAll()
    disconnector.touch(people, credentials)
  })
  const radius = new RadiusGateway({
    directory: readModel,
    authenticator: new SecondStep({
      authenticator: logIn.authenticator,
      factors: input.secondFactors,
      directory: readModel,
      credentials: directory.credentialIndex,
      events: logIn.events,
    }),
    challenges: logIn.challenges,
    resumable: logIn.resumable,
    events: logIn.events,
    sessions: new PostgresSessionStore(database),
    classes: new SessionClasses(deriveKeys(directory.keys, 'radius class')),
    onSession: (report) => disconnector.reported(report),
    freshness,
    listen: {
      auth: config.listen.radiusAuth,
      acct: config.listen.radiusAcct,
      radsec: config.listen.radsec,
    },
    certificate: input.certificate,
    certificates: input.certificates.authenticator,
    turns: turns.lane(),
    clientTrust: () => input.certificates.trust(),
    witness,
    authority: input.certificate.authority,
    metrics,
    log,
  })
  const tree = () => {
    const { domain } = readModel.settings
    return domain === null ? null : new Tree(domain)
  }
  const plainCount = config.listen.ldap.length
  return {
    services: [ldapServer, witness, radius, disconnector],
    sessions: makeSessions({ database, disconnects, disconnector, judging }),
    baseDn: () => tree()?.baseDn ?? null,
    setCertificate(pair) {
      ldapServer.setSecureContext(ldapContext(pair))
      radius.setCertificate(pair)
    },
    serviceDn(name) {
      const entry = readModel.serviceByName(foldText(name))
      return entry === null ? null : (tree()?.dnOf(entry.value) ?? null)
    },
    listeners() {
      const bound = ldapServer
        .addresses()
        .map(({ address, port }) => formatListen({ host: address, port }))
      return {
        ldap: bound.slice(0, plainCount),
        ldaps: bound.slice(plainCount),
        radiusAuth: radius.addresses('auth').map(formatListen),
        radiusAcct: radius.addresses('acct').map(formatListen),
        radsec: radius.addresses('radsec').map(formatListen),
      }
    },
  }
}

function makeSessions({
  database,
  disconnects,
  disconnector,
  judging,
}: {
  readonly database: DirectoryParts['database']
  readonly disconnects: PostgresDisconnectStore
  readonly disconnector: Disconnector
  readonly judging: JudgeParts
}): AdminParts['sessions'] {
  const reader = new SessionReader(database)
  return {
    list: (filter) => reader.list(filter),
    usage: (filter) => reader.usage(filter),
    async disconnect(id, actor) {
      const isOpen = await disconnects.wantNow(id, 'admin', actor)
      disconnector.wake()
      return isOpen
    },
    outlook: (network) => outlookOf(network, { ...judging, store: disconnects }),
  }
}

function bind(isTls: boolean) {
  // `::` takes IPv4 as well; a mapped address is normalised when a connection comes.
  return ({ host, port }: ListenAddress) => ({ host: host === '*' ? '::' : host, port, isTls })
}

function ldapContext({ certificate, privateKey }: KeyedCertificate) {
  return createSecureContext({ cert: certificate, key: privateKey, minVersion: 'TLSv1.2' })
}
