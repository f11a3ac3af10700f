import { constants, type X509Certificate } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls'
import { normalizeAddress } from '../address.ts'
import type { RadiusClient } from '../client-table.ts'
import type { RadiusObserver } from '../events.ts'
import type { Exchange } from '../exchange.ts'
import type { ListenAddress } from '../local-addresses.ts'
import { RadsecConnection } from './connection.ts'
import { isPeer, type PeerIdentity, readShownCertificate } from './peer-certificate.ts'

const MAX_CONNECTIONS = 1024
/** A site behind one address has this many proxies at most, strangers before their handshake too. */
const MAX_PER_ADDRESS = 64
const HANDSHAKE_MS = 10_000
const KEEP_ALIVE_MS = 60_000

/** A peer over TLS, with what its certificate has to show. */
export interface RadsecPeer<Client extends RadiusClient> {
  readonly client: Client
  readonly identity: PeerIdentity
  /** Whether it may come from there. */
  readonly allows: (address: string) => boolean
}

export interface RadsecServerOptions<Client extends RadiusClient> {
  readonly listen: readonly ListenAddress[]
  readonly exchange: Exchange<Client>
  readonly observer: RadiusObserver
  readonly certificate: RadsecCertificate
}

/** PEM, the chain behind the leaf. */
export interface RadsecCertificate {
  readonly certificate: string
  readonly privateKey: string
}

interface Open<Client extends RadiusClient> {
  readonly connection: RadsecConnection<Client>
  readonly address: string
}

/**
 * RADIUS over TLS (RFC 6614): both ends show a certificate, and who is nobody's peer is closed
 * without an answer. Listens while there are peers.
 */
export class RadsecServer<Client extends RadiusClient> {
  readonly #options: RadsecServerOptions<Client>
  #certificate: RadsecCertificate
  #peers: readonly RadsecPeer<Client>[] = []
  readonly #servers: Server[] = []
  readonly #open = new Set<Open<Client>>()
  readonly #perAddress = new Map<string, number>()
  #count = 0

  constructor(options: RadsecServerOptions<Client>) {
    this.#options = options
    this.#certificate = options.certificate
  }

  addresses(): ListenAddress[] {
    return this.#servers.map((server) => {
      const { address, port } = server.address() as AddressInfo
      return { host: address, port }
    })
  }

  /** Connections whose handshake is done. */
  get connections(): number {
    return this.#open.size
  }

  /** From now on; connections that are open stay. */
  setCertificate(certificate: RadsecCertificate): void {
    this.#certificate = certificate
    this.#renew()
  }

  /**
   * The peers there are now. Opens the listeners with the first, closes them with the last, and
   * cuts off who is a peer no more.
   *
   * @throws when an address cannot be bound
   */
  async setPeers(peers: readonly RadsecPeer<Client>[]): Promise<void> {
    this.#peers = peers
    for (const { connection } of this.#open) connection.review()
    if (peers.length === 0) this.#closeListeners()
    else if (this.#servers.length > 0) this.#renew()
    else await this.#listen()
  }

  /** Takes no more connections or packets. */
  pause(): void {
    this.#closeListeners()
    for (const { connection } of this.#open) connection.pause()
  }

  close(): void {
    this.#closeListeners()
    for (const { connection } of this.#open) connection.close()
  }

  #closeListeners(): void {
    for (const server of this.#servers) server.close()
    this.#servers.length = 0
  }

  #renew(): void {
    for (const server of this.#servers) server.setSecureContext(this.#context())
  }

  async #listen(): Promise<void> {
    try {
      for (const { host, port } of this.#options.listen) {
        const server = this.#makeServer()
        await new Promise<void>((resolve, reject) => {
          server.once('error', reject)
          server.listen(port, host === '*' ? '::' : host, () => {
            server.removeListener('error', reject)
            resolve()
          })
        })
        server.on('error', (error) => this.#failed(error))
        this.#servers.push(server)
      }
    } catch (error) {
      this.#closeListeners()
      throw error
    }
  }

  #makeServer(): Server {
    const server = createServer({
      ...this.#context(),
      requestCert: true,
      // Looked at in `#admit`, where the peer it should be is known too.
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_MS,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    })
    server.on('connection', (socket) => {
      const address = normalizeAddress(socket.remoteAddress ?? '')
      const count = this.#perAddress.get(address) ?? 0
      if (this.#count >= MAX_CONNECTIONS || count >= MAX_PER_ADDRESS) {
        socket.destroy()
        return
      }
      this.#count += 1
      this.#perAddress.set(address, count + 1)
      socket.once('close', () => this.#forget(address))
    })
    server.on('tlsClientError', (error, socket) => {
      this.#refused(socket, error.message)
    })
    server.on('secureConnection', (socket) => this.#admit(socket))
    return server
  }

  #forget(address: string): void {
    this.#count -= 1
    const left = (this.#perAddress.get(address) ?? 1) - 1
    if (left === 0) this.#perAddress.delete(address)
    else this.#perAddress.set(address, left)
  }

  #admit(socket: TLSSocket): void {
    // What a peer breaks off is its own affair, and `close` follows.
    socket.on('error', () => {})
    const address = normalizeAddress(socket.remoteAddress ?? '')
    const shown = readShownCertificate(socket)
    const find = (): Client | null =>
      (shown !== null &&
        this.#peers.find(({ identity, allows }) => allows(address) && isPeer(shown, identity))
          ?.client) ||
      null
    if (find() === null) {
      const why = shown === null ? `certificate: ${socket.authorizationError}` : nameOf(shown.leaf)
      this.#refused(socket, why)
      socket.destroy()
      return
    }
    const open: Open<Client> = {
      address,
      connection: new RadsecConnection({
        socket,
        exchange: this.#options.exchange,
        client: remember(find, () => this.#peers),
        label: `radsec ${++serial}`,
      }),
    }
    this.#open.add(open)
    socket.once('close', () => this.#open.delete(open))
  }

  #refused(socket: TLSSocket, detail: string): void {
    this.#options.observer.dropped({
      reason: 'unknown-client',
      socket: 'radsec',
      address: normalizeAddress(socket.remoteAddress ?? ''),
      port: socket.remotePort ?? 0,
      client: null,
      detail,
    })
  }

  #failed(error: unknown): void {
    this.#options.observer.failed(error, { socket: 'radsec', client: null })
  }

  #context(): SecureContextOptions {
    const authorities = this.#peers.flatMap(({ identity }) => identity.authorities)
    return {
      cert: this.#certificate.certificate,
      key: this.#certificate.privateKey,
      ca: [...new Set(authorities.map((authority) => authority.toString()))],
      minVersion: 'TLSv1.2',
      honorCipherOrder: true,
      // A resumed session would bring back a certificate that nobody looked at again.
      secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    }
  }
}

let serial = 0

/** Asks `find` again only when what it depends on has changed. */
function remember<Value>(find: () => Value, dependsOn: () => unknown): () => Value {
  let seen = dependsOn()
  let value = find()
  return () => {
    if (dependsOn() !== seen) {
      seen = dependsOn()
      value = find()
    }
    return value
  }
}

function nameOf(leaf: X509Certificate): string {
  return `no peer has the certificate of ${leaf.subjectAltName ?? leaf.subject}, SHA-256 ${leaf.fingerprint256}`
}
