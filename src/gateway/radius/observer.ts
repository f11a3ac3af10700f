import {
  type Answered,
  type Drop,
  type DropReason,
  PacketCode,
  type RadiusObserver,
  type SocketKind,
} from '../../../protocols/radius/index.ts'
import { LineLimit } from '../../observe/line-limit.ts'
import type { Log } from '../../observe/log.ts'
import type { Metrics } from '../../observe/metrics.ts'

/** A secret that differs shows itself in one of these, depending on what the NAS sends. */
const wrongSecret: ReadonlySet<DropReason> = new Set([
  'bad-message-authenticator',
  'bad-authenticator',
])

const results = new Map<number, 'accept' | 'reject' | 'challenge'>([
  [PacketCode.accessAccept, 'accept'],
  [PacketCode.accessReject, 'reject'],
  [PacketCode.accessChallenge, 'challenge'],
])

type RadiusMetrics = Pick<
  Metrics,
  | 'radiusAnswered'
  | 'radiusTook'
  | 'radiusUnknownClient'
  | 'radiusWrongSecret'
  | 'radiusDropped'
  | 'faulted'
>

/** Tells the metrics and the log what the RADIUS server does. */
export class RadiusReporter implements RadiusObserver {
  readonly #metrics: RadiusMetrics
  readonly #log: Log
  readonly #lines: LineLimit

  constructor(parts: {
    readonly metrics: RadiusMetrics
    readonly log: Log
    readonly nowMs?: () => number
  }) {
    this.#metrics = parts.metrics
    this.#log = parts.log
    this.#lines = new LineLimit({
      tellRest: (reason, count) => this.#logRest(reason as DropReason, count),
      ...(parts.nowMs === undefined ? {} : { nowMs: parts.nowMs }),
    })
  }

  dropped(drop: Drop): void {
    if (drop.reason === 'unknown-client') this.#metrics.radiusUnknownClient()
    else if (wrongSecret.has(drop.reason)) this.#metrics.radiusWrongSecret()
    else this.#metrics.radiusDropped(drop.reason)
    // A NAS that repeats itself while we work is no news.
    if (drop.reason !== 'duplicate-in-progress') this.#logDrop(drop)
  }

  answered({ requestCode, replyCode, durationMs, isRepeated }: Answered): void {
    const kind = kindOf(requestCode)
    this.#metrics.radiusAnswered(kind, results.get(replyCode) ?? 'response')
    if (!isRepeated) this.#metrics.radiusTook(kind, durationMs)
  }

  failed(error: unknown, where: { socket: SocketKind; client: string | null }): void {
    this.#metrics.faulted('radius')
    this.#log.error('radius.failed', { error, socket: where.socket, nas: where.client })
  }

  #logDrop(drop: Drop): void {
    const count = this.#lines.count(drop.reason, drop.address)
    if (count === 0) return
    this.#log.warn('radius.dropped', {
      reason: drop.reason,
      hint: hintOf(drop.reason),
      socket: drop.socket,
      address: drop.address,
      nas: drop.client,
      detail: drop.detail,
      count,
    })
  }

  /** Further drops of a kind, from any addresses. */
  #logRest(reason: DropReason, count: number): void {
    this.#log.warn('radius.dropped', { reason, hint: hintOf(reason), address: null, count })
  }
}

function kindOf(requestCode: number): 'auth' | 'acct' | 'status' {
  if (requestCode === PacketCode.statusServer) return 'status'
  return requestCode === PacketCode.accountingRequest ? 'acct' : 'auth'
}

/** What an admin who reads the line should do; null when the reason says it. */
function hintOf(reason: DropReason): string | null {
  if (wrongSecret.has(reason)) return 'the shared secret differs'
  switch (reason) {
    case 'unknown-client':
      return 'no NAS has this address'
    case 'missing-message-authenticator':
      return 'this NAS sends no Message-Authenticator: update it, or relax its rule'
    case 'proxy-state-without-message-authenticator':
      return 'a proxy forwards without Message-Authenticator: update it, or relax the NAS rule'
    default:
      return null
  }
}
