import type { Packet } from '../packet.ts'
import type { SharedSecret } from '../shared-secret.ts'
import { type BadReply, checkReply } from './reply-check.ts'
import { type ClientRequest, encodeRequest } from './request.ts'

/** RFC 2865 §3: the identifier is an octet. */
export const MAX_PENDING = 256

/** A request that waits for its answer under one identifier. */
export interface Pending {
  readonly identifier: number
  readonly bytes: Buffer
  readonly settle: (packet: Packet) => void
}

export interface PendingOptions {
  readonly secret: SharedSecret
  /** False where TLS protects replies. */
  readonly isAuthenticatorRequired?: boolean
  /** Told of each reply that fails a check; must not throw. */
  readonly onBadReply?: (reason: BadReply) => void
}

/**
 * The requests of one socket or connection, by identifier. Identifiers go round, so that one is used
 * again as late as can be and a late reply finds nobody.
 */
export class PendingRequests {
  readonly #options: PendingOptions
  readonly #slots: (Pending | null)[] = new Array<Pending | null>(MAX_PENDING).fill(null)
  #next = 0
  #count = 0

  constructor(options: PendingOptions) {
    this.#options = options
  }

  get count(): number {
    return this.#count
  }

  get isFull(): boolean {
    return this.#count === MAX_PENDING
  }

  /**
   * Signs a request and keeps it under a free identifier, which there is while {@link isFull} is
   * false.
   *
   * @throws {RadiusError} `RADIUS_BAD_ATTRIBUTE`, `RADIUS_TOO_LONG`
   */
  add(request: ClientRequest, settle: (packet: Packet) => void): Pending {
    if (this.isFull) throw new RangeError('every identifier is taken')
    while (this.#slots[this.#next] !== null) this.#next = (this.#next + 1) % MAX_PENDING
    const identifier = this.#next
    const bytes = encodeRequest(request, identifier, this.#options.secret)
    const pending = { identifier, bytes, settle }
    this.#slots[identifier] = pending
    this.#next = (identifier + 1) % MAX_PENDING
    this.#count += 1
    return pending
  }

  /** Frees the identifier; does nothing the second time. */
  remove(pending: Pending): void {
    if (this.#slots[pending.identifier] !== pending) return
    this.#slots[pending.identifier] = null
    this.#count -= 1
  }

  /** Settles the request that a datagram answers. @returns whether it answered one */
  receive(datagram: Buffer): boolean {
    const pending = datagram.length > 1 ? this.#slots[datagram.readUInt8(1)] : null
    if (pending === null || pending === undefined) return false
    const { secret, isAuthenticatorRequired = true } = this.#options
    const checked = checkReply(datagram, pending.bytes, secret, isAuthenticatorRequired)
    if (!checked.ok) {
      this.#options.onBadReply?.(checked.reason)
      return false
    }
    this.remove(pending)
    pending.settle(checked.packet)
    return true
  }
}
