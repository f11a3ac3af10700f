import { Socket } from 'node:net'
import { type ChunkPool, Output } from './output.ts'

/** Answers waiting for the client to read; beyond this its searches pause. */
const WRITE_AHEAD_BYTES = 256 * 1024

/** What the owner of a socket is told; nothing more after {@link Transport.release}. */
export interface TransportEvents {
  received(chunk: Buffer): void
  /** All that waited for the client has been sent. */
  drained(): void
  /** The client sends no more, but may still read. */
  readEnded(): void
  /** The socket is gone. */
  closed(): void
}

/** A socket, TLS or not, with its answers gathered and its silences timed. */
export class Transport {
  readonly socket: Socket
  readonly output: Output
  /** When the client was last heard of, or an answer that took long was done. */
  lastActivityMs = performance.now()
  /** Since when anything has waited for the client to read; null when nothing does. */
  unreadSinceMs: number | null = null
  /** Since when the end of the connection has waited for the client; null before {@link end}. */
  endedSinceMs: number | null = null
  #isBlocked: boolean = false
  readonly #listeners: readonly (readonly [string, (...parts: never[]) => void])[]

  constructor(socket: Socket, chunks: ChunkPool, events: TransportEvents) {
    this.socket = socket
    this.output = new Output(chunks, (bytes) => this.#send(bytes))
    this.#listeners = [
      ['data', (chunk: Buffer) => this.#received(chunk, events)],
      ['drain', () => this.#drained(events)],
      ['end', () => events.readEnded()],
      // An error is followed by 'close'; there is nobody left to tell.
      ['error', () => undefined],
      ['close', () => events.closed()],
    ]
    for (const [event, listener] of this.#listeners) socket.on(event, listener as () => void)
    takeShortcut(socket, (chunk) => this.#received(chunk, events))
  }

  /** Whether the client has more to read than it may leave lying. */
  get isBlocked(): boolean {
    return this.#isBlocked
  }

  /** Answers in our memory that the client has not read. */
  get unreadBytes(): number {
    return this.socket.writableLength
  }

  /** Whether bytes have arrived that nobody has been told of. */
  get hasUnread(): boolean {
    return this.socket.readableLength > 0
  }

  /** Stops listening to the socket without closing it. */
  release(): void {
    endShortcut(this.socket)
    for (const [event, listener] of this.#listeners) this.socket.off(event, listener as () => void)
  }

  /** Calls back when everything written so far has left. */
  whenSent(done: () => void): void {
    this.output.flush()
    this.socket.write('', () => done())
  }

  pauseReading(isPaused: boolean): void {
    if (isPaused) this.socket.pause()
    else if (this.socket.isPaused()) this.socket.resume()
  }

  /** Closes behind what was written; what still arrives is thrown away. */
  end(): void {
    this.output.flush()
    this.endedSinceMs = performance.now()
    this.socket.end(() => this.socket.destroy())
    this.socket.resume()
  }

  #received(chunk: Buffer, events: TransportEvents): void {
    this.lastActivityMs = performance.now()
    events.received(chunk)
  }

  #drained(events: TransportEvents): void {
    this.lastActivityMs = performance.now()
    this.unreadSinceMs = null
    this.#isBlocked = false
    events.drained()
  }

  #send(bytes: Buffer): void {
    if (this.endedSinceMs !== null) return
    if (this.socket.write(bytes)) return
    this.unreadSinceMs ??= performance.now()
    if (this.socket.writableLength > WRITE_AHEAD_BYTES) this.#isBlocked = true
  }
}

/**
 * Hands chunks over where Node's socket pushes them into its stream, as long as that would only hand
 * them on: it flows and holds nothing back. What the stream does besides, for each chunk and once
 * more in the next tick, costs a twentieth of a cached bind. Whatever else is pushed (the end, chunks
 * while the socket is paused) takes the stream's way, and all would if Node pushed no longer.
 */
function takeShortcut(socket: Socket, received: (chunk: Buffer) => void): void {
  socket.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
    if (socket.readableFlowing !== true || socket.readableLength > 0 || !Buffer.isBuffer(chunk)) {
      return Socket.prototype.push.call(socket, chunk, encoding)
    }
    received(chunk)
    return true
  }
}

/** `push` is the prototype's again. */
function endShortcut(socket: Socket): void {
  Reflect.deleteProperty(socket, 'push')
}
