import { chmodSync, rmSync } from 'node:fs'
import { createServer as createHttpServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import { type AddressInfo, connect, type ListenOptions, type Socket } from 'node:net'
import { type SecureContextOptions, TLSSocket, Server as TlsServer } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import { overwriteReadBlock } from '../../protocols/wire/index.ts'
import type { ListenAddress } from '../config/listen.ts'
import type { Service } from '../lifecycle.ts'

const HEADERS_TIMEOUT_MS = 10_000
const MAX_CONNECTIONS = 2000
/** Node cuts a longer socket path short without a word. */
const MAX_SOCKET_PATH_BYTES = 107
const DRAIN_MS = 10_000

export interface ListenerOptions {
  readonly http: readonly ListenAddress[]
  readonly https: readonly ListenAddress[]
  readonly socketPath: string
  readonly tls: SecureContextOptions
}

/** The HTTP listeners: one application behind plain, TLS and the Unix socket the CLI speaks to. */
export class HttpListeners implements Service {
  readonly name = 'HTTP listeners'
  readonly #options: ListenerOptions
  readonly #local = new WeakSet<Socket>()
  readonly #servers: (Server | HttpsServer)[] = []
  readonly #https: HttpsServer[] = []
  readonly #bound: { scheme: 'http' | 'https'; address: AddressInfo }[] = []
  #app: FastifyInstance | null = null

  constructor(options: ListenerOptions) {
    this.#options = options
  }

  /** The application needs {@link isLocalSocket} and {@link isPlain}, so it comes after the listeners are made. */
  serve(app: FastifyInstance): void {
    this.#app = app
  }

  isLocalSocket(request: IncomingMessage): boolean {
    return this.#local.has(request.socket)
  }

  isPlain(request: IncomingMessage): boolean {
    return !(request.socket instanceof TLSSocket) && !this.isLocalSocket(request)
  }

  /** Where it really listens; port 0 has become a number. */
  get addresses(): readonly { readonly scheme: 'http' | 'https'; readonly address: AddressInfo }[] {
    return this.#bound
  }

  replaceTls(tls: SecureContextOptions): void {
    for (const server of this.#https) server.setSecureContext(tls)
  }

  async start(): Promise<void> {
    const { http, https, socketPath, tls } = this.#options
    for (const address of http) await this.#open('http', createHttpServer(this.#handler()), address)
    for (const address of https) {
      const server = createHttpsServer({ ...tls, minVersion: 'TLSv1.2' }, this.#handler())
      this.#https.push(server)
      await this.#open('https', server, address)
    }
    await this.#openSocket(socketPath)
  }

  async stop(): Promise<void> {
    const closed = this.#servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    )
    for (const server of this.#servers) server.closeIdleConnections()
    const timer = setTimeout(() => {
      for (const server of this.#servers) server.closeAllConnections()
    }, DRAIN_MS)
    await Promise.all(closed)
    clearTimeout(timer)
    rmSync(this.#options.socketPath, { force: true })
    await this.#app?.close()
  }

  #handler() {
    const app = this.#app
    if (app === null) throw new Error('the listeners have no application to serve')
    return app.routing
  }

  async #open(
    scheme: 'http' | 'https',
    server: Server | HttpsServer,
    where: ListenAddress,
  ): Promise<void> {
    const host = where.host === '*' ? {} : { host: where.host }
    await this.#listen(server, { port: where.port, ...host })
    this.#bound.push({ scheme, address: server.address() as AddressInfo })
  }

  async #openSocket(path: string): Promise<void> {
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES)
      throw new Error(
        `the path of the admin socket is longer than ${MAX_SOCKET_PATH_BYTES} bytes: ${path}; use a shorter data_dir`,
      )
    if (await isAnswered(path)) throw new Error(`another daemon listens at ${path}`)
    rmSync(path, { force: true })
    const server = createHttpServer(this.#handler())
    server.on('connection', (socket) => this.#local.add(socket))
    const before = process.umask(0o177)
    try {
      await this.#listen(server, { path })
    } finally {
      process.umask(before)
    }
    chmodSync(path, 0o600)
  }

  async #listen(server: Server | HttpsServer, options: ListenOptions): Promise<void> {
    const isTls = server instanceof TlsServer
    server.on(isTls ? 'secureConnection' : 'connection', wipeWhatWasRead)
    if (!isTls)
      server.on('connection', (socket) => socket.prependListener('data', overwriteReadBlock))
    server.headersTimeout = HEADERS_TIMEOUT_MS
    server.maxConnections = MAX_CONNECTIONS
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(options, () => {
        server.off('error', reject)
        resolve()
      })
    })
    this.#servers.push(server)
  }
}

/** Whether somebody listens on a Unix socket; a file left behind by a kill does not answer. */
export function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/**
 * Passwords and tokens come in here, and what a socket has read lies in memory until something else
 * does. The parser has taken all it needs, copies, when it gives the chunk to the next listener. To
 * listen at all has the parser fed with chunks, and not by a buffer of its own that nobody can reach.
 */
function wipeWhatWasRead(socket: Socket): void {
  socket.on('data', (chunk: Buffer) => chunk.fill(0))
}
