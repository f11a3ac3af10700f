import {
  type Answered,
  type Drop,
  type DropReason,
  PacketCode,
  type RadiusObserver,
  type SocketKind,
} from '../../../protocols/radius/index.ts'
import type { Log } from '../../observe/log.ts'
import type { Metrics } from '../../observe/metrics.ts'

/** One line for each kind of trouble and address a minute; the rest are counted into the next. */
const LOG_EVERY_MS = 60_000
const MAX_REMEMBERED = 1_000

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

interface Line {
  readonly loggedAtMs: number
  /** Drops since the line. */
  count: number
}

/** Tells the metrics and the log what the RADIUS server does. */
export class RadiusReporter implements RadiusObserver {
  readonly #metrics: RadiusMetrics
  readonly #log: Log
  readonly #nowMs: () => number
  readonly #lines = new Map<string, Line>()

  constructor(parts: {
    readonly metrics: RadiusMetrics
    readonly log: Log
    readonly nowMs?: () => number
  }) {
    this.#metrics = parts.metrics
    this.#log = parts.log
    this.#nowMs = parts.nowMs ?? Date.now
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
    const key = `${drop.reason} ${drop.address}`
    const nowMs = this.#nowMs()
    const line = this.#lines.get(key)
    if (line !== undefined && nowMs - line.loggedAtMs < LOG_EVERY_MS) {
      line.count += 1
      return
    }
    if (this.#lines.size >= MAX_REMEMBERED) this.#lines.clear()
    this.#lines.set(key, { loggedAtMs: nowMs, count: 0 })
    this.#log.warn('radius.dropped', {
      reason: drop.reason,
      hint: hintOf(drop.reason),
      socket: drop.socket,
      address: drop.address,
      nas: drop.client,
      detail: drop.detail,
      count: 1 + (line?.count ?? 0),
    })
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
