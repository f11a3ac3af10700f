import { isIP } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { RadiusError } from '../errors.ts'
import type { Packet } from '../packet.ts'
import { PacketFramer } from '../tls/framer.ts'
import { isPeer, type PeerIdentity, readShownCertificate } from '../tls/peer-certificate.ts'
import type { RadsecCertificate } from '../tls/server.ts'
import { type Pending, type PendingOptions, PendingRequests } from './pending.ts'
import type { ClientRequest } from './request.ts'
import type { RadiusPeer } from './udp-client.ts'

const HANDSHAKE_MS = 5_000
const FIRST_WAIT_MS = 500
const MAX_WAIT_MS = 30_000

export interface TlsClientOptions extends PendingOptions {
  readonly host: string
  readonly port: number
  /** What the server has to show. */
  readonly identity: PeerIdentity
  /** What we show, as it is when a connection is made. */
  readonly certificate: () => RadsecCertificate
  /** How long an answer is waited for. */
  readonly responseMs: number
  /** Told why a connection could not be made or was lost; must not throw. */
  readonly onFault?: (error: Error) => void
}

/**
 * A RADIUS client over TLS for one server (RFC 6614), over one connection that is made when there is
 * something to ask. Nothing is repeated on a connection (RFC 6613 §2.6.1); what still waits when it
 * is lost goes out again over the next.
 */
export class TlsClient implements RadiusPeer {
  readonly #options: TlsClientOptions
  readonly #pending: PendingRequests
  readonly #underWay = new Map<Pending, () => void>()
  #socket: TLSSocket | null = null
  #isUp = false
  #isClosed = false
  #waitMs = FIRST_WAIT_MS
  #retry: NodeJS.Timeout | null = null

  constructor(options: TlsClientOptions) {
    this.#options = options
    this.#pending = new PendingRequests({ ...options, isAuthenticatorRequired: false })
  }

  send(request: ClientRequest, signal: AbortSignal): Promise<Packet | 'timeout'> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      if (this.#isClosed || this.#pending.isFull) {
        resolve('timeout')
        return
      }
      const pending = this.#pending.add(request, (packet) => end(() => resolve(packet)))
      const giveUp = (): void => end(() => resolve('timeout'))
      const abort = (): void => end(() => reject(signal.reason as Error))
      const timer = setTimeout(giveUp, this.#options.responseMs)
      const end = (tell: () => void): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', abort)
        this.#pending.remove(pending)
        this.#underWay.delete(pending)
        tell()
      }
      signal.addEventListener('abort', abort, { once: true })
      this.#underWay.set(pending, giveUp)
      if (this.#isUp) this.#socket?.write(pending.bytes)
      else if (this.#socket === null && this.#retry === null) this.#connect()
    })
  }

  close(): void {
    this.#isClosed = true
    if (this.#retry !== null) clearTimeout(this.#retry)
    for (const giveUp of [...this.#underWay.values()]) giveUp()
    this.#socket?.destroy()
  }

  #connect(): void {
    const { host, port, identity } = this.#options
    const { certificate, privateKey } = this.#options.certificate()
    const socket = connect({
      host,
      port,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ca: identity.authorities.map((authority) => authority.toString()),
      cert: certificate,
      key: privateKey,
      minVersion: 'TLSv1.2',
      // Whose it is is looked at in `#admit`; the chain is checked all the same.
      checkServerIdentity: () => undefined,
    })
    this.#socket = socket
    socket.setNoDelay(true)
    socket.setKeepAlive(true, MAX_WAIT_MS)
    socket.setTimeout(HANDSHAKE_MS, () => socket.destroy(new Error('no TLS handshake in time')))
    socket.on('error', (error) => this.#options.onFault?.(error))
    socket.once('secureConnect', () => this.#admit(socket))
    socket.once('close', () => this.#lost())
  }

  #admit(socket: TLSSocket): void {
    socket.setTimeout(0)
    const shown = readShownCertificate(socket)
    if (shown === null || !isPeer(shown, this.#options.identity)) {
      socket.destroy(new Error('the server shows a certificate of another name'))
      return
    }
    this.#isUp = true
    const framer = new PacketFramer()
    socket.on('data', (chunk: Buffer) => this.#read(socket, framer, chunk))
    for (const { bytes } of this.#underWay.keys()) socket.write(bytes)
  }

  #read(socket: TLSSocket, framer: PacketFramer, chunk: Buffer): void {
    try {
      framer.push(chunk)
      for (let packet = framer.next(); packet !== null; packet = framer.next()) {
        // Only an answer shows that the connection is good: TLS 1.3 says so before our certificate
        // was looked at.
        if (this.#pending.receive(packet)) this.#waitMs = FIRST_WAIT_MS
      }
    } catch (error) {
      if (!(error instanceof RadiusError)) throw error
      socket.destroy(error)
    }
  }

  #lost(): void {
    this.#socket = null
    this.#isUp = false
    if (this.#isClosed) return
    this.#retry = setTimeout(() => {
      this.#retry = null
      if (this.#underWay.size > 0) this.#connect()
    }, this.#waitMs).unref()
    this.#waitMs = Math.min(2 * this.#waitMs, MAX_WAIT_MS)
  }
}
