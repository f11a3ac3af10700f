import { ApiError } from '../admin/error.ts'
import type { Service } from '../lifecycle.ts'
import { Microsoft365Target } from '../provisioning/microsoft365/target.ts'
import { type Pushed, Pusher } from '../provisioning/pusher.ts'
import { BatchedCalls } from '../sources/microsoft365/batched-calls.ts'
import { GraphCalls } from '../sources/microsoft365/calls.ts'
import { parseConfig } from '../sources/microsoft365/settings.ts'
import { readSecretOf } from '../sources/microsoft365/stored-secret.ts'
import type { SourceRegistry, StoredSource } from '../sources/registry.ts'
import { type NotAllowed, PostgresPushStore } from '../storage/push-store.ts'
import type { DirectoryParts, Observers } from './directory.ts'

/** A source whose tier was changed through another daemon is found so soon. */
const REFRESH_MS = 5_000

interface Running {
  readonly pusher: Pusher
  readonly revision: string
}

/** A pusher for each source whose tier lets us write there, made anew when it signs in otherwise. */
export class Pushes implements Service {
  readonly name = 'pushes'
  readonly store: PostgresPushStore
  readonly #input: Observers & { readonly directory: DirectoryParts }
  readonly #registry: SourceRegistry
  readonly #running = new Map<string, Running>()
  #refreshing: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | null = null

  constructor(input: Observers & { readonly directory: DirectoryParts }) {
    const { database, sourceRegistry } = input.directory
    this.#input = input
    this.#registry = sourceRegistry
    this.store = new PostgresPushStore(database)
  }

  async start(): Promise<void> {
    this.#timer = setInterval(() => this.refresh(), REFRESH_MS)
    this.#timer.unref()
    this.refresh()
    await this.#refreshing
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    await this.#refreshing
    await Promise.all([...this.#running.values()].map(({ pusher }) => pusher.stop()))
    this.#running.clear()
  }

  /** Follows what the sources have become. */
  refresh(): void {
    this.#refreshing = this.#refreshing
      .then(() => this.#refresh())
      .catch((error: unknown) => this.#input.log.warn('push.sources-unread', { error }))
  }

  /** Looks again, and soon, at everybody of whom a value was not taken. @returns how many */
  async retry(nameOrId: string): Promise<number> {
    const source = await this.#registry.find(nameOrId)
    if (source === null) return 0
    const count = await this.store.retryRefused(source.id)
    this.#running.get(source.id)?.pusher.wake()
    return count
  }

  /** What the application was not allowed to write. */
  async notAllowed(nameOrId: string): Promise<readonly NotAllowed[]> {
    const source = await this.#registry.find(nameOrId)
    return source === null ? [] : this.store.notAllowed(source.id)
  }

  /** @throws {ApiError} 404 for a source there is none of */
  async drift(nameOrId: string, page: { readonly after: number; readonly limit: number }) {
    const source = await this.#registry.find(nameOrId)
    if (source === null) throw new ApiError(404, 'not-found', `there is no source ${nameOrId}`)
    return this.store.drift(source.id, page)
  }

  async #refresh(): Promise<void> {
    if (this.#timer === null) return
    const sources = await this.#registry.list()
    const ids = new Set(sources.map(({ id }) => id))
    for (const [id, { pusher }] of this.#running) {
      if (ids.has(id)) continue
      this.#running.delete(id)
      await pusher.stop()
    }
    for (const source of sources) {
      // One that cannot be opened keeps no other from being opened, or stopped.
      await this.#follow(source).catch((error: unknown) =>
        this.#input.log.warn('push.source-unopened', { source: source.name, error }),
      )
    }
  }

  async #follow(source: StoredSource): Promise<void> {
    const running = this.#running.get(source.id)
    if (running?.revision === source.revision) return
    await running?.pusher.stop()
    this.#running.delete(source.id)
    if (parseConfig(source.config).tier !== 'read') await this.#open(source)
  }

  async #open(source: StoredSource): Promise<void> {
    const { directory, log } = this.#input
    const config = parseConfig(source.config)
    const secret = await readSecretOf(this.#registry, source)
    const calls = new GraphCalls({ config, secret })
    const pusher = new Pusher({
      sourceId: source.id,
      store: this.store,
      target: new Microsoft365Target(calls, new BatchedCalls(calls)),
      isLeader: () => directory.leader.isLeader,
      usn: () => directory.feed.position?.usn ?? -1,
      onPushed: (pushed) => this.#report(source, pushed),
      onFault: (error) => log.warn('push.failed', { source: source.name, error }),
    })
    this.#running.set(source.id, { pusher, revision: source.revision })
    await pusher.start()
  }

  #report(source: StoredSource, { principalId, planned, settled }: Pushed): void {
    const { attribute } = planned.write
    this.#input.log.info('push.settled', {
      source: source.name,
      principal: principalId,
      attribute,
      ...settled,
    })
  }
}
