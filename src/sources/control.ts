import { DirectoryError } from '../directory/errors.ts'
import type { Service } from '../lifecycle.ts'
import { Microsoft365Source } from './microsoft365/microsoft365.ts'
import {
  formatSecret,
  GLOBAL_GRAPH_URL,
  GLOBAL_LOGIN_URL,
  type Microsoft365Config,
  type Microsoft365Secret,
  parseConfig,
  parseSecret,
} from './microsoft365/settings.ts'
import type { SourceRegistry, StoredSource, WaitingRemoval } from './registry.ts'
import {
  type RunResult,
  type SourceHealth,
  type SyncNowOptions,
  SyncScheduler,
} from './scheduler.ts'
import { type StreamReport, SyncEngine } from './sync.ts'
import type { SyncStore } from './sync-store.ts'

const KIND = 'microsoft365'
/** A source connected through another daemon is found so soon. */
const REFRESH_MS = 15_000

export interface NewMicrosoft365Source {
  readonly name: string
  readonly tenantId: string
  readonly clientId: string
  /** Either this, or certificate and private key. */
  readonly clientSecret: string | null
  readonly certificate: string | null
  readonly privateKey: string | null
  readonly loginUrl: string | null
  readonly graphUrl: string | null
  readonly ca: string | null
  readonly includeGuests: boolean
}

export interface ListedSource extends StoredSource {
  readonly health: SourceHealth | null
}

export interface SourcesParts {
  readonly registry: SourceRegistry
  readonly store: SyncStore
  readonly isLeader: () => boolean
  readonly onRun?: (source: StoredSource, result: RunResult) => void
  readonly intervalMs?: number
}

/** All connected sources: connects new ones, and runs each in a scheduler of its own. */
export class Sources implements Service {
  readonly name = 'sources'
  readonly #parts: SourcesParts
  readonly #running = new Map<string, SyncScheduler>()
  #isStarted = false
  #refreshing: NodeJS.Timeout | null = null

  constructor(parts: SourcesParts) {
    this.#parts = parts
  }

  async start(): Promise<void> {
    this.#isStarted = true
    await this.#openAll()
    this.#refreshing = setInterval(() => {
      // The database may be away; the next look finds what this one did not.
      this.#openAll().catch(() => {})
    }, REFRESH_MS)
    this.#refreshing.unref()
  }

  async stop(): Promise<void> {
    this.#isStarted = false
    if (this.#refreshing) clearInterval(this.#refreshing)
    await Promise.all([...this.#running.values()].map((scheduler) => scheduler.stop()))
    this.#running.clear()
  }

  async list(): Promise<readonly ListedSource[]> {
    const sources = await this.#parts.registry.list()
    return sources.map((source) => ({
      ...source,
      health: this.#running.get(source.id)?.health ?? null,
    }))
  }

  /**
   * Proves the credentials against the tenant, then keeps them sealed and begins to import.
   *
   * @throws {SourceError} when the tenant cannot be reached, refuses, or is another one
   * @throws {DirectoryError} `DIRECTORY_REFUSED` when it is connected already or a secret is missing
   */
  async connectMicrosoft365(
    source: NewMicrosoft365Source,
    options: { readonly actor: string; readonly signal: AbortSignal },
  ): Promise<ListedSource> {
    const { config, secret } = toConfig(source)
    const identity = await new Microsoft365Source({ config, secret }).identify(options.signal)
    const { registry } = this.#parts
    const id = await registry.connect(
      {
        kind: KIND,
        name: source.name,
        config: { ...config, tenantId: identity.tenantId },
        secret: formatSecret(secret),
        identity,
      },
      { name: options.actor, reason: null },
    )
    const stored = await this.#read(id)
    if (this.#isStarted) await this.#open(stored)
    return { ...stored, health: this.#running.get(id)?.health ?? null }
  }

  /** @throws {SourceError} {@link DirectoryError} as {@link SyncScheduler.syncNow} */
  async sync(nameOrId: string, options: SyncNowOptions): Promise<readonly StreamReport[]> {
    const source = await this.#read(nameOrId)
    return (await this.#scheduler(source)).syncNow(options)
  }

  async waiting(nameOrId: string): Promise<readonly WaitingRemoval[]> {
    return this.#parts.registry.listWaiting((await this.#read(nameOrId)).id)
  }

  /** Approves all that waits and carries it out. @returns how many removals that were */
  async approve(nameOrId: string, actor: string): Promise<number> {
    const source = await this.#read(nameOrId)
    const approved = await this.#parts.registry.approve(source.id, { name: actor, reason: null })
    await (await this.#scheduler(source)).applyApproved()
    await this.#parts.store.liftQuarantine(source.id)
    return approved
  }

  /** Takes back all that waits: whoever it was stays. */
  async reject(nameOrId: string, actor: string): Promise<number> {
    const source = await this.#read(nameOrId)
    return this.#parts.registry.reject(source.id, { name: actor, reason: null })
  }

  async pause(nameOrId: string, reason: string | null): Promise<void> {
    await this.#parts.store.setState((await this.#read(nameOrId)).id, 'paused', reason)
  }

  async resume(nameOrId: string): Promise<void> {
    const source = await this.#read(nameOrId)
    await this.#parts.store.setState(source.id, 'active', null)
    this.#running.get(source.id)?.wake()
  }

  async #read(nameOrId: string): Promise<StoredSource> {
    const source = await this.#parts.registry.find(nameOrId)
    if (source) return source
    throw new DirectoryError('DIRECTORY_NOT_FOUND', `there is no source ${nameOrId}`)
  }

  async #scheduler(source: StoredSource): Promise<SyncScheduler> {
    return this.#running.get(source.id) ?? (await this.#make(source))
  }

  async #openAll(): Promise<void> {
    for (const source of await this.#parts.registry.list()) {
      if (this.#isStarted && !this.#running.has(source.id)) await this.#open(source)
    }
  }

  async #open(source: StoredSource): Promise<void> {
    const scheduler = await this.#make(source)
    if (this.#running.has(source.id)) return
    this.#running.set(source.id, scheduler)
    await scheduler.start()
  }

  async #make(source: StoredSource): Promise<SyncScheduler> {
    const { registry, store, isLeader, onRun, intervalMs } = this.#parts
    if (source.kind !== KIND) {
      throw new DirectoryError('DIRECTORY_REFUSED', `this release cannot read a ${source.kind}`)
    }
    const config = parseConfig(source.config)
    const secret = parseSecret(await registry.readSecret(source))
    const { includesGuests, includesDisabled } = config
    const engine = new SyncEngine({
      source: new Microsoft365Source({ config, secret }),
      store,
      sourceId: source.id,
      scope: { includesGuests, includesDisabled },
    })
    return new SyncScheduler({
      sourceId: source.id,
      engine,
      store,
      isLeader,
      lastFullAtMs: source.lastFullAtMs,
      ...(intervalMs === undefined ? {} : { intervalMs }),
      onRun: (result) => onRun?.(source, result),
    })
  }
}

function toConfig(source: NewMicrosoft365Source): {
  readonly config: Microsoft365Config
  readonly secret: Microsoft365Secret
} {
  const { clientSecret, certificate, privateKey } = source
  const hasCertificate = certificate !== null && privateKey !== null
  if (clientSecret === null && !hasCertificate) {
    throw new DirectoryError(
      'DIRECTORY_REFUSED',
      'give a client secret, or a certificate with its private key',
    )
  }
  return {
    config: {
      tenantId: source.tenantId,
      clientId: source.clientId,
      loginUrl: source.loginUrl ?? GLOBAL_LOGIN_URL,
      graphUrl: source.graphUrl ?? GLOBAL_GRAPH_URL,
      certificate: hasCertificate ? certificate : null,
      ca: source.ca,
      includesGuests: source.includeGuests,
      includesDisabled: true,
    },
    secret: {
      clientSecret: hasCertificate ? null : clientSecret,
      privateKey: hasCertificate ? privateKey : null,
    },
  }
}
