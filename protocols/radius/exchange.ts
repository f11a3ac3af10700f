import { setMaxListeners } from 'node:events'
import type { RadiusClient } from './client-table.ts'
import { PacketCode } from './code.ts'
import { AttributeType } from './dictionary.ts'
import { DuplicateCache, type SeenRequest } from './duplicate-cache.ts'
import { RadiusError } from './errors.ts'
import type { DropReason, RadiusObserver, SocketKind } from './events.ts'
import { decodePacket, type Packet } from './packet.ts'
import { type Lane, RateLimit } from './rate-limit.ts'
import { encodeReply, encodeUnsignedReply, type Reply } from './reply.ts'
import { RequestCheck } from './request-check.ts'
import type { SharedSecret } from './shared-secret.ts'

/** Beyond this, new requests are dropped: their NAS asks another server, or again. */
const MAX_IN_FLIGHT = 4096
const STATE = AttributeType.state.type

/** A request that has passed its checks. */
export interface RadiusRequest<Client extends RadiusClient = RadiusClient> {
  readonly packet: Packet
  readonly client: Client
  /** The client's secret with which this request was made. */
  readonly secret: SharedSecret
  /** Source address, IPv4-mapped IPv6 as IPv4. */
  readonly address: string
}

export interface RadiusHandler<Client extends RadiusClient = RadiusClient> {
  /**
   * Answers an Access-Request; null is silence, after which a repetition is a new request.
   *
   * @throws when it can't tell; the NAS gets no answer and the observer hears of it
   */
  access(request: RadiusRequest<Client>, signal: AbortSignal): Reply | null | Promise<Reply | null>
  /** Records an Accounting-Request, which is acknowledged only when this gives true. */
  account(request: RadiusRequest<Client>, signal: AbortSignal): boolean | Promise<boolean>
}

/** Told what requests show of their client. Must not throw. */
export interface ClientWitness<Client extends RadiusClient> {
  /** It signs what it need not sign: `auto` demands it from now on. Told once for each client. */
  signed(client: Client): void
  /** A client with several secrets has used this one. */
  used(client: Client, secret: SharedSecret, address: string): void
}

export interface ExchangeOptions<Client extends RadiusClient> {
  /** Asked for each datagram, with a normalised address; null is an unknown client. */
  readonly findClient: (address: string) => Client | null
  readonly handler: RadiusHandler<Client>
  readonly observer: RadiusObserver
  readonly witness?: ClientWitness<Client>
  /** Milliseconds, monotonic. */
  readonly now?: () => number
  readonly maxInFlight?: number
}

/** Where a datagram came in, from whom, and the way back. */
export interface Origin {
  readonly socket: SocketKind
  /** Tells the sockets of one server apart. */
  readonly label: string
  readonly address: string
  readonly port: number
  readonly send: (reply: Buffer) => void
  /** Told when a request that was `under-way` is done with, answered or not. */
  readonly settled?: () => void
}

/** What became of a packet at once. */
export type Received = 'answered' | 'under-way' | DropReason

interface Work<Client extends RadiusClient> {
  readonly origin: Origin
  readonly request: RadiusRequest<Client>
  readonly isSigned: boolean
  readonly startedMs: number
}

const nothing: readonly never[] = []

/**
 * What happens between a datagram and its reply: client, decoding, checks, duplicates, rate, handler,
 * signing. In this order, so that bytes that fail a check never touch what comes after it.
 */
export class Exchange<Client extends RadiusClient = RadiusClient> {
  readonly #options: ExchangeOptions<Client>
  readonly #now: () => number
  readonly #maxInFlight: number
  readonly #check = new RequestCheck()
  readonly #duplicates: DuplicateCache
  readonly #rates = new RateLimit()
  readonly #stopping = new AbortController()
  #inFlight = 0
  #onIdle: (() => void) | null = null

  constructor(options: ExchangeOptions<Client>) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
    this.#maxInFlight = options.maxInFlight ?? MAX_IN_FLIGHT
    this.#duplicates = new DuplicateCache(this.#now)
    // Each request under way may listen.
    setMaxListeners(0, this.#stopping.signal)
  }

  /** Requests being worked on. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** Takes a datagram from whoever its address says. */
  receive(datagram: Buffer, origin: Origin): void {
    const client = this.#options.findClient(origin.address)
    if (client === null) this.refuse(origin, null, 'unknown-client')
    else this.receiveFrom(client, datagram, origin)
  }

  /** Takes a packet from a client that is known already. */
  receiveFrom(client: Client, datagram: Buffer, origin: Origin): Received {
    const startedMs = this.#now()
    let packet: Packet
    try {
      packet = decodePacket(datagram)
    } catch (error) {
      if (!(error instanceof RadiusError)) throw error
      return this.refuse(origin, client, 'malformed', error.message)
    }
    if (!isServed(origin.socket, packet.code)) {
      return this.refuse(origin, client, 'unexpected-code', `code ${packet.code}`)
    }
    const checked = this.#check.check(datagram, packet, client)
    if (!checked.ok) return this.refuse(origin, client, checked.reason)
    if (checked.isFirstProof) this.#options.witness?.signed(client)
    if (checked.isSecretSure && client.secrets.length > 1)
      this.#options.witness?.used(client, checked.secret, origin.address)
    return this.#answerOnce({
      origin,
      request: { packet, client, secret: checked.secret, address: origin.address },
      isSigned: checked.hasMessageAuthenticator,
      startedMs,
    })
  }

  /** Resolves when nothing is under way, after `timeoutMs` at the latest; then aborts what is. */
  async drain(timeoutMs: number): Promise<void> {
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs)
        this.#onIdle = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    this.#stopping.abort()
  }

  #answerOnce(work: Work<Client>): Received {
    const { origin, request } = work
    const { packet } = request
    const { label, address, port } = origin
    const source = { label, address, port, identifier: packet.identifier }
    const { isDuplicate, seen } = this.#duplicates.look(source, packet.authenticator)
    if (!isDuplicate) return this.#work(work, seen)
    if (seen.reply === null) return this.refuse(origin, request.client, 'duplicate-in-progress')
    origin.send(seen.reply)
    this.#answered(work, seen.reply, true)
    return 'answered'
  }

  #work(work: Work<Client>, seen: SeenRequest): Received {
    if (this.#inFlight >= this.#maxInFlight) {
      this.#duplicates.forget(seen)
      return this.refuse(work.origin, work.request.client, 'overloaded')
    }
    if (!this.#mayAsk(work)) {
      this.#duplicates.forget(seen)
      return this.refuse(work.origin, work.request.client, 'rate-limited')
    }
    try {
      const reply = this.#ask(work)
      // Most replies are there at once, and a promise for each would cost more than the reply.
      if (!(reply instanceof Promise)) return this.#finish(work, seen, reply)
      this.#await(work, seen, reply)
      return 'under-way'
    } catch (error) {
      this.#fail(work, seen, error)
      return 'unanswered'
    }
  }

  /** A peer over TLS is known by its certificate, whatever address it comes from. */
  #mayAsk({ origin, request: { client, packet }, isSigned, startedMs }: Work<Client>): boolean {
    const { rate } = client
    if (rate === undefined) return true
    const source = origin.socket === 'radsec' ? `radsec ${client.name}` : origin.address
    const lane = laneOf(packet, isSigned)
    return this.#rates.take(source, { lane, perSecond: rate, nowMs: startedMs })
  }

  #await(work: Work<Client>, seen: SeenRequest, reply: Promise<Reply | null>): void {
    this.#inFlight += 1
    reply
      .then((settled) => {
        this.#finish(work, seen, settled)
      })
      .catch((error: unknown) => {
        this.#fail(work, seen, error)
      })
      .finally(() => {
        this.#inFlight -= 1
        work.origin.settled?.()
        if (this.#inFlight === 0) this.#onIdle?.()
      })
  }

  #ask({ origin, request }: Work<Client>): Reply | null | Promise<Reply | null> {
    switch (request.packet.code) {
      case PacketCode.accessRequest:
        return this.#options.handler.access(request, this.#stopping.signal)
      case PacketCode.accountingRequest:
        return acknowledge(this.#options.handler.account(request, this.#stopping.signal))
      default:
        // Status-Server is answered as the socket's usual success would be (RFC 5997 §3).
        return origin.socket === 'acct' ? acknowledgement : alive
    }
  }

  #finish(work: Work<Client>, seen: SeenRequest, reply: Reply | null): Received {
    if (reply === null) {
      this.#duplicates.forget(seen)
      return this.refuse(work.origin, work.request.client, 'unanswered')
    }
    const { packet, secret } = work.request
    const isPlain = packet.code === PacketCode.accountingRequest && !work.isSigned
    const bytes = isPlain
      ? encodeUnsignedReply(reply, packet, secret)
      : encodeReply(reply, packet, secret)
    seen.reply = bytes
    work.origin.send(bytes)
    this.#answered(work, bytes, false)
    return 'answered'
  }

  #fail(work: Work<Client>, seen: SeenRequest, error: unknown): void {
    this.#duplicates.forget(seen)
    this.#options.observer.failed(error, {
      socket: work.origin.socket,
      client: work.request.client.name,
    })
  }

  #answered(
    { origin, request, startedMs }: Work<Client>,
    reply: Buffer,
    isRepeated: boolean,
  ): void {
    this.#options.observer.answered({
      socket: origin.socket,
      client: request.client.name,
      requestCode: request.packet.code,
      replyCode: reply.readUInt8(0),
      isRepeated,
      durationMs: this.#now() - startedMs,
    })
  }

  /** Tells that a packet gets no answer, and why. */
  refuse(
    origin: Origin,
    client: Client | null,
    reason: DropReason,
    detail: string | null = null,
  ): DropReason {
    this.#options.observer.dropped({
      reason,
      socket: origin.socket,
      address: origin.address,
      port: origin.port,
      client: client?.name ?? null,
      detail,
    })
    return reason
  }
}

function isServed(socket: SocketKind, code: number): boolean {
  if (code === PacketCode.statusServer) return true
  // One port for everything (RFC 6614 §2.1).
  if (socket === 'radsec')
    return code === PacketCode.accessRequest || code === PacketCode.accountingRequest
  return code === (socket === 'auth' ? PacketCode.accessRequest : PacketCode.accountingRequest)
}

function laneOf({ code, attributes }: Packet, isSigned: boolean): Lane {
  if (code === PacketCode.accountingRequest) return 'accounting'
  const isUnderWay =
    code === PacketCode.statusServer || attributes.some(({ type }) => type === STATE)
  if (isUnderWay) return 'log-in under way'
  return isSigned ? 'signed log-in' : 'unsigned log-in'
}

const alive: Reply = { code: PacketCode.accessAccept, attributes: nothing }
const acknowledgement: Reply = { code: PacketCode.accountingResponse, attributes: nothing }

function acknowledge(recorded: boolean | Promise<boolean>): Reply | null | Promise<Reply | null> {
  if (typeof recorded === 'boolean') return recorded ? acknowledgement : null
  return recorded.then((isRecorded) => (isRecorded ? acknowledgement : null))
}
