import type { FastifyPluginAsync } from 'fastify'
import { ApiError } from '../admin/error.ts'
import { hooksPlugin } from '../admin/hooks.ts'
import type { SourceControl, SourceLive } from '../admin/parts.ts'
import type { Service } from '../lifecycle.ts'
import type { ListedSource, Sources } from '../sources/control.ts'
import { ClientStates } from '../sources/microsoft365/live/client-state.ts'
import { SubscriptionKeeper } from '../sources/microsoft365/live/keeper.ts'
import { NotificationReceiver } from '../sources/microsoft365/live/receiver.ts'
import { Relay } from '../sources/microsoft365/live/relay.ts'
import type { Subscription } from '../sources/microsoft365/live/subscription-store.ts'
import type { StoredSource } from '../sources/registry.ts'
import { PostgresSubscriptionStore } from '../storage/subscription-store.ts'
import type { DirectoryParts, Observers } from './directory.ts'

/** Rounds brought forward by what the source tells of itself. */
export interface LiveParts {
  readonly control: Pick<SourceControl, 'setLive'>
  /** Where notifications come in, for the HTTP listeners. */
  readonly hooks: FastifyPluginAsync
  readonly services: readonly Service[]
  /** How it stands with a source: told by it, or by the schedule, and why. */
  describe(source: ListedSource): Promise<SourceLive>
  /** Something about a source has changed that its subscriptions may follow. */
  changed(): void
  /** @returns what ends its subscriptions there once its credentials are forgotten; it never fails */
  farewell(source: StoredSource): Promise<() => Promise<void>>
}

const HINT = 'source-hint '
const LOOK = 'subscriptions'
/** A source that is going is not kept waiting by a tenant that does not answer. */
const FAREWELL_MS = 10_000

export function makeLive(
  input: Observers & {
    readonly directory: DirectoryParts
    readonly publicUrl: string | null
  },
  sources: Sources,
): LiveParts {
  const { log, metrics, publicUrl } = input
  const { database, keys, leader, signals } = input.directory
  const store = new PostgresSubscriptionStore(database)
  const states = new ClientStates([keys.current, ...keys.earlier].map(({ secret }) => secret))
  const keeper = new SubscriptionKeeper({
    registry: input.directory.sourceRegistry,
    store,
    states,
    publicUrl,
    isLeader: () => leader.isLeader,
    onChange: ({ name }, stream, what) =>
      log.info('source.subscription', { source: name, stream, what }),
    onFault: (error) => log.warn('source.subscriptions-not-seen-to', { error }),
  })
  const look = (): void => {
    keeper.look().catch((error: unknown) => log.warn('source.subscriptions-not-seen-to', { error }))
  }
  const relay = new Relay((what) => {
    signals.send(what).catch((error: unknown) => log.debug('signal.not-sent', { error }))
  })
  signals.onSignal((signal) => {
    if (signal.startsWith(HINT)) sources.hint(signal.slice(HINT.length))
    else if (signal === LOOK && leader.isLeader) look()
  })
  const receiver = new NotificationReceiver({
    states,
    store,
    nameOf: (id) => sources.knownAs(id),
    hint: (id) => (leader.isLeader ? sources.hint(id) : relay.say(`${HINT}${id}`)),
    look: () => (leader.isLeader ? look() : relay.say(LOOK)),
    onReceived: (source, what) => metrics.notificationReceived(source, what),
    onFault: (error) => log.warn('source.notification-not-noted', { error }),
  })
  const changed = (): void => relay.say(LOOK)
  const describe = async (source: ListedSource): Promise<SourceLive> =>
    describeLive(source, {
      publicUrl,
      rows: (await store.list()).filter((row) => row.sourceId === source.id),
    })
  return {
    control: {
      async setLive(name, isLive, actor) {
        if (isLive && publicUrl === null)
          throw new ApiError(
            422,
            'refused',
            'Microsoft 365 could not reach this Gatehouse: set public_url to an https address that the ' +
              'internet can reach; without it everything comes by the schedule',
          )
        const source = await sources.setLive(name, isLive, actor)
        await store.retry(source.id)
        // The leader proves at once that the tenant can reach us; another does it within seconds.
        if (leader.isLeader) await keeper.look()
        else changed()
        return { source: source.name, ...(await describe(await sources.find(source.id))) }
      },
    },
    hooks: hooksPlugin(receiver),
    services: [keeper, { name: 'relay', start: async () => {}, stop: async () => relay.stop() }],
    describe,
    changed,
    async farewell(source) {
      const end = await keeper.farewell(source)
      return async () => {
        const late = new Promise((resolve) => setTimeout(resolve, FAREWELL_MS).unref())
        const ended = end().catch((error: unknown) => {
          log.warn('source.subscriptions-not-ended', { source: source.name, error })
        })
        await Promise.race([ended, late])
      }
    },
  }
}

function describeLive(
  source: ListedSource,
  {
    publicUrl,
    rows,
  }: { readonly publicUrl: string | null; readonly rows: readonly Subscription[] },
): SourceLive {
  const subscriptions = rows.map((row) => ({
    stream: row.stream,
    state: row.state,
    expiresAt: toText(row.expiresAtMs),
    lastNotifiedAt: toText(row.heardAtMs),
    error: row.error,
    nextStep: row.nextStep,
  }))
  const active = rows.filter(({ state }) => state === 'active').length
  const mode = active === 2 ? 'by-notification' : active === 1 ? 'partly' : 'by-schedule'
  return { isOn: source.isLive, mode, why: whySchedule(source, publicUrl), subscriptions }
}

function whySchedule(source: ListedSource, publicUrl: string | null): string | null {
  if (publicUrl === null)
    return 'without public_url the tenant cannot reach us: changes come within a minute instead of seconds'
  if (!source.isLive)
    return `nobody has switched it on: gatehouse source set-live ${source.name} on`
  return source.state === 'paused' ? 'the source is paused' : null
}

function toText(atMs: number | null): string | null {
  return atMs === null ? null : new Date(atMs).toISOString()
}
