import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import {
  AttributeType,
  decodePacket,
  encodePacket,
  findInteger,
  findValue,
  makeInteger,
  type Packet,
  PacketCode,
  SharedSecret,
} from '../../protocols/radius/index.ts'

/** What a NAS says to one request; null is silence. */
export type DasAnswer = 'ack' | { readonly nak: number } | null

/** A request that stood up to what a careful NAS checks. */
export interface Ordered {
  readonly code: number
  readonly identifier: number
  /** Acct-Session-Id. */
  readonly session: string
  /** Types of the attributes that name NAS and session or change it, in their order. */
  readonly types: readonly number[]
  readonly packet: Packet
}

const WAIT_MS = 15_000
/** Of each request: Message-Authenticator and Event-Timestamp. */
const always: ReadonlySet<number> = new Set([
  AttributeType.messageAuthenticator.type,
  AttributeType.eventTimestamp.type,
])

export function byText(a: string, b: string): number {
  return a < b ? -1 : 1
}

/** The end of a NAS that takes Disconnect- and CoA-Requests (RFC 5176), on loopback. */
export class Das {
  /** All that came, repetitions as well. */
  readonly ordered: Ordered[] = []
  /** Requests that a NAS would drop: unsigned, of another secret, or without their time. */
  readonly dropped: Buffer[] = []
  answer: (request: Ordered) => DasAnswer = () => 'ack'
  readonly #socket: Socket
  readonly #secret: SharedSecret

  private constructor(socket: Socket, secret: string) {
    this.#socket = socket
    this.#secret = new SharedSecret(Buffer.from(secret))
    socket.on('message', (bytes, { port, address }) => {
      const reply = this.#take(bytes)
      if (reply !== null) socket.send(reply, port, address)
    })
  }

  static async start(t: Test, secret: string): Promise<Das> {
    const socket = createSocket('udp4')
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    t.teardown(() => socket.close())
    return new Das(socket, secret)
  }

  get port(): number {
    return (this.#socket.address() as AddressInfo).port
  }

  /** Sessions asked about, each once, in the order of their names. */
  get sessions(): readonly string[] {
    return [...new Set(this.ordered.map(({ session }) => session))].toSorted(byText)
  }

  /** Resolves once so many requests have come. */
  async came(count: number): Promise<void> {
    const signal = AbortSignal.timeout(WAIT_MS)
    while (this.ordered.length < count) await once(this.#socket, 'message', { signal })
  }

  #take(bytes: Buffer): Buffer | null {
    const packet = decodePacket(bytes)
    if (!this.#isAuthentic(bytes, packet)) {
      this.dropped.push(bytes)
      return null
    }
    const request: Ordered = {
      code: packet.code,
      identifier: packet.identifier,
      session: findValue(packet.attributes, AttributeType.acctSessionId)?.toString() ?? '',
      types: packet.attributes.map(({ type }) => type).filter((type) => !always.has(type)),
      packet,
    }
    this.ordered.push(request)
    const answer = this.answer(request)
    return answer === null ? null : this.#encode(request, answer)
  }

  /** RFC 5176 §2.3, §6.3: authenticator as in accounting, then its own signature and its time. */
  #isAuthentic(bytes: Buffer, packet: Packet): boolean {
    const blank = Buffer.from(bytes)
    blank.fill(0, 4, 20)
    if (this.#secret.verifyMessageAuthenticator(blank, decodePacket(blank)) !== 'valid')
      return false
    const atSeconds = findInteger(packet.attributes, AttributeType.eventTimestamp) ?? 0
    const isTimely = Math.abs(Date.now() / 1_000 - atSeconds) < 300
    return isTimely && this.#secret.responseAuthenticator(blank).equals(packet.authenticator)
  }

  #encode({ code, identifier, packet }: Ordered, answer: 'ack' | { readonly nak: number }): Buffer {
    const isDisconnect = code === PacketCode.disconnectRequest
    const ack = isDisconnect ? PacketCode.disconnectAck : PacketCode.coaAck
    const nak = isDisconnect ? PacketCode.disconnectNak : PacketCode.coaNak
    const bytes = encodePacket({
      code: answer === 'ack' ? ack : nak,
      identifier,
      authenticator: packet.authenticator,
      attributes: answer === 'ack' ? [] : [makeInteger(AttributeType.errorCause, answer.nak)],
    })
    bytes.set(this.#secret.responseAuthenticator(bytes), 4)
    return bytes
  }
}
