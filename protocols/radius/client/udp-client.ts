import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { Packet } from '../packet.ts'
import { type PendingOptions, PendingRequests } from './pending.ts'
import type { ClientRequest } from './request.ts'
import { type Retransmission, usualRetransmission, waits } from './retransmission.ts'

/** 4096 requests without an answer: a peer that far behind is gone. */
const MAX_SOCKETS = 16
/** A source port that nobody uses is given back. */
const IDLE_MS = 60_000

/** Somebody who answers RADIUS requests. */
export interface RadiusPeer {
  /**
   * Asks and waits for an answer that passes every check; others are passed over.
   *
   * `timeout` when none came, and at once when too many requests wait already.
   *
   * @throws what `signal` was aborted with, and {@link RadiusError} for a request that does not fit
   *   a packet
   */
  send(request: ClientRequest, signal: AbortSignal): Promise<Packet | 'timeout'>
  /** Lets go of sockets; requests under way end in `timeout`. */
  close(): void
}

export interface UdpClientOptions extends PendingOptions {
  /** An address, not a name: resolving is the caller's. */
  readonly host: string
  readonly port: number
  readonly retransmission?: Retransmission
}

/** One socket, with the 256 identifiers that go with its source port. */
interface Channel {
  readonly socket: Socket
  readonly pending: PendingRequests
  /** What waits for the socket to be connected; null once it is. */
  backlog: Buffer[] | null
  idle: NodeJS.Timeout | null
}

/**
 * A RADIUS client over UDP for one server: repeats requests as RFC 5080 §2.2.1 asks, and opens
 * another socket when the identifiers of the others are taken (RFC 2865 §2.5).
 */
export class UdpClient implements RadiusPeer {
  readonly #options: UdpClientOptions
  readonly #channels: Channel[] = []
  /** Ends each request under way. */
  readonly #underWay = new Set<() => void>()
  #isClosed = false

  constructor(options: UdpClientOptions) {
    this.#options = options
  }

  send(request: ClientRequest, signal: AbortSignal): Promise<Packet | 'timeout'> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      const channel = this.#isClosed ? null : this.#findChannel()
      if (channel === null) {
        resolve('timeout')
        return
      }
      const pending = channel.pending.add(request, (packet) => end(() => resolve(packet)))
      const repeat = waits(this.#options.retransmission ?? usualRetransmission)
      let timer: NodeJS.Timeout | null = null

      const giveUp = (): void => end(() => resolve('timeout'))
      const abort = (): void => end(() => reject(signal.reason as Error))
      const end = (tell: () => void): void => {
        if (timer !== null) clearTimeout(timer)
        signal.removeEventListener('abort', abort)
        this.#underWay.delete(giveUp)
        channel.pending.remove(pending)
        this.#rest(channel)
        tell()
      }
      const transmit = (): void => {
        const { value: waitMs } = repeat.next()
        if (waitMs === undefined) {
          giveUp()
          return
        }
        if (channel.backlog === null) channel.socket.send(pending.bytes, ignore)
        else channel.backlog.push(pending.bytes)
        timer = setTimeout(transmit, waitMs)
      }
      signal.addEventListener('abort', abort, { once: true })
      this.#underWay.add(giveUp)
      transmit()
    })
  }

  close(): void {
    this.#isClosed = true
    for (const giveUp of [...this.#underWay]) giveUp()
    for (const channel of [...this.#channels]) this.#drop(channel)
  }

  #findChannel(): Channel | null {
    const free = this.#channels.find(({ pending }) => !pending.isFull)
    if (free !== undefined) {
      if (free.idle !== null) clearTimeout(free.idle)
      free.idle = null
      return free
    }
    return this.#channels.length < MAX_SOCKETS ? this.#open() : null
  }

  #open(): Channel {
    const { host, port } = this.#options
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
    const channel: Channel = {
      socket,
      pending: new PendingRequests(this.#options),
      backlog: [],
      idle: null,
    }
    // A server that is not there answers by ICMP; it may be back at the next repetition.
    socket.on('error', ignore)
    socket.on('message', (datagram) => channel.pending.receive(datagram))
    socket.once('connect', () => {
      for (const bytes of channel.backlog ?? []) socket.send(bytes, ignore)
      channel.backlog = null
    })
    // Connected, so that the kernel passes on only what comes from the server.
    socket.connect(port, host)
    this.#channels.push(channel)
    return channel
  }

  /** Closes a socket that has had nothing to do for a while. */
  #rest(channel: Channel): void {
    if (channel.pending.count > 0 || this.#isClosed) return
    channel.idle = setTimeout(() => this.#drop(channel), IDLE_MS).unref()
  }

  #drop(channel: Channel): void {
    if (channel.idle !== null) clearTimeout(channel.idle)
    channel.socket.close()
    this.#channels.splice(this.#channels.indexOf(channel), 1)
  }
}

function ignore(): void {}
