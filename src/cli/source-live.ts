import { Argument, type Command } from 'commander'
import type { SourceHealthStatus, SourceLive } from '../admin/parts.ts'
import type { Run } from './context.ts'
import { type Output, printFields, printTable } from './print.ts'
import { withoutUndefined } from './source-options.ts'

const MODES: Readonly<Record<SourceLive['mode'], string>> = {
  'by-notification': 'told by the source, and by the schedule',
  partly: 'told by the source in part, the rest by the schedule',
  'by-schedule': 'by the schedule',
}

/** `source health|set-live` */
export function addLive(source: Command, run: Run): void {
  source
    .command('health <source>')
    .description('how it does: rounds, lag, token, throttling, notifications, and what to do next')
    .action(async (name: string, _options: unknown, command: Command) => {
      const context = run(command)
      const path = `/sources/${encodeURIComponent(name)}/health`
      context.show(await context.client().get<SourceHealthStatus>(path), (health) =>
        showHealth(context.output, health),
      )
    })

  source
    .command('set-live <source>')
    .addArgument(new Argument('<on-or-off>').choices(['on', 'off']))
    .description('have the source tell of changes at once; on proves that it can reach us')
    .option('--reason <text>', 'why, for the log')
    .action(async (name: string, on: string, options: { reason?: string }, command: Command) => {
      const context = run(command)
      const path = `/sources/${encodeURIComponent(name)}/live`
      const body = withoutUndefined({ on: on === 'on', reason: options.reason })
      const answer = await context.client().send<SourceLive & { source: string }>('PUT', path, body)
      context.show(answer, (live) => {
        context.output.write(`${live.source}: changes come ${MODES[live.mode]}\n`)
        showLive(context.output, live)
      })
    })
}

function describeCredential({ kind, expiresAt, tokenFile }: SourceHealthStatus['credential']) {
  if (tokenFile !== null)
    return `federated, the token in the file ${tokenFile}: its issuer renews it, nothing here expires`
  return `${kind}, ends ${expiresAt ?? 'nobody knows when'}`
}

function showHealth(output: Output, health: SourceHealthStatus): void {
  const { rounds, token, throttle, credential, live } = health
  const { last } = rounds
  printFields(output, {
    source: health.source,
    state: health.state,
    nextStep: health.nextStep ?? 'nothing to do',
    lagSeconds: health.lagSeconds,
    lastRound:
      last === null
        ? 'none yet'
        : `${last.startedAt}, ${last.tookMs} ms, ${last.ok ? 'good' : 'failed'}` +
          (last.hinted ? ', brought forward by a notification' : ''),
    lastGoodAt: rounds.lastGoodAt,
    nextRoundAt: rounds.nextAt,
    reads: rounds.isHere ? 'this daemon' : 'another daemon',
    faultsInRow: rounds.faultsInRow,
    lastError: rounds.lastError,
    tokenExpiresAt: token?.expiresAt ?? null,
    credential: describeCredential(credential),
    requests: throttle?.requests ?? null,
    throttled: throttle?.throttled ?? null,
    lastRetryAfterSeconds: throttle?.lastRetryAfterSeconds ?? null,
    quotaShare: throttle?.quotaShare ?? null,
    waitingRemovals: health.waitingRemovals,
    waitingPushes: health.waitingPushes,
    refusedPushes: health.refusedPushes,
    changes: MODES[live.mode],
  })
  showLive(output, live)
}

function showLive(output: Output, { why, subscriptions }: SourceLive): void {
  if (why !== null) output.write(`${why}\n`)
  if (subscriptions.length === 0) return
  const rows = subscriptions.map(
    ({ stream, state, expiresAt, lastNotifiedAt, error, nextStep }) => ({
      ...{ stream, state, expiresAt, lastNotifiedAt },
      ...{ error: error ?? '', nextStep: nextStep ?? '' },
    }),
  )
  printTable(output, rows, 'no subscription')
}
