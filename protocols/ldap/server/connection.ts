import type { Socket } from 'node:net'
import type { Control } from '../control.ts'
import { decodeEnvelope, decodeRequestIn, type Envelope } from '../decode.ts'
import { LdapError } from '../errors.ts'
import { MessageFramer } from '../framer.ts'
import type { BindRequest, ExtendedRequest, Request } from '../message.ts'
import { Oid } from '../oids.ts'
import { ResultCode } from '../result-code.ts'
import { noticeOfDisconnection, refusalOf, requestKindOf, result, writeAnswer } from './answer.ts'
import type {
  Answer,
  ExtendedOutcome,
  LdapHandler,
  LdapObserver,
  LdapPeer,
  LdapSession,
  RefusalReason,
} from './handler.ts'
import { Operation, type OperationHost } from './operation.ts'
import { type LdapServerLimits, SLICE_MS } from './options.ts'
import { type ChunkPool, Output } from './output.ts'
import type { Turns } from './turns.ts'

/** Unread requests kept while they can't be dispatched; beyond this the socket is paused. */
const READ_AHEAD_BYTES = 64 * 1024
/** Answers waiting for the client to read; beyond this its searches pause. */
const WRITE_AHEAD_BYTES = 256 * 1024
const CLOCK_EVERY = 16
/** How long a last notice may wait for the client to read it. */
const CLOSE_TIMEOUT_MS = 5_000

/** What a connection shares with the others of its server. */
export interface ConnectionHost {
  readonly handler: LdapHandler
  readonly limits: LdapServerLimits
  readonly observer: LdapObserver
  readonly chunks: ChunkPool
  readonly turns: Turns
  /** Unfinished requests of all connections, in bytes; each connection keeps its own share current. */
  bufferedBytes: number
  /** False when the server offers no TLS. */
  canStartTls(): boolean
  /** Makes the socket a TLS one and opens the connection anew on it. */
  startTls(connection: LdapConnection): void
  /** The socket has closed; called once, and not after {@link LdapConnection.release}. */
  gone(connection: LdapConnection): void
}

type State = 'open' | 'starting-tls' | 'draining' | 'closed'

/** One client's conversation: order of operations, limits, answers. The socket may be TLS or not. */
export class LdapConnection implements OperationHost {
  readonly peer: LdapPeer
  readonly socket: Socket
  readonly #host: ConnectionHost
  readonly #session: LdapSession
  readonly #framer: MessageFramer
  readonly #output: Output
  readonly #pending = new Map<number, Operation>()
  #waiting: (() => void)[] = []
  #state: State = 'open'
  /** A bind that waits for the operations before it. */
  #heldBind: { readonly operation: Operation; readonly request: BindRequest } | null = null
  #isBinding: boolean = false
  #isAdvancing: boolean = false
  #isTurnTaken: boolean = false
  #hasEnded: boolean = false
  #sliceStartMs = 0
  #isSliceOver: boolean = false
  #clock = 0
  #countedBytes = 0
  #lastActivityMs: number
  #requestSinceMs: number | null = null
  #blockedSinceMs: number | null = null
  #closedSinceMs: number | null = null
  readonly #listeners: readonly (readonly [string, (...parts: never[]) => void])[] = [
    ['data', (chunk: Buffer) => this.#received(chunk)],
    ['drain', () => this.#drained()],
    ['end', () => this.#readEnded()],
    // An error is followed by 'close'; there is nobody left to tell.
    ['error', () => undefined],
    ['close', () => this.#socketClosed()],
  ]

  constructor(host: ConnectionHost, parts: { socket: Socket; peer: LdapPeer }) {
    this.#host = host
    this.socket = parts.socket
    this.peer = parts.peer
    this.#session = host.handler.open(parts.peer)
    this.#framer = new MessageFramer(host.limits.maxMessageBytesAnonymous)
    this.#output = new Output(host.chunks, (bytes) => this.#send(bytes))
    this.#lastActivityMs = performance.now()
    for (const [event, listener] of this.#listeners) this.socket.on(event, listener as () => void)
  }

  get isIdle(): boolean {
    return this.#pending.size === 0 && this.#heldBind === null
  }

  /** Ends the connection when it has broken a time limit. */
  checkTimes(nowMs: number): void {
    const { limits } = this.#host
    if (passed(this.#closedSinceMs, nowMs, CLOSE_TIMEOUT_MS)) this.socket.destroy()
    else if (passed(this.#blockedSinceMs, nowMs, limits.writeTimeoutMs)) this.#drop('slow-reader')
    else if (passed(this.#requestSinceMs, nowMs, limits.requestTimeoutMs)) {
      this.disconnect('slow-request', ResultCode.protocolError)
    } else if (this.isIdle && passed(this.#lastActivityMs, nowMs, limits.idleTimeoutMs)) {
      this.disconnect('idle', ResultCode.unavailable)
    }
  }

  /** Takes no more requests and closes as soon as those under way have been answered. */
  drain(): void {
    if (this.#state !== 'open') return
    this.#state = 'draining'
    if (this.isIdle) this.#close(noticeOfDisconnection(ResultCode.unavailable, 'shutting down'))
  }

  /** Sends a notice of disconnection and closes (RFC 4511 §4.4.1). */
  disconnect(reason: RefusalReason, code: number): void {
    if (this.#state === 'closed') return
    this.#host.observer.refused?.(reason, this.peer.address)
    this.#close(noticeOfDisconnection(code, reason))
  }

  /** Stops listening to the socket without closing it; the session ends. */
  release(): void {
    for (const [event, listener] of this.#listeners) this.socket.off(event, listener as () => void)
    this.#ended()
  }

  sendEntry(messageId: number, objectName: Buffer, attributes: readonly Buffer[]): void {
    this.#output.entry(messageId, objectName, attributes)
  }

  mayContinue(): boolean {
    if (this.#blockedSinceMs !== null) return false
    if (this.#isSliceOver || ++this.#clock % CLOCK_EVERY !== 0) return !this.#isSliceOver
    this.#isSliceOver = performance.now() - this.#sliceStartMs > SLICE_MS
    return !this.#isSliceOver
  }

  whenReady(continuation: () => void): void {
    this.#output.flush()
    if (this.#blockedSinceMs !== null) this.#waiting.push(continuation)
    else this.#takeTurn(continuation)
  }

  #takeTurn(continuation: () => void): void {
    this.#host.turns.take(() => {
      this.#startSlice()
      continuation()
    })
  }

  #startSlice(): void {
    this.#sliceStartMs = performance.now()
    this.#isSliceOver = false
  }

  #received(chunk: Buffer): void {
    if (this.#state !== 'open') return
    this.#lastActivityMs = performance.now()
    this.#framer.push(chunk)
    if (!this.#isTurnTaken) this.#advance()
    else this.#countBuffered()
  }

  /** Answers what can be answered now, in one write if it fits. */
  #advance(): void {
    if (this.#isAdvancing) return
    this.#isAdvancing = true
    this.#startSlice()
    try {
      while (this.#canDispatch()) {
        const message = this.#framer.next()
        if (message === null) break
        this.#requestSinceMs = null
        this.#dispatch(message)
        if (!this.mayContinue() && this.#blockedSinceMs === null) {
          this.#continueLater()
          break
        }
      }
    } catch (error) {
      this.#refuseBytes(error)
    } finally {
      this.#isAdvancing = false
    }
    this.#output.flush()
    this.#countBuffered()
    this.#finishIfEnded()
  }

  #continueLater(): void {
    if (this.#isTurnTaken) return
    this.#isTurnTaken = true
    this.#host.turns.take(() => {
      this.#isTurnTaken = false
      this.#advance()
    })
  }

  #canDispatch(): boolean {
    return (
      this.#state === 'open' &&
      !this.#isBinding &&
      this.#heldBind === null &&
      this.#blockedSinceMs === null &&
      this.#pending.size < this.#host.limits.maxPendingOperations
    )
  }

  #dispatch(message: Buffer): void {
    const envelope = decodeEnvelope(message)
    const kind = requestKindOf(envelope.operationTag)
    if (envelope.messageId === 0 || kind === null) {
      throw new LdapError('LDAP_MALFORMED', 'not a request')
    }
    const decoded = this.#decode(envelope, kind)
    if (decoded === null) return
    const { request, controls } = decoded
    const { messageId } = envelope
    const operation = new Operation(this, { messageId, kind, controls })
    if (request.kind === 'abandonRequest') this.#pending.get(request.messageId)?.end()
    else if (request.kind === 'unbindRequest') this.#close(null)
    else if (this.#isRefusedByControl(operation)) {
      this.#answer(operation, result(ResultCode.unavailableCriticalExtension, 'unknown control'))
    } else if (this.#pending.has(messageId)) {
      this.#answer(operation, result(ResultCode.protocolError, 'messageID in use'))
    } else this.#start(operation, request)
  }

  /** Null when the request was refused with an answer of its own. */
  #decode(envelope: Envelope, kind: Request['kind']) {
    try {
      return decodeRequestIn(envelope)
    } catch (error) {
      if (!(error instanceof LdapError) || error.code === 'LDAP_MALFORMED') throw error
      const controls: readonly Control[] = []
      const { messageId } = envelope
      this.#answer(new Operation(this, { messageId, kind, controls }), refusalOf(error))
      return null
    }
  }

  #isRefusedByControl(operation: Operation): boolean {
    const { supportedControls } = this.#host.handler
    for (const control of operation.controls) {
      if (!control.isCritical) continue
      if (!(supportedControls.get(control.type) ?? []).includes(operation.kind)) return true
    }
    return false
  }

  #start(
    operation: Operation,
    request: Exclude<Request, { kind: 'abandonRequest' | 'unbindRequest' }>,
  ): void {
    switch (request.kind) {
      case 'searchRequest':
        this.#run(operation, () => this.#session.search(request, operation, operation))
        break
      case 'compareRequest':
        this.#run(operation, () => this.#session.compare(request, operation))
        break
      case 'bindRequest':
        if (this.#pending.size > 0) this.#heldBind = { operation, request }
        else this.#bind(operation, request)
        break
      case 'extendedRequest':
        this.#extended(operation, request)
        break
      default:
        this.#run(operation, () => this.#session.update(request, operation))
    }
  }

  #bind(operation: Operation, request: BindRequest): void {
    if (request.version !== 3) {
      this.#answer(operation, result(ResultCode.protocolError, 'LDAP version 3 only'))
      return
    }
    this.#isBinding = true
    this.#run(operation, () => this.#session.bind(request, operation))
  }

  #extended(operation: Operation, request: ExtendedRequest): void {
    if (request.name === Oid.startTls) this.#startTls(operation, request)
    else this.#run(operation, () => this.#session.extended(request, operation))
  }

  #run(operation: Operation, work: () => Answer<ExtendedOutcome>): void {
    let answer: Answer<ExtendedOutcome>
    try {
      answer = work()
    } catch (error) {
      answer = this.#fault(error)
    }
    if (!(answer instanceof Promise)) {
      this.#answer(operation, answer)
      return
    }
    this.#pending.set(operation.messageId, operation)
    void answer
      .catch((error: unknown) => this.#fault(error))
      .then((outcome) => this.#settle(operation, outcome))
  }

  #settle(operation: Operation, outcome: ExtendedOutcome): void {
    this.#pending.delete(operation.messageId)
    this.#answer(operation, outcome)
    const held = this.#heldBind
    if (held !== null && this.#pending.size === 0) {
      this.#heldBind = null
      this.#bind(held.operation, held.request)
    }
    if (this.#state === 'draining') this.#finishDrain()
    else if (!this.#isTurnTaken) this.#advance()
  }

  #finishDrain(): void {
    this.#output.flush()
    if (this.isIdle) this.#close(noticeOfDisconnection(ResultCode.unavailable, 'shutting down'))
  }

  #fault(error: unknown): ExtendedOutcome {
    return result(ResultCode.other, this.#host.observer.fault?.(error) ?? 'internal error')
  }

  #answer(operation: Operation, outcome: ExtendedOutcome): void {
    if (operation.kind === 'bindRequest') this.#bound()
    if (operation.isOver || this.#state === 'closed') return
    writeAnswer(this.#output, operation, outcome)
    this.#host.observer.answered?.(operation.kind, outcome.code)
    operation.end()
  }

  #bound(): void {
    const { limits } = this.#host
    this.#isBinding = false
    this.#framer.maxBytes = this.#session.isAuthenticated
      ? limits.maxMessageBytes
      : limits.maxMessageBytesAnonymous
  }

  /** RFC 4511 §4.14, RFC 4513 §3.1. */
  #startTls(operation: Operation, request: ExtendedRequest): void {
    const refusal = this.#startTlsRefusal(request)
    if (refusal !== null) {
      this.#answer(operation, { ...refusal, name: Oid.startTls })
      return
    }
    // Clear text behind the request was written by somebody who hopes it will be read as protected.
    if (this.#framer.bufferedBytes > 0 || this.socket.readableLength > 0) {
      this.disconnect('cleartext-after-starttls', ResultCode.protocolError)
      return
    }
    this.#answer(operation, { ...result(ResultCode.success), name: Oid.startTls })
    this.#state = 'starting-tls'
    this.socket.pause()
    this.#output.flush()
    // Queued behind the answer: the socket changes hands only when that has left.
    this.socket.write('', () => {
      if (this.#state !== 'starting-tls') return
      if (this.socket.readableLength > 0) {
        this.#drop('cleartext-after-starttls')
        return
      }
      this.#host.startTls(this)
    })
  }

  #startTlsRefusal(request: ExtendedRequest) {
    if (this.peer.isEncrypted) return result(ResultCode.operationsError, 'TLS is on already')
    if (!this.#host.canStartTls()) return result(ResultCode.protocolError, 'no TLS here')
    if (request.value !== null) return result(ResultCode.protocolError, 'StartTLS takes no value')
    if (!this.isIdle) return result(ResultCode.operationsError, 'operations are pending')
    return null
  }

  #refuseBytes(error: unknown): void {
    if (!(error instanceof LdapError)) {
      this.#close(noticeOfDisconnection(ResultCode.other, this.#fault(error).diagnostic))
      return
    }
    this.disconnect(
      error.code === 'LDAP_TOO_LARGE' ? 'too-large' : 'malformed',
      ResultCode.protocolError,
    )
  }

  /** Keeps the server's sum, pauses what can't be dispatched, and clocks a request that dribbles. */
  #countBuffered(): void {
    if (this.#state === 'closed') return
    const buffered = this.#framer.bufferedBytes
    this.#host.bufferedBytes += buffered - this.#countedBytes
    this.#countedBytes = buffered
    const isStuck = !this.#canDispatch() || this.#isTurnTaken
    if (buffered === 0 || isStuck) this.#requestSinceMs = null
    else this.#requestSinceMs ??= this.#lastActivityMs
    if (this.#state !== 'open') return
    if (isStuck && buffered > READ_AHEAD_BYTES) this.socket.pause()
    else if (this.socket.isPaused()) this.socket.resume()
    if (!isStuck && this.#host.bufferedBytes > this.#host.limits.maxBufferedBytes && buffered > 0) {
      this.disconnect('buffers-full', ResultCode.busy)
    }
  }

  #send(bytes: Buffer): void {
    if (this.#state === 'closed') return
    this.#lastActivityMs = performance.now()
    if (this.socket.write(bytes)) return
    if (this.socket.writableLength > WRITE_AHEAD_BYTES)
      this.#blockedSinceMs ??= this.#lastActivityMs
  }

  #drained(): void {
    this.#lastActivityMs = performance.now()
    this.#blockedSinceMs = null
    const waiting = this.#waiting
    this.#waiting = []
    for (const continuation of waiting) this.#takeTurn(continuation)
    if (this.#state === 'open' && !this.#isTurnTaken) this.#advance()
  }

  /** The client sends no more; what it has asked for is still answered. */
  #readEnded(): void {
    this.#hasEnded = true
    this.#finishIfEnded()
  }

  #finishIfEnded(): void {
    if (!this.#hasEnded || this.#state === 'closed' || !this.isIdle || this.#isTurnTaken) return
    if (this.#blockedSinceMs === null) this.#close(null)
  }

  #close(notice: Buffer | null): void {
    if (this.#state === 'closed') return
    this.#endOperations()
    if (notice !== null) this.#output.append(notice)
    this.#output.flush()
    this.#ended()
    this.#closedSinceMs = performance.now()
    this.socket.end(() => this.socket.destroy())
    this.socket.resume()
  }

  #drop(reason: RefusalReason): void {
    this.#host.observer.refused?.(reason, this.peer.address)
    this.socket.destroy()
  }

  #endOperations(): void {
    for (const operation of this.#pending.values()) operation.end()
    this.#heldBind?.operation.end()
    this.#heldBind = null
  }

  #ended(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#endOperations()
    this.#host.bufferedBytes -= this.#countedBytes
    this.#countedBytes = 0
    this.#framer.clear()
    for (const continuation of this.#waiting) continuation()
    this.#waiting = []
    this.#session.closed()
  }

  #socketClosed(): void {
    this.#ended()
    this.#host.gone(this)
  }
}

function passed(sinceMs: number | null, nowMs: number, limitMs: number): boolean {
  return sinceMs !== null && nowMs - sinceMs > limitMs
}
