import type { SourceControl } from '../admin/parts.ts'
import type { Sources } from '../sources/control.ts'
import { Departures } from '../sources/departure.ts'
import type { PassThrough } from '../sources/pass-through.ts'
import { PostgresDepartureStore } from '../storage/source-departure.ts'
import type { DirectoryParts, Observers } from './directory.ts'
import type { Pushes } from './pushes.ts'

/** Taking sources apart: what admins ask for, and what ends it after a crash. */
export function makeDepartures(
  input: Observers & { readonly directory: DirectoryParts; readonly passThrough: PassThrough },
  { sources, pushes }: { readonly sources: Sources; readonly pushes: Pushes },
): {
  readonly control: Pick<SourceControl, 'departure' | 'disconnect'>
  readonly service: Departures
} {
  const { log } = input
  const { database, leader } = input.directory
  const store = new PostgresDepartureStore(database)
  const service = new Departures({
    store,
    isLeader: () => leader.isLeader,
    onFault: (error) => log.warn('source.not-disconnected-yet', { error }),
  })
  const control: Pick<SourceControl, 'departure' | 'disconnect'> = {
    async departure(nameOrId) {
      const { id, name } = await sources.read(nameOrId)
      return { source: name, outlook: await store.outlook(id) }
    },
    async disconnect(nameOrId, leave, actor) {
      const { id, name } = await sources.read(nameOrId)
      const begun = await store.begin(id, leave, actor)
      if (!begun.ok) return begun
      log.info('source.disconnecting', { source: name, people: leave.people })
      // Other daemons see for themselves within seconds; what they write meanwhile is refused.
      await sources.refresh()
      pushes.refresh()
      await input.passThrough.refresh()
      await service.finish(id)
      return { ...begun, source: name }
    },
  }
  return { control, service }
}
