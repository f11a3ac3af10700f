import type { TLSSocket } from 'node:tls'
import { normalizeAddress } from '../address.ts'
import type { RadiusClient } from '../client-table.ts'
import { RadiusError } from '../errors.ts'
import type { DropReason } from '../events.ts'
import type { Exchange, Origin } from '../exchange.ts'
import { PacketFramer } from './framer.ts'

/** As many as there are identifiers; a client that sends more waits. */
const MAX_IN_FLIGHT = 256
/** A packet that has begun comes whole within this. */
const PACKET_MS = 10_000
/** A peer without anything to say asks for our status every half minute or so. */
const IDLE_MS = 15 * 60_000
/** A peer that does not read its replies is cut off. */
const MAX_UNREAD_BYTES = 1024 * 1024

/** What shows that the stream, or the other end, is not what it should be (RFC 6614 §3). */
const fatal: ReadonlySet<DropReason> = new Set([
  'malformed',
  'bad-authenticator',
  'bad-message-authenticator',
])

interface ConnectionParts<Client extends RadiusClient> {
  readonly socket: TLSSocket
  readonly exchange: Exchange<Client>
  /** The peer as it is known now; null once it is no more. Asked for each packet. */
  readonly client: () => Client | null
  /** Tells the connections of one server apart. */
  readonly label: string
}

/** Packets of one RadSec peer: in by the stream, out by the exchange. */
export class RadsecConnection<Client extends RadiusClient> {
  readonly #parts: ConnectionParts<Client>
  readonly #origin: Origin
  readonly #framer = new PacketFramer()
  #inFlight = 0
  #isChoked = false
  #packetTimer: NodeJS.Timeout | null = null

  constructor(parts: ConnectionParts<Client>) {
    this.#parts = parts
    const { socket, label } = parts
    this.#origin = {
      socket: 'radsec',
      label,
      address: normalizeAddress(socket.remoteAddress ?? ''),
      port: socket.remotePort ?? 0,
      send: (reply) => this.#send(reply),
      settled: () => {
        this.#inFlight -= 1
        this.#read()
      },
    }
    socket.setNoDelay(true)
    socket.setTimeout(IDLE_MS, () => socket.destroy())
    socket.on('drain', () => {
      this.#isChoked = false
      this.#read()
    })
    socket.on('close', () => this.#stopTimer())
    socket.on('data', (chunk: Buffer) => {
      this.#framer.push(chunk)
      this.#read()
    })
  }

  /** Takes no more packets; answers to those under way still go out. */
  pause(): void {
    this.#parts.socket.pause()
    this.#parts.socket.removeAllListeners('data')
  }

  close(): void {
    this.#parts.socket.destroy()
  }

  /** Whether the other end is still a peer; cuts it off when it is not. */
  review(): void {
    if (this.#parts.client() === null) this.close()
  }

  #read(): void {
    const { socket, exchange, client } = this.#parts
    try {
      while (!socket.destroyed && this.#mayTake) {
        const packet = this.#framer.next()
        if (packet === null) break
        this.#stopTimer()
        const known = client()
        if (known === null) {
          this.close()
          return
        }
        // Counted first, since the answer may be there before this returns.
        this.#inFlight += 1
        const outcome = exchange.receiveFrom(known, packet, this.#origin)
        if (outcome !== 'under-way') this.#inFlight -= 1
        if (fatal.has(outcome as DropReason)) this.close()
      }
    } catch (error) {
      if (!(error instanceof RadiusError)) throw error
      exchange.refuse(this.#origin, client(), 'malformed', error.message)
      this.close()
    }
    this.#regulate()
  }

  get #mayTake(): boolean {
    return this.#inFlight < MAX_IN_FLIGHT && !this.#isChoked
  }

  /** Reads on only when there is room, and waits for the rest of a packet only so long. */
  #regulate(): void {
    const { socket } = this.#parts
    if (socket.destroyed) return
    if (this.#mayTake) socket.resume()
    else socket.pause()
    if (!this.#mayTake || this.#framer.bufferedBytes === 0) this.#stopTimer()
    else this.#packetTimer ??= setTimeout(() => this.close(), PACKET_MS)
  }

  #stopTimer(): void {
    if (this.#packetTimer !== null) clearTimeout(this.#packetTimer)
    this.#packetTimer = null
  }

  #send(reply: Buffer): void {
    const { socket } = this.#parts
    if (socket.destroyed) return
    if (!socket.write(reply)) this.#isChoked = true
    if (socket.writableLength > MAX_UNREAD_BYTES) this.close()
  }
}
