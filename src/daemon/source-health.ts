import type { SourceHealthStatus, SourceLive, SourceStatus } from '../admin/parts.ts'
import type { ListedSource } from '../sources/control.ts'
import type { MeterReading } from '../sources/microsoft365/meter.ts'

/** Everything about how a source does, as this daemon knows it. */
export function describeHealth(
  source: ListedSource,
  parts: {
    readonly status: SourceStatus
    readonly live: SourceLive
    readonly isLeader: boolean
    readonly nowMs: number
  },
): SourceHealthStatus {
  const { status, live, isLeader, nowMs } = parts
  const { health, confirmedAtMs, meter } = source
  return {
    source: source.name,
    state: source.state,
    nextStep: status.nextStep ?? stepForLive(live) ?? stepForPushes(status),
    rounds: {
      isHere: isLeader,
      isRunning: health?.isRunning ?? false,
      last: lastRound(source),
      lastGoodAt: toText(confirmedAtMs),
      nextAt: toText(health?.nextRoundAtMs ?? null),
      faultsInRow: health?.faultsInRow ?? 0,
      lastError: status.lastError,
      streams: (health?.lastReports ?? []).map(({ stream, mode, counts, note }) => ({
        ...{ stream, mode, note },
        counts: { ...counts },
      })),
    },
    lagSeconds:
      confirmedAtMs === null ? null : Math.max(0, Math.round((nowMs - confirmedAtMs) / 1_000)),
    token: showToken(meter),
    credential: status.credential,
    throttle: meter === null ? null : showThrottle(meter),
    live,
    waitingRemovals: status.waitingRemovals,
    waitingPushes: status.waitingPushes,
    refusedPushes: status.refusedPushes,
  }
}

function lastRound({ health }: ListedSource): SourceHealthStatus['rounds']['last'] {
  const last = health?.lastRound ?? null
  if (last === null) return null
  const { startedAtMs, durationMs, isGood, isHinted } = last
  return {
    startedAt: new Date(startedAtMs).toISOString(),
    tookMs: durationMs,
    ok: isGood,
    hinted: isHinted,
  }
}

function stepForLive({ isOn, subscriptions }: SourceLive): string | null {
  if (!isOn) return null
  return subscriptions.find(({ nextStep }) => nextStep !== null)?.nextStep ?? null
}

function stepForPushes({ name, refusedPushes }: SourceStatus): string | null {
  if (refusedPushes === 0) return null
  return `see what it refused: \`gatehouse source drift ${name}\`, then \`gatehouse source retry ${name}\``
}

function showToken(meter: MeterReading | null): SourceHealthStatus['token'] {
  const token = meter?.token ?? null
  if (token === null) return null
  return {
    issuedAt: new Date(token.issuedAtMs).toISOString(),
    expiresAt: new Date(token.expiresAtMs).toISOString(),
  }
}

function showThrottle(meter: MeterReading): NonNullable<SourceHealthStatus['throttle']> {
  const { requests, throttled, lastThrottledAtMs, lastRetryAfterMs, resourceUnits, quotaShare } =
    meter
  return {
    requests,
    throttled,
    lastThrottledAt: toText(lastThrottledAtMs),
    lastRetryAfterSeconds: lastRetryAfterMs === null ? null : Math.round(lastRetryAfterMs / 1_000),
    resourceUnits,
    quotaShare,
  }
}

function toText(atMs: number | null): string | null {
  return atMs === null ? null : new Date(atMs).toISOString()
}
