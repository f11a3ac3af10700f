import type { FastifyPluginAsync } from 'fastify'
import type { ImportControl } from '../admin/import-control.ts'
import type {
  ConnectControl,
  DriftStatus,
  PushStatus,
  RotationReport,
  SourceControl,
  SourceStatus,
} from '../admin/parts.ts'
import type { Directory } from '../directory/directory.ts'
import type { Service } from '../lifecycle.ts'
import type { Drift, ListedPush } from '../provisioning/push-store.ts'
import type { PushedValue } from '../provisioning/target.ts'
import { type ListedSource, Sources, stepForPaused } from '../sources/control.ts'
import { expiryStep } from '../sources/microsoft365/credential.ts'
import { tierOf } from '../sources/microsoft365/permissions.ts'
import type { Extra, Tier } from '../sources/microsoft365/settings.ts'
import { registrationSteps } from '../sources/microsoft365/steps.ts'
import type { PassThrough, PassThroughProblem } from '../sources/pass-through.ts'
import type { StoredSource } from '../sources/registry.ts'
import { CertificateRotation, type Rotated } from '../sources/rotation.ts'
import type { RunResult } from '../sources/scheduler.ts'
import type { SyncCounts } from '../sources/sync-store.ts'
import type { NotAllowed } from '../storage/push-store.ts'
import { PostgresSyncStore } from '../storage/sync-store.ts'
import { makeConnect } from './connect.ts'
import { makeDepartures } from './departures.ts'
import type { DirectoryParts, Observers } from './directory.ts'
import { makeImports } from './imports.ts'
import { makeLive } from './live.ts'
import { Pushes } from './pushes.ts'
import { describeHealth } from './source-health.ts'
import { told } from './told.ts'

export interface SourceParts {
  readonly control: SourceControl
  readonly connect: ConnectControl
  readonly imports: ImportControl
  /** Where sources tell of changes, for the HTTP listeners. */
  readonly hooks: FastifyPluginAsync
  readonly services: readonly Service[]
  /** Gives certificates that end soon successors, where the application can do so by itself. */
  rotateDue(): Promise<void>
}

const CONNECT_TIMEOUT_MS = 60_000
const ROTATION_TIMEOUT_MS = 10 * 60_000
const SYNC_TIMEOUT_MS = 60 * 60_000

/** Sources: what admins can do with them, and the rounds that run by themselves. */
export function makeSources(
  input: Observers & {
    readonly directory: DirectoryParts
    readonly passThrough: PassThrough
    readonly isScheduled: boolean
    readonly publicUrl: string | null
  },
): SourceParts {
  const { passThrough } = input
  const { database, leader, readModel, sourceRegistry } = input.directory
  const sources = new Sources({
    registry: sourceRegistry,
    store: new PostgresSyncStore(database),
    isLeader: () => leader.isLeader,
    onRun: (source, result) => report(source, result, input),
    onThrottled: ({ name }) => input.metrics.sourceThrottled(name),
  })
  const pushes = new Pushes(input)
  const imports = makeImports({ ...input, sources })
  const show = async (source: ListedSource): Promise<SourceStatus> =>
    showSource(source, {
      totals: await pushes.store.totals(source.id),
      problem: passThrough.problemOf(source.id),
      nameOfGroup: (id) => nameOfGroup(readModel, id),
    })
  const rotation = new CertificateRotation({ registry: sourceRegistry })
  const live = makeLive(input, sources)
  const departures = makeDepartures(input, { sources, pushes, farewell: live.farewell })
  const control: SourceControl = {
    ...departures.control,
    ...live.control,
    list: async () => Promise.all((await sources.list()).map(show)),
    connectMicrosoft365: async (given, actor) =>
      await show(
        await told(
          sources.connectMicrosoft365(given, {
            actor,
            signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS),
          }),
        ),
      ),
    replaceSecret: async (name, secret, actor) =>
      show(
        await told(
          sources.replaceSecret(name, secret, {
            actor,
            signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS),
          }),
        ),
      ),
    async verify(name) {
      return await show(await sources.verify(name, AbortSignal.timeout(CONNECT_TIMEOUT_MS)))
    },
    async health(name) {
      const source = await sources.find(name)
      const [status, told] = [await show(source), await live.describe(source)]
      const nowMs = Date.now()
      return describeHealth(source, { status, live: told, isLeader: leader.isLeader, nowMs })
    },
    async rotate(name, applicationId, actor) {
      const signal = AbortSignal.timeout(CONNECT_TIMEOUT_MS)
      return showRotated(await told(rotation.rotate(name, { applicationId, actor, signal })))
    },
    async steps(tool, tier, { federatedToken: name, ...more }) {
      const claims = name === null ? null : await told(sources.readTokenClaims(name))
      const federated = claims === null || name === null ? null : { ...claims, file: name }
      return registrationSteps(tool, tier, { ...more, federated })
    },
    async readTiers(name) {
      const states = await told(sources.readTiers(name))
      const refusals = await pushes.notAllowed(name)
      const tiers = states.map((state) => ({ ...state, refused: refusedOf(state.tier, refusals) }))
      return { source: name, tiers }
    },
    async setTier(name, tier, actor) {
      const signal = AbortSignal.timeout(CONNECT_TIMEOUT_MS)
      const changed = await show(await told(sources.setTier(name, tier, { actor, signal })))
      pushes.refresh()
      return changed
    },
    async setExtra(name, change, actor) {
      const changed = await show(await told(sources.setExtra(name, change, actor)))
      pushes.refresh()
      return changed
    },
    async setPassThrough(name, setting, actor) {
      const changed = await sources.setPassThrough(name, setting, actor)
      await passThrough.refresh()
      return await show(changed)
    },
    setSignIn: async (name, isAllowed, actor) =>
      await show(await sources.setBrowserSignIn(name, isAllowed, actor)),
    pushesOf: async (id) => (await pushes.store.listFor(id)).map(showPush),
    retryPushes: (name) => pushes.retry(name),
    async drift(name, page) {
      const { drift, next } = await pushes.drift(name, page)
      return { drift: drift.map(showDrift), next }
    },
    async pause(name, actor) {
      const paused = await sources.pause(name, actor)
      live.changed()
      return await show(paused)
    },
    async resume(name, actor) {
      const resumed = await sources.resume(name, actor)
      live.changed()
      return await show(resumed)
    },
    async sync(name, { dryRun, full }) {
      const reports = await told(
        sources.sync(name, {
          isDryRun: dryRun,
          isFull: full,
          signal: AbortSignal.timeout(SYNC_TIMEOUT_MS),
        }),
      )
      const streams = reports.map(({ stream, mode, counts, note }) => ({
        stream,
        mode,
        counts: { ...counts },
        note,
      }))
      return { source: name, dryRun, streams }
    },
    async waiting(name, page) {
      const { count, until, removals } = await sources.waiting(name, page)
      const waiting = removals.map(({ kind, subject, group, sinceMs }) => ({
        kind,
        subject,
        group,
        since: new Date(sinceMs).toISOString(),
      }))
      return { count, until, waiting }
    },
    approve: async (name, seen, actor) => await sources.approve(name, seen, actor),
    reject: async (name, actor) => await sources.reject(name, actor),
  }
  const connect = makeConnect(input, sources)
  const services = input.isScheduled
    ? [sources, pushes, imports.service, departures.service, ...live.services]
    : []
  return {
    control,
    connect: connect.control,
    imports: imports.control,
    hooks: live.hooks,
    services: [...services, connect.service],
    rotateDue: () => rotateDue(rotation, input.log),
  }
}

const CHANGES: readonly (readonly [
  'added' | 'changed' | 'removed',
  readonly (keyof SyncCounts)[],
])[] = [
  ['added', ['created', 'restored', 'membersAdded']],
  ['changed', ['updated', 'suspended', 'resumed']],
  ['removed', ['removed', 'membersRemoved']],
]

function report(source: StoredSource, result: RunResult, { log, metrics }: Observers): void {
  const { name } = source
  if (!result.ok) {
    metrics.syncRoundEnded(name, 'failed', result.durationMs)
    log.warn('sync.round-failed', { source: name, error: result.error })
    return
  }
  metrics.syncConfirmed(name, Date.now())
  const isWaiting = result.reports.some(({ note, counts }) => note !== null || counts.waiting > 0)
  metrics.syncRoundEnded(name, isWaiting ? 'waiting' : 'done', result.durationMs)
  for (const { stream, mode, counts, note } of result.reports) {
    if (mode === 'nothing') continue
    for (const [change, kinds] of CHANGES) {
      metrics.syncChanged(
        name,
        change,
        kinds.reduce((sum, kind) => sum + counts[kind], 0),
      )
    }
    log.info('sync.round-done', { source: name, stream, mode, ...counts, note })
  }
}

function showSource(
  source: ListedSource,
  beside: {
    readonly totals: { readonly waiting: number; readonly refused: number }
    readonly problem: PassThroughProblem | null
    readonly nameOfGroup: (id: string) => string
  },
): SourceStatus {
  const { id, kind, name, state, stateReason, confirmedAtMs, waitingRemovals, health } = source
  const { totals, problem, nameOfGroup } = beside
  const { passThrough, credential } = source
  const expiry = expiryStep(name, credential, Date.now())
  return {
    id,
    kind,
    name,
    state,
    stateReason,
    lastRoundAt: confirmedAtMs === null ? null : new Date(confirmedAtMs).toISOString(),
    lastError: health?.lastError ?? problem?.error ?? null,
    nextStep:
      state === 'paused' ? stepForPaused(name) : (health?.nextStep ?? problem?.nextStep ?? expiry),
    waitingRemovals,
    verification: showVerification(source),
    tier: source.tier,
    extras: source.extras,
    credential: {
      kind: credential.kind,
      expiresAt:
        credential.expiresAtMs === null ? null : new Date(credential.expiresAtMs).toISOString(),
      tokenFile: credential.tokenFile,
    },
    import: source.import,
    passThrough:
      passThrough === null
        ? null
        : {
            groups: passThrough.groupIds.map(nameOfGroup),
            rememberHours: passThrough.rememberHours,
          },
    signIn: source.browserSignIn,
    waitingPushes: totals.waiting,
    refusedPushes: totals.refused,
  }
}

function showVerification({ name, verification }: ListedSource): SourceStatus['verification'] {
  if (verification === null) return null
  const { atMs, streams } = verification
  const isApart = streams.some(({ differs }) => differs)
  return {
    at: new Date(atMs).toISOString(),
    streams,
    nextStep: isApart
      ? `read everything again: gatehouse source reconcile ${name} --dry-run`
      : null,
  }
}

/** Its id, when the group is gone. */
function nameOfGroup(directory: Directory, id: string): string {
  const group = directory.entryById(id)
  return group?.value.kind === 'group' ? group.value.name : id
}

function refusedOf(tier: Tier | Extra, refusals: readonly NotAllowed[]) {
  const own = refusals.filter(({ attribute }) => tierOf(attribute) === tier)
  const [last] = own
  if (last === undefined) return null
  return { count: own.reduce((sum, { count }) => sum + count, 0), reason: last.reason }
}

function showDrift({ here, there, ...drift }: Drift): DriftStatus {
  return {
    ...drift,
    here: showValue(here),
    ...(there === undefined ? {} : { there: showValue(there) }),
  }
}

function showValue(value: PushedValue): boolean | string | null {
  return typeof value === 'number' ? new Date(value).toISOString() : value
}

function showPush({ writtenAtMs, wanted, ...push }: ListedPush): PushStatus {
  return {
    ...push,
    wanted: showValue(wanted),
    writtenAt: writtenAtMs === null ? null : new Date(writtenAtMs).toISOString(),
  }
}

async function rotateDue(rotation: CertificateRotation, log: Observers['log']): Promise<void> {
  await rotation.rotateDue(AbortSignal.timeout(ROTATION_TIMEOUT_MS), (source, outcome) => {
    if (outcome instanceof Error) log.warn('source.not-rotated', { source, error: outcome })
    else log.info('source.rotated', { source, ...showRotated(outcome) })
  })
}

function showRotated(rotated: Rotated): RotationReport {
  if (rotated.kind === 'waiting') return { state: 'waiting', why: rotated.why }
  const expiresAt = new Date(rotated.expiresAtMs).toISOString()
  return { state: 'rotated', expiresAt, old: rotated.old }
}
