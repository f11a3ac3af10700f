import {
  ClientTable,
  type Exchange,
  type ListenAddress,
  type RadiusObserver,
  type RadsecCertificate,
  type RadsecPeer,
  RadsecServer,
} from '../../../protocols/radius/index.ts'
import type { Directory } from '../../directory/directory.ts'
import type { Nas } from '../../directory/network.ts'
import type { Log } from '../../observe/log.ts'
import { type NasClient, toClient } from './nas-table.ts'
import { readCertificates } from './proxy/home-servers.ts'

/** A peer that is added or removed is so within this. */
const LOOK_MS = 500
/** After a port could not be had, it is tried again this much later. */
const RETRY_MS = 30_000

export interface RadsecListenerParts {
  readonly directory: Pick<Directory, 'allNas'>
  readonly listen: readonly ListenAddress[]
  readonly exchange: Exchange<NasClient>
  readonly observer: RadiusObserver
  readonly certificate: RadsecCertificate
  /** PEM of the built-in CA; null when our certificate comes from files and there is none. */
  readonly authority: string | null
  readonly log: Log
}

/** Keeps the RadSec listener in step with the directory's peers. */
export class RadsecListener {
  readonly #parts: RadsecListenerParts
  readonly #server: RadsecServer<NasClient>
  #timer: NodeJS.Timeout | null = null
  #source: readonly Nas[] = []
  #following: Promise<void> = Promise.resolve()

  constructor(parts: RadsecListenerParts) {
    this.#parts = parts
    this.#server = new RadsecServer(parts)
  }

  addresses(): readonly ListenAddress[] {
    return this.#server.addresses()
  }

  get connections(): number {
    return this.#server.connections
  }

  setCertificate(certificate: RadsecCertificate): void {
    this.#server.setCertificate(certificate)
  }

  /** @throws when there is a peer and an address cannot be bound */
  async start(): Promise<void> {
    if (this.#parts.listen.length === 0) return
    await this.#follow()
    this.#plan(LOOK_MS)
  }

  async pause(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    await this.#following
    this.#server.pause()
  }

  stop(): void {
    this.#server.close()
  }

  #plan(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#following = this.#follow().then(
        () => this.#plan(LOOK_MS),
        (error: unknown) => {
          this.#parts.log.error('radsec.not-listening', { error })
          this.#plan(RETRY_MS)
        },
      )
    }, ms).unref()
  }

  async #follow(): Promise<void> {
    const source = this.#parts.directory.allNas()
    // The read model gives the same list until a NAS changes.
    if (source === this.#source) return
    const before = this.addresses().length
    await this.#server.setPeers(source.flatMap((nas) => this.#toPeers(nas)))
    this.#source = source
    const addresses = this.addresses().length
    if (addresses !== before) this.#parts.log.info('radsec.listening', { addresses })
  }

  #toPeers(nas: Nas): RadsecPeer<NasClient>[] {
    const pem = nas.radsec === null ? null : (nas.radsec.trustedCa ?? this.#parts.authority)
    if (nas.radsec === null || pem === null) return []
    const { names, fingerprints } = nas.radsec
    const client = toClient(nas)
    const from = new ClientTable([client])
    return [
      {
        client,
        identity: { names, fingerprints, authorities: readCertificates(pem) },
        allows: (address) => nas.addresses.length === 0 || from.find(address) !== null,
      },
    ]
  }
}
