import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { normalizeAddress } from './address.ts'
import type { RadiusClient } from './client-table.ts'
import type { SocketKind } from './events.ts'
import { Exchange, type ExchangeOptions } from './exchange.ts'
import { expandListeners, type ListenAddress, type LocalAddress } from './local-addresses.ts'

/** A burst of a few thousand packets, as when a building's power comes back; the kernel may cap it. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
/** Longest wait for requests under way when stopping. */
const DRAIN_MS = 5000

export interface RadiusServerOptions<Client extends RadiusClient> extends ExchangeOptions<Client> {
  readonly auth: readonly ListenAddress[]
  readonly acct: readonly ListenAddress[]
}

/** RADIUS over UDP: authentication and accounting sockets, one for each local address. */
export class RadiusServer<Client extends RadiusClient = RadiusClient> {
  readonly name = 'radius'
  readonly #options: RadiusServerOptions<Client>
  readonly #exchange: Exchange<Client>
  readonly #sockets: { readonly kind: SocketKind; readonly socket: Socket }[] = []

  constructor(options: RadiusServerOptions<Client>) {
    this.#options = options
    this.#exchange = new Exchange(options)
  }

  /** Requests being worked on. */
  get inFlight(): number {
    return this.#exchange.inFlight
  }

  /** Answers requests that come by other ways too. */
  get exchange(): Exchange<Client> {
    return this.#exchange
  }

  /** Where it listens; with port 0 the ports the system chose. */
  addresses(kind: SocketKind): ListenAddress[] {
    return this.#sockets
      .filter((each) => each.kind === kind)
      .map(({ socket }) => ({ host: socket.address().address, port: socket.address().port }))
  }

  /** @throws when a listed address cannot be bound; one that a wildcard stood for is passed over */
  async start(signal: AbortSignal): Promise<void> {
    try {
      for (const kind of ['auth', 'acct'] as const) {
        for (const local of expandListeners(this.#options[kind])) {
          signal.throwIfAborted()
          await this.#listen(kind, local)
        }
      }
    } catch (error) {
      this.#close()
      throw error
    }
  }

  /** Takes no more requests, waits for those under way, closes. */
  async stop(): Promise<void> {
    for (const { socket } of this.#sockets) socket.removeAllListeners('message')
    await this.#exchange.drain(DRAIN_MS)
    this.#close()
  }

  #close(): void {
    for (const { socket } of this.#sockets) socket.close()
    this.#sockets.length = 0
  }

  async #listen(kind: SocketKind, local: LocalAddress): Promise<void> {
    const isVersion6 = isIPv6(local.host.split('%', 1)[0] ?? '')
    const socket = createSocket({
      type: isVersion6 ? 'udp6' : 'udp4',
      ipv6Only: isVersion6,
      recvBufferSize: RECEIVE_BUFFER_BYTES,
      // Peers are addresses already; the usual resolver would cost a turn of the event loop.
      lookup: (host, _options, done) => done(null, host, isVersion6 ? 6 : 4),
    })
    const failed = (error: Error): void => {
      this.#options.observer.failed(error, { socket: kind, client: null })
    }
    try {
      await bind(socket, local)
    } catch (error) {
      socket.close()
      if (local.isRequired || !isGone(error)) throw error
      return
    }
    socket.on('error', failed)
    this.#serve(kind, socket)
  }

  #serve(kind: SocketKind, socket: Socket): void {
    const { address, port } = socket.address()
    const label = `${kind} ${address} ${port}`
    socket.on('message', (datagram, from) => {
      this.#exchange.receive(datagram, {
        socket: kind,
        label,
        address: normalizeAddress(from.address),
        port: from.port,
        send: (reply) => {
          socket.send(reply, from.port, from.address)
        },
      })
    })
    this.#sockets.push({ kind, socket })
  }
}

/** An address that left the host, or is not ready, between listing and binding. */
function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EADDRNOTAVAIL'
}

function bind(socket: Socket, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(port, host, () => {
      socket.removeListener('error', reject)
      resolve()
    })
  })
}
