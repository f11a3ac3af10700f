import { createSocket } from 'node:dgram'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Attribute,
  AttributeType,
  findValue,
  joinEapMessage,
  makeOctets,
  PacketCode,
  SharedSecret,
  splitEapMessage,
} from '../../protocols/radius/index.ts'
import type { TtlsReply } from './eap-ttls-client.ts'
import { Random } from './mutate.ts'
import { type CheckedReply, checkReply, makeRequest } from './radius-client.ts'

const REPEAT_MS = 60
const MAX_REPEATS = 200
const MAX_DELAY_MS = 25

/** Percent of the datagrams, each way. */
export interface Line {
  readonly lost: number
  readonly doubled: number
}

/**
 * A NAS that asks for many at once over a line that loses, doubles, delays and so reorders datagrams
 * either way, and repeats itself unchanged until it is answered (RFC 5080 §2.2.1).
 */
export class BadLineNas {
  readonly secret: SharedSecret
  /** Datagrams that were lost on the line. */
  lost = 0
  /** Requests sent again. */
  repeats = 0
  #port: number
  readonly #line: Line
  readonly #random: Random
  readonly #socket = createSocket('udp4')
  readonly #waiting = new Map<number, (reply: Buffer) => void>()
  #identifier = 0

  constructor(
    port: number,
    secret: string,
    options: { readonly line: Line; readonly seed: number },
  ) {
    this.#port = port
    this.#line = options.line
    this.#random = new Random(options.seed)
    this.secret = new SharedSecret(Buffer.from(secret))
    this.#socket.on('message', (reply) =>
      this.#carry(() => this.#waiting.get(reply[1] ?? 0)?.(reply)),
    )
  }

  /** Turns to another server from the next request on. */
  failOver(port: number): void {
    this.#port = port
  }

  /** An identifier that nothing waits under. */
  takeIdentifier(): number {
    do this.#identifier = (this.#identifier + 1) & 0xff
    while (this.#waiting.has(this.#identifier))
    this.#waiting.set(this.#identifier, () => undefined)
    return this.#identifier
  }

  /**
   * Sends a request made with an identifier of {@link takeIdentifier} until it is answered.
   *
   * @throws when it never is
   */
  async ask(request: Buffer): Promise<CheckedReply> {
    const identifier = request[1] ?? 0
    let answer: CheckedReply | null = null
    const arrived = new AbortController()
    this.#waiting.set(identifier, (bytes) => {
      const reply = checkReply(bytes, request, this.secret)
      if (!reply.isResponseAuthentic || answer !== null) return
      answer = reply
      arrived.abort()
    })
    for (let tries = 0; tries < MAX_REPEATS && answer === null; tries++) {
      if (tries > 0) this.repeats += 1
      this.#carry(() => this.#socket.send(request, this.#port, '127.0.0.1'))
      await sleep(REPEAT_MS, undefined, { signal: arrived.signal }).catch(() => undefined)
    }
    this.#waiting.delete(identifier)
    if (answer === null) throw new Error('never answered')
    return answer
  }

  /** One peer's way to the server; `last` is what came at its end. */
  peer(more: readonly Attribute[] = []) {
    let state: Buffer | null = null
    const peer = {
      last: null as CheckedReply | null,
      exchange: async (eap: Buffer): Promise<TtlsReply> => {
        const kept = state === null ? [] : [makeOctets(AttributeType.state, state)]
        const attributes = [...more, ...splitEapMessage(eap), ...kept]
        const identifier = this.takeIdentifier()
        const reply = await this.ask(makeRequest({ identifier, attributes }, this.secret))
        peer.last = reply
        state = findValue(reply.packet.attributes, AttributeType.state)
        const { code } = reply.packet
        const kind =
          code === PacketCode.accessChallenge
            ? 'challenge'
            : code === PacketCode.accessAccept
              ? 'accept'
              : 'reject'
        return { kind, eap: joinEapMessage(reply.packet.attributes) ?? Buffer.alloc(0) }
      },
    }
    return peer
  }

  close(): void {
    this.#socket.close()
  }

  #carry(arrive: () => void): void {
    if (this.#random.below(100) < this.#line.lost) {
      this.lost += 1
      return
    }
    const copies = this.#random.below(100) < this.#line.doubled ? 2 : 1
    for (let copy = 0; copy < copies; copy++) setTimeout(arrive, this.#random.below(MAX_DELAY_MS))
  }
}
