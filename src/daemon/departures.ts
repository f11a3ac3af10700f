import type { SourceControl } from '../admin/parts.ts'
import type { Sources } from '../sources/control.ts'
import type { PassThrough } from '../sources/pass-through.ts'
import type { StoredSource } from '../sources/registry.ts'
import { Unfinished } from '../sources/unfinished.ts'
import { PostgresUndoStore } from '../storage/round-undo.ts'
import { PostgresDepartureStore } from '../storage/source-departure.ts'
import type { DirectoryParts, Observers } from './directory.ts'
import type { Pushes } from './pushes.ts'

type Control = Pick<SourceControl, 'departure' | 'disconnect' | 'rounds' | 'undoOutlook' | 'undo'>

/** Taking sources apart and rounds back: what admins ask for, and what ends it after a crash. */
export function makeDepartures(
  input: Observers & { readonly directory: DirectoryParts; readonly passThrough: PassThrough },
  {
    sources,
    pushes,
    farewell,
  }: {
    readonly sources: Sources
    readonly pushes: Pushes
    /** What ends its subscriptions there, once its credentials are forgotten here. */
    readonly farewell: (source: StoredSource) => Promise<() => Promise<void>>
  },
): { readonly control: Control; readonly service: Unfinished } {
  const { log } = input
  const { database, leader } = input.directory
  const departures = new PostgresDepartureStore(database)
  const undos = new PostgresUndoStore(database)
  const service = new Unfinished({
    works: [departures, undos],
    isLeader: () => leader.isLeader,
    onFault: (error) => log.warn('source.work-unfinished', { error }),
  })
  const control: Control = {
    async departure(nameOrId) {
      const { id, name } = await sources.read(nameOrId)
      return { source: name, outlook: await departures.outlook(id) }
    },
    async disconnect(nameOrId, leave, actor) {
      const source = await sources.read(nameOrId)
      const { id, name } = source
      const endSubscriptions = await farewell(source)
      const begun = await departures.begin(id, leave, actor)
      if (!begun.ok) return begun
      log.info('source.disconnecting', { source: name, people: leave.people })
      // Other daemons see for themselves within seconds; what they write meanwhile is refused.
      await sources.refresh()
      pushes.refresh()
      await input.passThrough.refresh()
      await endSubscriptions()
      await service.finish(departures, id)
      return { ...begun, source: name }
    },
    async rounds(nameOrId, limit) {
      const { id, name } = await sources.read(nameOrId)
      const rounds = await undos.rounds(id, limit)
      return {
        source: name,
        rounds: rounds.map(({ finishedAtMs, ...round }) => ({
          ...round,
          finishedAt: new Date(finishedAtMs).toISOString(),
        })),
      }
    },
    undoOutlook: (round) => undos.outlook(round),
    async undo({ round, count }, actor) {
      const begun = await undos.begin({ roundId: round, count }, actor)
      if (!begun.ok) return begun
      log.info('source.round-undone', { round, undo: begun.undo })
      await service.finish(undos, begun.undo)
      return { ...begun, counts: await undos.counts(begun.undo) }
    },
  }
  return { control, service }
}
