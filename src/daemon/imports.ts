import type { ImportControl, ImportSettingsView, ImportView } from '../admin/import-control.ts'
import type { Service } from '../lifecycle.ts'
import type { Sources } from '../sources/control.ts'
import type { ImportSession, ImportSettings, PersonFilter } from '../sources/import.ts'
import { Imports } from '../sources/imports.ts'
import { SourceError } from '../sources/source.ts'
import { PostgresImportStore } from '../storage/import-store.ts'
import { PostgresSyncStore } from '../storage/sync-store.ts'
import type { DirectoryParts, Observers } from './directory.ts'

/** A tenant has few roles, each of which is a request. */
const ROLES_TIMEOUT_MS = 25_000

/** Imports: what admins can do about them, and the runs that go on by themselves. */
export function makeImports(
  input: Observers & { readonly directory: DirectoryParts; readonly sources: Sources },
): { readonly control: ImportControl; readonly service: Service } {
  const { sources, log } = input
  const { database, leader } = input.directory
  const store = new PostgresImportStore(database)
  const service = new Imports({
    store,
    sync: new PostgresSyncStore(database),
    isLeader: () => leader.isLeader,
    onEnded: ({ source, state, counts, error }) =>
      log.info('import.ended', { source, state, ...counts, error }),
    onFault: (id, error) => log.error('import.failed', { import: id, error }),
  })
  const idOf = async (source: string) => (await sources.open(source)).id
  const settings = async (source: string) =>
    showSettings(source, await store.settings(await idOf(source)))
  const read = async (id: string) => showSession(await store.session(id))
  const resolve = async <Filter extends PersonFilter>(sourceId: string, filter: Filter) =>
    filter.group === undefined
      ? filter
      : { ...filter, group: await store.findGroup(sourceId, filter.group) }
  const changed = async (source: string, change: (sourceId: string) => Promise<unknown>) => {
    const id = await idOf(source)
    await change(id)
    await sources.importChanged(id)
    return settings(source)
  }
  const control: ImportControl = {
    settings,
    setPolicy: (source, policy, actor) =>
      changed(source, (id) => store.setPolicy(id, policy, actor)),
    addRule: (source, { filter, action }, actor) =>
      changed(source, async (id) =>
        store.addRule(id, { filter: await resolve(id, filter), action }, actor),
      ),
    removeRule: (source, rule, actor) => changed(source, (id) => store.removeRule(id, rule, actor)),
    list: async () => (await store.sessions()).map(showSession),
    async start(name, actor) {
      const { id, source } = await sources.open(name)
      const roles = await source
        .readRoles(AbortSignal.timeout(ROLES_TIMEOUT_MS))
        .catch((error: unknown) => {
          if (error instanceof SourceError) return error.message
          throw error
        })
      return read(await store.open(id, roles, actor))
    },
    read,
    async people(id, query) {
      const { sourceId } = await store.session(id)
      return store.people(id, { ...query, filter: await resolve(sourceId, query.filter) })
    },
    async choose(id, choice) {
      const { sourceId } = await store.session(id)
      const { matching } = choice
      await store.choose(
        id,
        matching ? { ...choice, matching: await resolve(sourceId, matching) } : choice,
      )
      return read(id)
    },
    async decide(id, person, decision, actor) {
      await store.decide(id, person, decision, actor)
      return read(id)
    },
    preview: (id) => store.preview(id),
    async run(id, seen, actor) {
      await store.begin(id, seen, actor)
      service.wake()
      return read(id)
    },
    remove: (id, actor) => store.remove(id, actor),
  }
  return { control, service }
}

function showSettings(source: string, settings: ImportSettings): ImportSettingsView {
  const { policy, candidates, rules } = settings
  return {
    source,
    import: policy,
    candidates,
    rules: rules.map(({ createdAtMs, ...rule }) => ({
      ...rule,
      createdAt: new Date(createdAtMs).toISOString(),
    })),
  }
}

function showSession(session: ImportSession): ImportView {
  const { sourceId: _, createdAtMs, startedAtMs, finishedAtMs, ...shown } = session
  return {
    ...shown,
    createdAt: new Date(createdAtMs).toISOString(),
    startedAt: startedAtMs === null ? null : new Date(startedAtMs).toISOString(),
    finishedAt: finishedAtMs === null ? null : new Date(finishedAtMs).toISOString(),
  }
}
