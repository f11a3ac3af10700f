import type { Socket } from 'node:net'
import { type SecureContext, TLSSocket } from 'node:tls'
import { Turns, type TurnTaker } from '../../wire/index.ts'

/** More than a hello takes: whoever sends it without an answer does not mean TLS. */
const MAX_HELLO_BYTES = 16 * 1024

export interface HandshakesOptions {
  /** For a client to say its hello, to wait for its turn, and to end its handshake: for each of them. */
  readonly timeoutMs: number
  /** One for each round of the event loop, or whatever else they are to share. */
  readonly turns?: TurnTaker | undefined
}

export interface Handshake {
  readonly socket: Socket
  readonly secureContext: SecureContext
  readonly onSecured: (secured: TLSSocket) => void
  readonly onFailed: () => void
}

/**
 * TLS handshakes under way. Each costs some hundred times what a search does, and after a restart all
 * clients come at once; so they take turns, and what others ask for is answered in between. A client takes its turn when its hello is there: until then it costs nothing,
 * and keeps nobody waiting.
 */
export class Handshakes {
  readonly #timeoutMs: number
  readonly #turns: TurnTaker
  /** Since when we wait for the client, or it for its turn. */
  readonly #sinceMs = new Map<Socket, number>()

  constructor({ timeoutMs, turns = new Turns() }: HandshakesOptions) {
    this.#timeoutMs = timeoutMs
    this.#turns = turns
  }

  begin(handshake: Handshake): void {
    const { socket, onFailed } = handshake
    this.#sinceMs.set(socket, performance.now())
    socket.on('error', () => undefined)
    socket.once('close', () => {
      if (this.#sinceMs.delete(socket)) onFailed()
    })
    socket.once('readable', () => {
      this.#sinceMs.set(socket, performance.now())
      this.#turns.take(() => this.#secure(handshake))
    })
  }

  /** Drops clients that take too long, and those that must have given up waiting. */
  checkTimes(nowMs: number): void {
    for (const [socket, sinceMs] of this.#sinceMs) {
      if (nowMs - sinceMs > this.#timeoutMs) socket.destroy()
    }
  }

  closeAll(): void {
    for (const socket of this.#sinceMs.keys()) socket.destroy()
  }

  #secure({ socket, secureContext, onSecured }: Handshake): void {
    if (!this.#sinceMs.has(socket)) return
    // It may have closed its side without a word.
    if (socket.readableLength === 0 || socket.readableLength > MAX_HELLO_BYTES) {
      socket.destroy()
      return
    }
    this.#sinceMs.set(socket, performance.now())
    const secured = new TLSSocket(socket, { isServer: true, secureContext })
    const drop = () => socket.destroy()
    secured.on('error', drop)
    secured.on('close', drop)
    secured.once('secure', () => {
      secured.off('error', drop)
      secured.off('close', drop)
      this.#sinceMs.delete(socket)
      onSecured(secured)
    })
  }
}
