import type { Socket } from 'node:net'
import { type SecureContext, TLSSocket } from 'node:tls'
import { Turns, type TurnTaker } from '../../wire/index.ts'

/** More than a hello takes: whoever sends it without an answer does not mean TLS. */
const MAX_HELLO_BYTES = 16 * 1024

export interface HandshakesOptions {
  /** For a client to come to the end of its handshake, not counting what we had it wait. */
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
  /** Since when we have waited for the client; infinite while it waits for us. */
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
      const waitsSinceMs = performance.now()
      this.#sinceMs.set(socket, Number.POSITIVE_INFINITY)
      this.#turns.take(() => this.#secure(handshake, waitsSinceMs))
    })
  }

  /** Drops clients that take too long. */
  checkTimes(nowMs: number): void {
    for (const [socket, sinceMs] of this.#sinceMs) {
      if (nowMs - sinceMs > this.#timeoutMs) socket.destroy()
    }
  }

  closeAll(): void {
    for (const socket of this.#sinceMs.keys()) socket.destroy()
  }

  #secure({ socket, secureContext, onSecured }: Handshake, waitsSinceMs: number): void {
    if (!this.#sinceMs.has(socket)) return
    const nowMs = performance.now()
    // Who has closed his side without a word, or must have given up waiting, is not worth the work.
    const isGone = socket.readableLength === 0 || nowMs - waitsSinceMs > this.#timeoutMs
    if (isGone || socket.readableLength > MAX_HELLO_BYTES) {
      socket.destroy()
      return
    }
    this.#sinceMs.set(socket, nowMs)
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
