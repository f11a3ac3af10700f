import {
  type Answered,
  type Drop,
  type DropReason,
  PacketCode,
  type RadiusObserver,
  type SocketKind,
} from '../../../protocols/radius/index.ts'
import type { AuthEventSink } from '../../observe/auth-event.ts'
import { LineLimit } from '../../observe/line-limit.ts'
import type { Log } from '../../observe/log.ts'
import type { Metrics } from '../../observe/metrics.ts'
import { explain } from '../../observe/reasons.ts'

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
  readonly #events: AuthEventSink
  readonly #lines: LineLimit

  constructor(parts: {
    readonly metrics: RadiusMetrics
    readonly log: Log
    readonly events: AuthEventSink
    readonly nowMs?: () => number
  }) {
    this.#metrics = parts.metrics
    this.#log = parts.log
    this.#events = parts.events
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
    this.#log.warn(eventOf(drop.reason), {
      reason: drop.reason,
      hint: hintOf(drop.reason),
      socket: drop.socket,
      address: drop.address,
      nas: drop.client,
      detail: drop.detail,
      count,
    })
    if (!isOurs(drop.reason)) this.#record(drop)
  }

  /** Whoever asks why a device gets no answer looks into the log of answers first. */
  #record({ reason, socket, address, client, detail }: Drop): void {
    this.#events.record({
      atMs: Date.now(),
      outcome: 'denied',
      reason,
      resourceKind: 'network',
      resourceName: null,
      method: `radius-${socket}`,
      principalId: null,
      name: '',
      address,
      device: null,
      detail: {
        ...(client === null ? {} : { nas: client }),
        ...(detail === null ? {} : { why: detail }),
      },
    })
  }

  /** Further drops of a kind, from any addresses. */
  #logRest(reason: DropReason, count: number): void {
    this.#log.warn(eventOf(reason), { reason, hint: hintOf(reason), address: null, count })
  }
}

function kindOf(requestCode: number): 'auth' | 'acct' | 'status' {
  if (requestCode === PacketCode.statusServer) return 'status'
  return requestCode === PacketCode.accountingRequest ? 'acct' : 'auth'
}

function eventOf(reason: DropReason): 'radius.limited' | 'radius.dropped' {
  return reason === 'rate-limited' ? 'radius.limited' : 'radius.dropped'
}

/** What the sender can do nothing about. */
function isOurs(reason: DropReason): boolean {
  return reason === 'overloaded' || reason === 'unanswered'
}

/** What an admin who reads the line should do; null when the reason says it. */
function hintOf(reason: DropReason): string | null {
  return explain(reason, null)?.mend ?? null
}
