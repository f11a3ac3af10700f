import { randomBytes } from 'node:crypto'
import {
  type ClientWitness,
  type ListenAddress,
  makeTlsContext,
  RadiusServer,
  type SocketKind,
  type TlsContext,
} from '../../../protocols/radius/index.ts'
import type { ClientTrust } from '../../credentials/authenticate.ts'
import type { Service } from '../../lifecycle.ts'
import type { Log } from '../../observe/log.ts'
import type { Metrics } from '../../observe/metrics.ts'
import { RadiusAnswers, type RadiusAnswersParts } from './answers.ts'
import { type NasClient, NasTable } from './nas-table.ts'
import { RadiusReporter } from './observer.ts'
import { RealmProxy } from './proxy/realm-proxy.ts'
import { RadsecListener } from './radsec.ts'

const DAEMON_ID_BYTES = 4
const MAIN_WORKER = 0
/** How often devices that fell silent are looked for, so that the log tells of them in time. */
const EXPIRE_MS = 5_000

/** What the tunnelled methods show the peer; PEM, the chain behind the leaf. */
export interface ServedPair {
  readonly certificate: string
  readonly privateKey: string
}

export interface RadiusGatewayParts extends Omit<RadiusAnswersParts, 'tls' | 'holder' | 'proxy'> {
  readonly listen: {
    readonly auth: readonly ListenAddress[]
    readonly acct: readonly ListenAddress[]
    readonly radsec?: readonly ListenAddress[]
  }
  readonly certificate: ServedPair
  readonly witness: ClientWitness<NasClient>
  /** PEM of the built-in CA, for RadSec peers that trust no other; null when there is none. */
  readonly authority?: string | null
  /** Whose client certificates TLS takes; without it nobody's. */
  readonly clientTrust?: () => ClientTrust
  readonly metrics: Metrics
  readonly log: Log
}

/** The RADIUS service of a daemon: sockets, NAS, log-ins, accounting. */
export class RadiusGateway implements Service {
  readonly name = 'radius'
  readonly #answers: RadiusAnswers
  readonly #server: RadiusServer<NasClient>
  readonly #radsec: RadsecListener
  readonly #log: Log
  #expiring: NodeJS.Timeout | null = null
  readonly #clientTrust: () => ClientTrust
  #certificate: ServedPair
  /** Of one certificate and one state of trust; sessions end with it. */
  #tls: { readonly context: TlsContext; readonly trustVersion: string } | null = null

  constructor(parts: RadiusGatewayParts) {
    this.#log = parts.log
    this.#clientTrust = parts.clientTrust ?? (() => noTrust)
    this.#certificate = parts.certificate
    this.#answers = new RadiusAnswers({
      ...parts,
      tls: () => this.#currentTls(),
      onLimited: () => parts.metrics.radiusLimited(),
      proxy: new RealmProxy({
        directory: parts.directory,
        events: parts.events,
        nowMs: parts.nowMs ?? Date.now,
        certificate: () => this.#certificate,
        authority: parts.authority ?? null,
        log: parts.log,
      }),
      holder: { daemon: randomBytes(DAEMON_ID_BYTES), worker: MAIN_WORKER },
    })
    const table = new NasTable(parts.directory)
    const observer = new RadiusReporter({
      metrics: parts.metrics,
      log: parts.log,
      events: parts.events,
      ...(parts.nowMs === undefined ? {} : { nowMs: parts.nowMs }),
    })
    this.#server = new RadiusServer({
      auth: parts.listen.auth,
      acct: parts.listen.acct,
      findClient: (address) => table.find(address),
      handler: this.#answers,
      observer,
      witness: parts.witness,
    })
    this.#radsec = new RadsecListener({
      directory: parts.directory,
      listen: parts.listen.radsec ?? [],
      exchange: this.#server.exchange,
      observer,
      certificate: parts.certificate,
      authority: parts.authority ?? null,
      log: parts.log,
    })
    parts.metrics.watch(
      'radius_eap_conversations',
      'EAP conversations that wait for a peer',
      () => {
        return this.#answers.conversations
      },
    )
    parts.metrics.watch('radsec_connections', 'RadSec peers that are connected', () => {
      return this.#radsec.connections
    })
  }

  /** Serves new conversations with another certificate; those under way keep theirs. */
  setCertificate(pair: ServedPair): void {
    this.#tls = null
    this.#certificate = pair
    this.#radsec.setCertificate(pair)
  }

  addresses(kind: SocketKind): readonly ListenAddress[] {
    return kind === 'radsec' ? this.#radsec.addresses() : this.#server.addresses(kind)
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#server.start(signal)
    this.#expiring = setInterval(() => this.#answers.expire(), EXPIRE_MS)
    this.#expiring.unref()
    await this.#radsec.start()
    this.#log.info('radius.listening', {
      auth: this.addresses('auth').length,
      acct: this.addresses('acct').length,
    })
  }

  async stop(): Promise<void> {
    if (this.#expiring !== null) clearInterval(this.#expiring)
    await this.#radsec.pause()
    await this.#server.stop()
    this.#radsec.stop()
    this.#answers.stop()
  }

  #currentTls(): TlsContext {
    const trust = this.#clientTrust()
    if (this.#tls?.trustVersion !== trust.version) {
      this.#tls = { context: contextOf(this.#certificate, trust), trustVersion: trust.version }
    }
    return this.#tls.context
  }
}

const noTrust: ClientTrust = { version: '', authorities: [], revocationLists: [] }

function contextOf({ certificate, privateKey }: ServedPair, trust: ClientTrust): TlsContext {
  const { authorities, revocationLists } = trust
  return makeTlsContext({ certificate, key: privateKey }, { authorities, revocationLists })
}
