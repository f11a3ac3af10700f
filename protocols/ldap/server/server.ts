import { type AddressInfo, createServer, isIPv4, type Server, type Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import { Turns, type TurnTaker } from '../../wire/index.ts'
import { type ConnectionHost, LdapConnection } from './connection.ts'
import type { LdapHandler, LdapObserver, LdapPeer, RefusalReason } from './handler.ts'
import { Handshakes } from './handshakes.ts'
import { DEFAULT_LIMITS, type LdapServerLimits } from './options.ts'
import { ChunkPool } from './output.ts'
import { Round } from './round.ts'

const SWEEP_EVERY_MS = 1_000
const BACKLOG = 4_096
const KEEP_ALIVE_MS = 60_000
const MAPPED = '::ffff:'

export interface LdapListener {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  /** TLS from the first byte (LDAPS); the others may turn it on by StartTLS. */
  readonly isTls: boolean
}

export interface LdapServerOptions {
  readonly handler: LdapHandler
  readonly listeners: readonly LdapListener[]
  /** Needed for LDAPS listeners and for StartTLS; null offers neither. */
  readonly secureContext?: SecureContext | null
  readonly limits?: Partial<LdapServerLimits>
  readonly observer?: LdapObserver
  /** What handshakes take turns by, with other costly work of the process. */
  readonly handshakeTurns?: TurnTaker
}

/**
 * Listens for LDAP and LDAPS and keeps the connections within their bounds.
 *
 * @example
 * const server = new LdapServer({ handler, listeners: [{ host: '127.0.0.1', port: 0, isTls: false }] })
 * await server.start()
 * server.addresses() // [{ address: '127.0.0.1', port: 40123, family: 'IPv4' }]
 */
export class LdapServer implements ConnectionHost {
  readonly name = 'ldap'
  readonly handler: LdapHandler
  readonly limits: LdapServerLimits
  readonly observer: LdapObserver
  readonly chunks = new ChunkPool()
  readonly turns = new Turns()
  readonly round = new Round()
  bufferedBytes = 0
  readonly #listeners: readonly LdapListener[]
  readonly #servers: Server[] = []
  readonly #connections = new Set<LdapConnection>()
  readonly #handshakes: Handshakes
  readonly #perAddress = new Map<string, number>()
  #openSockets = 0
  #isStopping: boolean = false
  #secureContext: SecureContext | null
  #sweep: NodeJS.Timeout | null = null

  constructor(options: LdapServerOptions) {
    this.handler = options.handler
    this.limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.#handshakes = new Handshakes({
      timeoutMs: this.limits.handshakeTimeoutMs,
      turns: options.handshakeTurns,
    })
    this.observer = options.observer ?? {}
    this.#listeners = options.listeners
    this.#secureContext = options.secureContext ?? null
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** Where it listens, in the order of the listeners it was given. */
  addresses(): AddressInfo[] {
    return this.#servers.map((server) => server.address() as AddressInfo)
  }

  /** For new TLS connections; those that are open keep their certificate. */
  setSecureContext(secureContext: SecureContext): void {
    this.#secureContext = secureContext
  }

  async start(): Promise<void> {
    if (this.#secureContext === null && this.#listeners.some((listener) => listener.isTls)) {
      throw new Error('an LDAPS listener needs a certificate')
    }
    try {
      for (const listener of this.#listeners) await this.#listen(listener)
    } catch (error) {
      for (const server of this.#servers.splice(0)) server.close()
      throw error
    }
    this.#sweep = setInterval(() => this.#checkTimes(), SWEEP_EVERY_MS)
    this.#sweep.unref()
  }

  /** Takes no more requests, answers those under way (within the drain limit), closes all. */
  async stop(): Promise<void> {
    this.#isStopping = true
    const closed = this.#servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    )
    this.#handshakes.closeAll()
    for (const connection of this.#connections) connection.drain()
    const limit = setTimeout(() => {
      for (const connection of this.#connections) connection.socket.destroy()
    }, this.limits.drainTimeoutMs)
    await Promise.all(closed)
    clearTimeout(limit)
    if (this.#sweep !== null) clearInterval(this.#sweep)
  }

  canStartTls(): boolean {
    return this.#secureContext !== null
  }

  startTls(connection: LdapConnection): void {
    connection.release()
    this.#connections.delete(connection)
    this.observer.closed?.(connection.peer)
    this.#handshake(connection.socket, connection.peer)
  }

  gone(connection: LdapConnection): void {
    if (this.#connections.delete(connection)) this.observer.closed?.(connection.peer)
  }

  async #listen(listener: LdapListener): Promise<void> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#accept(socket, listener),
    )
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host: listener.host, port: listener.port, backlog: BACKLOG }, () => {
        server.off('error', reject)
        // An accept that fails (out of descriptors) concerns one client; the rest go on.
        server.on('error', (error) => this.observer.fault?.(error))
        resolve()
      })
    })
    this.#servers.push(server)
  }

  #accept(socket: Socket, listener: LdapListener): void {
    const peer = peerOf(socket)
    const refusal = this.#refusal(peer.address)
    if (refusal !== null) {
      this.observer.refused?.(refusal, peer.address)
      socket.destroy()
      return
    }
    this.#count(socket, peer.address)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    if (listener.isTls) this.#handshake(socket, peer)
    else this.#open(socket, peer)
  }

  #refusal(address: string): RefusalReason | null {
    if (this.#openSockets >= this.limits.maxConnections) return 'too-many-connections'
    const here = this.#perAddress.get(address) ?? 0
    return here >= this.limits.maxConnectionsPerAddress ? 'too-many-from-address' : null
  }

  #count(socket: Socket, address: string): void {
    this.#openSockets++
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1)
    socket.once('close', () => {
      this.#openSockets--
      const left = (this.#perAddress.get(address) ?? 1) - 1
      if (left === 0) this.#perAddress.delete(address)
      else this.#perAddress.set(address, left)
    })
  }

  #open(socket: Socket, peer: LdapPeer): void {
    if (this.#isStopping) {
      socket.destroy()
      return
    }
    this.#connections.add(new LdapConnection(this, { socket, peer }))
    this.observer.opened?.(peer)
  }

  #handshake(socket: Socket, peer: LdapPeer): void {
    const secureContext = this.#secureContext
    if (secureContext === null || this.#isStopping) {
      socket.destroy()
      return
    }
    this.#handshakes.begin({
      socket,
      secureContext,
      onSecured: (secured) => this.#open(secured, { ...peer, isEncrypted: true }),
      onFailed: () => this.observer.refused?.('handshake', peer.address),
    })
  }

  #checkTimes(): void {
    const nowMs = performance.now()
    this.#handshakes.checkTimes(nowMs)
    for (const connection of this.#connections) connection.checkTimes(nowMs)
    this.#checkUnread()
  }

  /** Of answers that nobody reads, the largest heaps go first. */
  #checkUnread(): void {
    let unreadBytes = 0
    for (const connection of this.#connections) unreadBytes += connection.unreadBytes
    if (unreadBytes <= this.limits.maxUnreadBytes) return
    const worst = [...this.#connections].sort((a, b) => b.unreadBytes - a.unreadBytes)
    for (const connection of worst) {
      if (unreadBytes <= this.limits.maxUnreadBytes) return
      unreadBytes -= connection.unreadBytes
      connection.drop('slow-reader')
    }
  }
}

function peerOf(socket: Socket): LdapPeer {
  const given = socket.remoteAddress ?? ''
  const inner = given.startsWith(MAPPED) ? given.slice(MAPPED.length) : given
  const address = isIPv4(inner) ? inner : given
  const isLoopback = address === '::1' || address.startsWith('127.')
  return { address, port: socket.remotePort ?? 0, isLoopback, isEncrypted: false }
}
