import type { Socket } from 'node:net'
import { overwriteReadBlock, type Turns } from '../../wire/index.ts'
import { decodeEnvelope, decodeRequestIn, type Envelope } from '../decode.ts'
import { LdapError } from '../errors.ts'
import type { BindRequest, ExtendedRequest, Request } from '../message.ts'
import { Oid } from '../oids.ts'
import { ResultCode } from '../result-code.ts'
import { noticeOfDisconnection, requestKindOf, result, writeAnswer } from './answer.ts'
import type {
  Answer,
  ExtendedOutcome,
  LdapHandler,
  LdapObserver,
  LdapPeer,
  LdapSession,
  RefusalReason,
} from './handler.ts'
import { type BufferedBytes, Inbound } from './inbound.ts'
import { Operation, type OperationHost } from './operation.ts'
import type { LdapServerLimits } from './options.ts'
import type { ChunkPool } from './output.ts'
import { overdue } from './overdue.ts'
import { controlRefusal, refusalOf, startTlsRefusal } from './refusal.ts'
import type { Round } from './round.ts'
import { Slice } from './slice.ts'
import { Transport } from './transport.ts'

/** Unread requests kept while they can't be dispatched; beyond this the socket is paused. */
const READ_AHEAD_BYTES = 64 * 1024

/** What a connection shares with the others of its server. */
export interface ConnectionHost extends BufferedBytes {
  readonly handler: LdapHandler
  readonly limits: LdapServerLimits
  readonly observer: LdapObserver
  readonly chunks: ChunkPool
  readonly turns: Turns
  readonly round: Round
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
  readonly #inbound: Inbound
  readonly #transport: Transport
  readonly #slice = new Slice()
  readonly #pending = new Map<number, Operation>()
  #waiting: (() => void)[] = []
  #state: State = 'open'
  /** A bind that waits for the operations before it. */
  #heldBind: { readonly operation: Operation; readonly request: BindRequest } | null = null
  #isBinding: boolean = false
  #isAdvancing: boolean = false
  #isTurnTaken: boolean = false
  #hasEnded: boolean = false

  constructor(host: ConnectionHost, parts: { socket: Socket; peer: LdapPeer }) {
    this.#host = host
    this.peer = parts.peer
    this.socket = parts.socket
    this.#session = host.handler.open(parts.peer)
    this.#inbound = new Inbound(host.limits.maxMessageBytesAnonymous, host)
    this.#transport = new Transport(parts.socket, host.chunks, {
      received: (chunk) => this.#received(chunk),
      drained: () => this.#drained(),
      readEnded: () => {
        this.#hasEnded = true
        this.#finishIfEnded()
      },
      closed: () => this.#socketClosed(),
    })
  }

  get isIdle(): boolean {
    return this.#pending.size === 0 && this.#heldBind === null
  }

  /** Answers that wait for the client to read. */
  get unreadBytes(): number {
    return this.#transport.unreadBytes
  }

  /** Ends the connection when it has broken a time limit. */
  checkTimes(nowMs: number): void {
    const own = { transport: this.#transport, inbound: this.#inbound, isIdle: this.isIdle }
    const reason = overdue(own, this.#host.limits, nowMs)
    if (reason === 'closing') this.socket.destroy()
    else if (reason === 'slow-reader') this.drop(reason)
    else if (reason !== null) this.disconnect(reason, ResultCode.unavailable)
  }

  /** Takes no more requests and closes as soon as those under way have been answered. */
  drain(): void {
    if (this.#state !== 'open') return
    this.#state = 'draining'
    this.#finishDrain()
  }

  /** Sends a notice of disconnection and closes (RFC 4511 §4.4.1). */
  disconnect(reason: RefusalReason, code: number): void {
    if (this.#state === 'closed') return
    this.#host.observer.refused?.(reason, this.peer.address)
    this.#close(noticeOfDisconnection(code, reason))
  }

  /** Ends the connection without a word, where one would only be left unread. */
  drop(reason: RefusalReason): void {
    this.#host.observer.refused?.(reason, this.peer.address)
    this.socket.destroy()
  }

  /** Stops listening to the socket without closing it; the session ends. */
  release(): void {
    this.#transport.release()
    this.#ended()
  }

  sendEntry(messageId: number, objectName: Buffer, attributes: readonly Buffer[]): void {
    this.#transport.output.entry(messageId, objectName, attributes)
  }

  sendOperation(messageId: number, operation: Buffer): void {
    this.#transport.output.operation(messageId, operation)
  }

  mayContinue(): boolean {
    return !this.#transport.isBlocked && !this.#slice.isOver()
  }

  whenReady(continuation: () => void): void {
    this.#transport.output.flush()
    if (this.#transport.isBlocked) this.#waiting.push(continuation)
    else this.#takeTurn(continuation)
  }

  #takeTurn(continuation: () => void): void {
    this.#host.turns.take(() => {
      this.#slice.start(performance.now())
      continuation()
    })
  }

  #received(chunk: Buffer): void {
    if (this.#state !== 'open') return
    this.#inbound.push(chunk)
    const nowMs = this.#transport.lastActivityMs
    if (this.#isTurnTaken) {
      this.#countBuffered()
    } else if (this.#host.round.isSpent(nowMs)) {
      this.#continueLater()
      this.#countBuffered()
    } else {
      this.#advance(nowMs)
    }
  }

  /** Answers what can be answered now, in one write if it fits. */
  #advance(nowMs: number): void {
    if (this.#isAdvancing) return
    this.#isAdvancing = true
    this.#slice.start(nowMs)
    try {
      while (this.#canDispatch()) {
        const message = this.#inbound.next()
        if (message === null) break
        this.#dispatch(message)
        if (this.#slice.isOver()) {
          this.#continueLater()
          break
        }
      }
    } catch (error) {
      this.#refuseBytes(error)
    } finally {
      this.#isAdvancing = false
    }
    this.#host.round.send(this.#transport.output)
    this.#countBuffered()
    this.#finishIfEnded()
  }

  #continueLater(): void {
    if (this.#isTurnTaken) return
    this.#isTurnTaken = true
    this.#host.turns.take(() => {
      this.#isTurnTaken = false
      this.#advance(performance.now())
    })
  }

  #canDispatch(): boolean {
    return (
      this.#state === 'open' &&
      !this.#isBinding &&
      this.#heldBind === null &&
      !this.#transport.isBlocked &&
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
    if (request.kind === 'bindRequest' && !this.peer.isEncrypted) overwriteReadBlock()
    const { messageId } = envelope
    const operation = new Operation(this, { messageId, kind, controls })
    if (request.kind === 'abandonRequest') this.#pending.get(request.messageId)?.end()
    else if (request.kind === 'unbindRequest') this.#close(null)
    else {
      const refusal = this.#pending.has(messageId)
        ? result(ResultCode.protocolError, 'messageID in use')
        : controlRefusal(operation, this.#host.handler)
      if (refusal === null) this.#start(operation, request)
      else this.#refuse(operation, refusal)
    }
  }

  /** Null when the request was refused with an answer of its own. */
  #decode(envelope: Envelope, kind: Request['kind']) {
    try {
      return decodeRequestIn(envelope)
    } catch (error) {
      if (!(error instanceof LdapError) || error.code === 'LDAP_MALFORMED') throw error
      const request = { messageId: envelope.messageId, kind, controls: [] }
      this.#refuse(new Operation(this, request), refusalOf(error))
      return null
    }
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
        if (request.name === Oid.startTls) this.#startTls(operation, request)
        else this.#run(operation, () => this.#session.extended(request, operation))
        break
      default:
        this.#run(operation, () => this.#session.update(request, operation))
    }
  }

  #bind(operation: Operation, request: BindRequest): void {
    if (request.version !== 3) {
      this.#refuse(operation, result(ResultCode.protocolError, 'LDAP version 3 only'))
      return
    }
    this.#isBinding = true
    this.#run(operation, () => this.#session.bind(request, operation))
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
      .catch((error: unknown) => (isGone(operation, error) ? gone : this.#fault(error)))
      .then((outcome) => this.#settle(operation, outcome))
  }

  #settle(operation: Operation, outcome: ExtendedOutcome): void {
    this.#pending.delete(operation.messageId)
    this.#transport.lastActivityMs = performance.now()
    this.#answer(operation, outcome)
    const held = this.#heldBind
    if (held !== null && this.#pending.size === 0) {
      this.#heldBind = null
      this.#bind(held.operation, held.request)
    }
    if (this.#state === 'draining') {
      this.#host.round.send(this.#transport.output)
      this.#finishDrain()
    } else if (!this.#isTurnTaken) this.#advance(this.#transport.lastActivityMs)
  }

  #finishDrain(): void {
    if (this.isIdle) this.#close(noticeOfDisconnection(ResultCode.unavailable, 'shutting down'))
  }

  #fault(error: unknown): ExtendedOutcome {
    return result(ResultCode.other, this.#host.observer.fault?.(error) ?? 'internal error')
  }

  /** Answers what the session is not asked; a bind ends who was signed in all the same. */
  #refuse(operation: Operation, refusal: ExtendedOutcome): void {
    if (operation.kind === 'bindRequest') this.#session.signOut()
    this.#answer(operation, refusal)
  }

  #answer(operation: Operation, outcome: ExtendedOutcome): void {
    if (operation.kind === 'bindRequest') this.#bound()
    if (operation.isOver || this.#state === 'closed') return
    writeAnswer(this.#transport.output, operation, outcome)
    this.#host.observer.answered?.(operation.kind, outcome.code)
    operation.end()
  }

  #bound(): void {
    const { limits } = this.#host
    this.#isBinding = false
    this.#inbound.maxMessageBytes = this.#session.isAuthenticated
      ? limits.maxMessageBytes
      : limits.maxMessageBytesAnonymous
  }

  /** RFC 4511 §4.14, RFC 4513 §3.1. */
  #startTls(operation: Operation, request: ExtendedRequest): void {
    const refusal = startTlsRefusal(request, {
      isEncrypted: this.peer.isEncrypted,
      isOffered: this.#host.canStartTls(),
      isIdle: this.isIdle,
    })
    if (refusal !== null) {
      this.#answer(operation, { ...refusal, name: Oid.startTls })
      return
    }
    // Clear text behind the request was written by somebody who hopes it will be read as protected.
    if (this.#inbound.bufferedBytes > 0 || this.#transport.hasUnread) {
      this.disconnect('cleartext-after-starttls', ResultCode.protocolError)
      return
    }
    this.#answer(operation, { ...result(ResultCode.success), name: Oid.startTls })
    this.#state = 'starting-tls'
    this.#transport.pauseReading(true)
    // The socket changes hands only when the answer has left.
    this.#transport.whenSent(() => {
      if (this.#state !== 'starting-tls') return
      if (this.#transport.hasUnread) this.drop('cleartext-after-starttls')
      else this.#host.startTls(this)
    })
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
    const isStuck = !this.#canDispatch() || this.#isTurnTaken
    this.#inbound.update({ isStuck, nowMs: this.#transport.lastActivityMs })
    const buffered = this.#inbound.bufferedBytes
    if (this.#state !== 'open') return
    this.#transport.pauseReading(isStuck && buffered > READ_AHEAD_BYTES)
    if (!isStuck && this.#host.bufferedBytes > this.#host.limits.maxBufferedBytes && buffered > 0) {
      this.disconnect('buffers-full', ResultCode.busy)
    }
  }

  #drained(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const continuation of waiting) this.#takeTurn(continuation)
    if (this.#state === 'open' && !this.#isTurnTaken) this.#advance(this.#transport.lastActivityMs)
  }

  /** A client that sends no more still gets its answers. */
  #finishIfEnded(): void {
    if (!this.#hasEnded || this.#state === 'closed' || !this.isIdle || this.#isTurnTaken) return
    if (!this.#transport.isBlocked) this.#close(null)
  }

  #close(notice: Buffer | null): void {
    if (this.#state === 'closed') return
    this.#endOperations()
    if (notice !== null) this.#transport.output.append(notice)
    this.#transport.end()
    this.#ended()
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
    this.#inbound.clear()
    for (const continuation of this.#waiting) continuation()
    this.#waiting = []
    this.#session.closed()
  }

  #socketClosed(): void {
    this.#ended()
    this.#host.gone(this)
  }
}

const gone = result(ResultCode.canceled, '')

/** Whoever waited has left, and what was to be done for her was given up: nobody's fault. */
function isGone(operation: Operation, error: unknown): boolean {
  return operation.isOver && error instanceof Error && error.name === 'AbortError'
}
