import { DirectoryError } from '../directory/errors.ts'
import type { Actor } from '../directory/ports/people.ts'
import type { Service } from '../lifecycle.ts'
import type { HintPace } from './hints.ts'
import type { ImportPolicy } from './judge-people.ts'
import { GraphCalls } from './microsoft365/calls.ts'
import { type Credential, credentialOf } from './microsoft365/credential.ts'
import { GraphMeter, type MeterReading } from './microsoft365/meter.ts'
import { Microsoft365Source } from './microsoft365/microsoft365.ts'
import { missingPermissions, type TierState, tierStates } from './microsoft365/permissions.ts'
import {
  type NewMicrosoft365Secret,
  type NewMicrosoft365Source,
  toConfig,
  toSecret,
} from './microsoft365/registration.ts'
import {
  type Extra,
  formatSecret,
  type PassThroughSettings,
  parseConfig,
  TIERS,
  type Tier,
} from './microsoft365/settings.ts'
import { readSecretOf } from './microsoft365/stored-secret.ts'
import { readTokenFile, type TokenClaims } from './microsoft365/token-file.ts'
import type { Page, Seen, SourceRegistry, StoredSource, Waiting } from './registry.ts'
import {
  type RunResult,
  type SourceHealth,
  type SyncNowOptions,
  SyncScheduler,
} from './scheduler.ts'
import { type Source, SourceError } from './source.ts'
import { SyncEngine } from './sync.ts'
import type { StreamReport, SyncStore } from './sync-store.ts'

const KIND = 'microsoft365'
/** A source connected, or given another secret, through another daemon is found so soon. */
const REFRESH_MS = 15_000

export interface ListedSource extends StoredSource {
  readonly health: SourceHealth | null
  readonly tier: Tier
  readonly extras: readonly Extra[]
  readonly passThrough: PassThroughSettings | null
  readonly browserSignIn: boolean
  readonly import: ImportPolicy
  readonly credential: Credential
  /** Whether it is to tell of changes by itself. */
  readonly isLive: boolean
  /** Null before this daemon has opened it. */
  readonly meter: MeterReading | null
}

export interface SourcesParts {
  readonly registry: SourceRegistry
  readonly store: SyncStore
  readonly isLeader: () => boolean
  readonly onRun?: (source: StoredSource, result: RunResult) => void
  /** Told of each answer of the source that asked to slow down. */
  readonly onThrottled?: (source: StoredSource) => void
  readonly intervalMs?: number
  readonly refreshMs?: number
  readonly hintPace?: HintPace
}

/** All connected sources: connects new ones, and runs each in a scheduler of its own. */
export class Sources implements Service {
  readonly name = 'sources'
  readonly #parts: SourcesParts
  readonly #running = new Map<string, Running>()
  /** Sources are opened one refresh after the other, each on what the database says by then. */
  #refreshed: Promise<void> = Promise.resolve()
  #isStarted = false
  #refreshing: NodeJS.Timeout | null = null

  constructor(parts: SourcesParts) {
    this.#parts = parts
  }

  async start(): Promise<void> {
    this.#isStarted = true
    await this.refresh()
    this.#refreshing = setInterval(() => {
      // The database may be away; the next look finds what this one did not.
      this.refresh().catch(() => {})
    }, this.#parts.refreshMs ?? REFRESH_MS)
    this.#refreshing.unref()
  }

  async stop(): Promise<void> {
    this.#isStarted = false
    if (this.#refreshing) clearInterval(this.#refreshing)
    await this.#refreshed.catch(() => {})
    await Promise.all([...this.#running.values()].map(({ scheduler }) => scheduler.stop()))
    this.#running.clear()
  }

  async list(): Promise<readonly ListedSource[]> {
    const sources = await this.#parts.registry.list()
    return sources.map((source) => this.#listed(source))
  }

  /**
   * Proves the credentials against the tenant, then keeps them sealed and begins to import.
   *
   * @throws {SourceError} when the tenant cannot be reached, refuses, or is another one
   * @throws {DirectoryError} `DIRECTORY_REFUSED` when it is connected already or a secret is missing
   */
  async connectMicrosoft365(
    source: NewMicrosoft365Source,
    options: {
      readonly actor: string
      readonly signal: AbortSignal
      /** What it has to be allowed, proven before it is connected; `read`, unproven, otherwise. */
      readonly tier?: Tier
      /** Beside it; proven as well. */
      readonly extras?: readonly Extra[]
    },
  ): Promise<ListedSource & { readonly domain: string }> {
    const { actor, signal, tier, extras = [] } = options
    const { config, secret } = toConfig(source, this.#parts.registry.tokenFiles)
    const identity = await new Microsoft365Source({ config, secret }).identify(signal)
    if (tier)
      refuseMissing(tier, await new GraphCalls({ config, secret }).grantedPermissions(), extras)
    const { registry } = this.#parts
    const id = await registry.connect(
      {
        kind: KIND,
        name: source.name,
        config: { ...config, tenantId: identity.tenantId },
        secret: formatSecret(secret),
        identity,
        state: source.paused ? 'paused' : 'active',
      },
      { name: actor, reason: null },
    )
    // Proven above: a token that is refused from here on takes nothing back.
    if (tier !== undefined && tier !== 'read')
      await this.#keepTier(id, { tier, from: 'read' }, { name: actor, reason: null })
    if (extras.length > 0) await this.#keepExtras(id, extras, { name: actor, reason: null })
    await this.#refreshSoon()
    return { ...(await this.#show(id)), domain: identity.defaultDomain }
  }

  /**
   * Whether a source could sign in like this, as far as that can be said without asking anybody.
   *
   * @throws {DirectoryError} `DIRECTORY_REFUSED` when it could not
   */
  checkSecret(given: NewMicrosoft365Secret): void {
    toSecret(given, this.#parts.registry.tokenFiles)
  }

  /**
   * What the token in a file of this daemon says of itself.
   *
   * @throws {SourceError} `SOURCE_REFUSED` when it cannot be had
   */
  async readTokenClaims(name: string): Promise<TokenClaims> {
    const path = this.#parts.registry.tokenFiles.get(name) ?? null
    return (await readTokenFile({ name, path }, Date.now())).claims
  }

  /**
   * Proves another secret, or certificate, against the tenant, and from then on signs in with it.
   *
   * @throws {SourceError} when the tenant cannot be reached or refuses; the old one stays
   * @throws {DirectoryError} `DIRECTORY_REFUSED` when neither is given
   */
  async replaceSecret(
    nameOrId: string,
    given: NewMicrosoft365Secret,
    options: { readonly actor: string; readonly signal: AbortSignal },
  ): Promise<ListedSource> {
    const source = await this.read(nameOrId)
    refuseForeign(source)
    const { secret, ...changed } = toSecret(given, this.#parts.registry.tokenFiles)
    const config = { ...parseConfig(source.config), ...changed }
    await new Microsoft365Source({ config, secret }).identify(options.signal)
    await this.#parts.registry.replaceSecret(
      source.id,
      { config: changed, secret: formatSecret(secret) },
      { name: options.actor, reason: null },
    )
    await this.#refreshSoon()
    return this.#show(source.id)
  }

  /**
   * Lets Gatehouse do more, or less, in the tenant, once a fresh token has shown that it may.
   *
   * @throws {SourceError} `SOURCE_REFUSED` with the permissions that are missing; nothing changes
   */
  async setTier(
    nameOrId: string,
    tier: Tier,
    options: { readonly actor: Actor; readonly signal: AbortSignal },
  ): Promise<ListedSource> {
    const { registry } = this.#parts
    const source = await this.read(nameOrId)
    refuseForeign(source)
    const config = parseConfig(source.config)
    if (tier !== 'read') {
      const secret = await readSecretOf(registry, source)
      refuseMissing(tier, await new GraphCalls({ config, secret }).grantedPermissions())
    }
    await this.#keepTier(source.id, { tier, from: config.tier }, options.actor)
    await this.#refreshSoon()
    return this.#show(source.id)
  }

  /**
   * Lets Gatehouse do something beside its tier, once a fresh token has shown that it may.
   *
   * @throws {SourceError} `SOURCE_REFUSED` with the permissions that are missing; nothing changes
   * @throws {DirectoryError} `DIRECTORY_REFUSED` below `write-back`
   */
  async setExtra(
    nameOrId: string,
    change: { readonly extra: Extra; readonly isOn: boolean },
    actor: Actor,
  ): Promise<ListedSource> {
    const { registry } = this.#parts
    const { extra, isOn } = change
    const source = await this.read(nameOrId)
    refuseForeign(source)
    const config = parseConfig(source.config)
    const others = config.extras.filter((each) => each !== extra)
    if (isOn) {
      if (TIERS.indexOf(config.tier) < TIERS.indexOf('write-back'))
        throw new DirectoryError(
          'DIRECTORY_REFUSED',
          `it is for tiers from write-back on: gatehouse source set-tier ${source.name} write-back`,
        )
      const secret = await readSecretOf(registry, source)
      const granted = await new GraphCalls({ config, secret }).grantedPermissions()
      refuseMissing(config.tier, granted, [extra])
    }
    const extras = isOn ? [...others, extra] : others
    await this.#keepExtras(source.id, extras, actor)
    await this.#refreshSoon()
    return this.#show(source.id)
  }

  /**
   * Has the passwords of some groups checked by signing in there; of nobody when it is null. Whether
   * the tenant lets us is known with the first sign-in only.
   */
  async setPassThrough(
    nameOrId: string,
    passThrough: PassThroughSettings | null,
    actor: Actor,
  ): Promise<ListedSource> {
    const source = await this.read(nameOrId)
    refuseForeign(source)
    const detail = { passThrough }
    await this.#decide(
      source.id,
      { config: { passThrough }, decision: 'source.pass-through-set', detail },
      actor,
    )
    await this.#refreshSoon()
    return this.#show(source.id)
  }

  /**
   * Lets people sign in at the source, in a browser, or no longer. Whether the registration knows our
   * address is known with the first sign-in only.
   */
  async setBrowserSignIn(
    nameOrId: string,
    isAllowed: boolean,
    actor: Actor,
  ): Promise<ListedSource> {
    const source = await this.read(nameOrId)
    refuseForeign(source)
    const detail = { isAllowed }
    await this.#decide(
      source.id,
      { config: { browserSignIn: isAllowed }, decision: 'source.sign-in-set', detail },
      actor,
    )
    await this.#refreshSoon()
    return this.#show(source.id)
  }

  /**
   * @throws {SourceError} {@link DirectoryError} as {@link SyncScheduler.syncNow};
   *   `DIRECTORY_REFUSED` for a paused source, unless it is a dry run
   */
  async sync(nameOrId: string, options: SyncNowOptions): Promise<readonly StreamReport[]> {
    const source = await this.read(nameOrId)
    if (source.state === 'paused' && options.isDryRun !== true) {
      const why = source.stateReason === null ? '' : ` (${source.stateReason})`
      throw new DirectoryError(
        'DIRECTORY_REFUSED',
        `${source.name} is paused${why}: ${stepForPaused(source.name)}`,
      )
    }
    return (await this.#scheduler(source)).syncNow(options)
  }

  /**
   * Counts what is there and what is here of it.
   *
   * @throws {DirectoryError}
   */
  async verify(nameOrId: string, signal: AbortSignal): Promise<ListedSource> {
    const source = await this.read(nameOrId)
    await (await this.#scheduler(source)).verify(signal)
    return this.#show(source.id)
  }

  async waiting(nameOrId: string, page: Page): Promise<Waiting> {
    return this.#parts.registry.readWaiting((await this.read(nameOrId)).id, page)
  }

  /**
   * Approves what was seen and carries it out. Under suspicion stays a source of which more waits.
   *
   * @returns how many removals that were
   * @throws {DirectoryError} `DIRECTORY_CONFLICT` when they are others than were seen
   */
  async approve(nameOrId: string, seen: Seen, actor: string): Promise<number> {
    const { registry, store } = this.#parts
    const source = await this.read(nameOrId)
    const approved = await registry.approve(source.id, seen, { name: actor, reason: null })
    await (await this.#scheduler(source)).applyApproved()
    const { count } = await registry.readWaiting(source.id, { limit: 0, offset: 0 })
    if (count === 0) await store.liftQuarantine(source.id)
    return approved
  }

  /** Takes back all that waits: whoever it was stays. */
  async reject(nameOrId: string, actor: string): Promise<number> {
    const source = await this.read(nameOrId)
    return this.#parts.registry.reject(source.id, { name: actor, reason: null })
  }

  /**
   * What each tier is granted, and what it lacks, as a fresh token says.
   *
   * @throws {SourceError} when the sign-in fails
   */
  async readTiers(nameOrId: string): Promise<readonly TierState[]> {
    const source = await this.read(nameOrId)
    refuseForeign(source)
    const config = parseConfig(source.config)
    const secret = await readSecretOf(this.#parts.registry, source)
    const granted = await new GraphCalls({ config, secret }).grantedPermissions()
    return tierStates(config, granted)
  }

  /** What the source of a tenant is called; null when it is not connected. */
  async findTenant(tenantId: string): Promise<string | null> {
    const sources = await this.#parts.registry.list()
    const found = sources.find(
      (source) => source.kind === KIND && parseConfig(source.config).tenantId === tenantId,
    )
    return found?.name ?? null
  }

  /** What a source is called; null once it is gone. */
  async nameOf(id: string): Promise<string | null> {
    return (await this.#parts.registry.find(id))?.name ?? null
  }

  /** No further round begins, on any daemon; one that is under way ends in peace. */
  async pause(nameOrId: string, actor: Actor): Promise<ListedSource> {
    const { id } = await this.read(nameOrId)
    await this.#parts.registry.pause(id, actor)
    return this.#show(id)
  }

  async resume(nameOrId: string, actor: Actor): Promise<ListedSource> {
    const { id } = await this.read(nameOrId)
    await this.#parts.registry.resume(id, actor)
    this.#running.get(id)?.scheduler.wake()
    return this.#show(id)
  }

  /** The source itself, to be asked what no round asks. */
  async open(nameOrId: string): Promise<{ readonly id: string; readonly source: Source }> {
    const stored = await this.read(nameOrId)
    refuseForeign(stored)
    const config = parseConfig(stored.config)
    const secret = await readSecretOf(this.#parts.registry, stored)
    return { id: stored.id, source: new Microsoft365Source({ config, secret }) }
  }

  /** Has it tell of changes, or no more. What comes of it, the keeper of subscriptions sees to. */
  async setLive(nameOrId: string, isLive: boolean, actor: Actor): Promise<ListedSource> {
    const source = await this.read(nameOrId)
    refuseForeign(source)
    const detail = { isLive }
    await this.#decide(
      source.id,
      { config: { isLive }, decision: 'source.live-set', detail },
      actor,
    )
    return this.#show(source.id)
  }

  /** What a source that is open here is called; without asking the database. */
  knownAs(id: string): string | null {
    return this.#running.get(id)?.name ?? null
  }

  /** Something has changed in the source, as it says itself. */
  hint(id: string): void {
    this.#running.get(id)?.scheduler.hint()
  }

  async find(nameOrId: string): Promise<ListedSource> {
    return this.#listed(await this.read(nameOrId))
  }

  /** Who of it comes in has changed: every daemon that reads is told, and a round looks at once. */
  async importChanged(id: string): Promise<void> {
    await this.#refreshSoon()
    this.#running.get(id)?.scheduler.wake()
  }

  async #keepTier(
    id: string,
    { tier, from }: { readonly tier: Tier; readonly from: Tier },
    actor: Actor,
  ): Promise<void> {
    await this.#parts.registry.configure(
      id,
      {
        config: { tier },
        startsPushing: from === 'read' && tier !== 'read',
        decision: 'source.tier-set',
        detail: { tier },
      },
      actor,
    )
  }

  #keepExtras(id: string, extras: readonly Extra[], actor: Actor): Promise<void> {
    const detail = { extras }
    return this.#decide(id, { config: { extras }, decision: 'source.extras-set', detail }, actor)
  }

  /** An admin's choice that lets nothing be written which was not before. */
  #decide(
    id: string,
    choice: Omit<Parameters<SourceRegistry['configure']>[1], 'startsPushing'>,
    actor: Actor,
  ): Promise<void> {
    return this.#parts.registry.configure(id, { ...choice, startsPushing: false }, actor)
  }

  /** @throws {DirectoryError} `DIRECTORY_NOT_FOUND` */
  async read(nameOrId: string): Promise<StoredSource> {
    const source = await this.#parts.registry.find(nameOrId)
    if (source) return source
    throw new DirectoryError('DIRECTORY_NOT_FOUND', `there is no source ${nameOrId}`)
  }

  async #show(id: string): Promise<ListedSource> {
    return this.#listed(await this.read(id))
  }

  #listed(source: StoredSource): ListedSource {
    const config = parseConfig(source.config)
    const { tier, extras, passThrough, browserSignIn, import: policy } = config
    return {
      ...source,
      health: this.#healthOf(source),
      tier,
      extras,
      passThrough,
      browserSignIn,
      import: policy,
      credential: credentialOf(config),
      isLive: config.isLive,
      meter: this.#running.get(source.id)?.meter.reading ?? null,
    }
  }

  /** As the daemon that leads knows it; else, and before its first round, as the last one left it. */
  #healthOf({ id, state, kept, isReading }: StoredSource): SourceHealth | null {
    const own = this.#running.get(id)?.scheduler.health ?? null
    if (own?.lastRound && this.#parts.isLeader()) return own
    if (kept === null) return own
    const { isRunning = false, progress = null } = own ?? {}
    return { ...kept, state, isRunning: isRunning || isReading, progress }
  }

  async #scheduler(source: StoredSource): Promise<SyncScheduler> {
    return this.#running.get(source.id)?.scheduler ?? (await this.#make(source))
  }

  /** Follows what the sources have become: each is opened, opened anew, or closed. */
  refresh(): Promise<void> {
    const refreshed = this.#refreshed.catch(() => {}).then(() => this.#openAll())
    this.#refreshed = refreshed
    return refreshed
  }

  /** After what is stored already: another source that cannot be opened does not undo it. */
  async #refreshSoon(): Promise<void> {
    await this.refresh().catch(() => {})
  }

  async #openAll(): Promise<void> {
    if (!this.#isStarted) return
    const sources = await this.#parts.registry.list()
    const ids = new Set(sources.map(({ id }) => id))
    for (const [id, { scheduler }] of this.#running) {
      if (ids.has(id)) continue
      this.#running.delete(id)
      await scheduler.stop()
    }
    for (const source of sources) {
      const running = this.#running.get(source.id)
      if (this.#isStarted && running?.revision !== source.revision) await this.#open(source)
    }
  }

  /** In place of one that signs in with what is no longer good. */
  async #open(source: StoredSource): Promise<void> {
    const { revision } = source
    const meter = new GraphMeter(() => this.#parts.onThrottled?.(source))
    const scheduler = await this.#make(source, meter)
    await this.#running.get(source.id)?.scheduler.stop()
    this.#running.set(source.id, { scheduler, revision, meter, name: source.name })
    await scheduler.start()
  }

  async #make(source: StoredSource, meter: GraphMeter | null = null): Promise<SyncScheduler> {
    const { registry, store, isLeader, onRun, intervalMs, hintPace } = this.#parts
    refuseForeign(source)
    const config = parseConfig(source.config)
    const secret = await readSecretOf(registry, source)
    const { includesGuests, includesDisabled, import: policy } = config
    const engine = new SyncEngine({
      source: new Microsoft365Source({ config, secret, meter }),
      store,
      sourceId: source.id,
      scope: { policy, includesGuests, includesDisabled },
    })
    return new SyncScheduler({
      sourceId: source.id,
      engine,
      store,
      isLeader,
      ...(intervalMs === undefined ? {} : { intervalMs }),
      ...(hintPace === undefined ? {} : { hintPace }),
      onRun: (result) => onRun?.(source, result),
    })
  }
}

interface Running {
  readonly scheduler: SyncScheduler
  readonly meter: GraphMeter
  readonly name: string
  /** Of the configuration and secret it was made with. */
  readonly revision: string
}

/** What an admin does about a source that reads nothing. */
export function stepForPaused(name: string): string {
  return `look at \`gatehouse sync ${name} --dry-run\`, then \`gatehouse source resume ${name}\``
}

function refuseForeign({ kind }: StoredSource): void {
  if (kind === KIND) return
  throw new DirectoryError('DIRECTORY_REFUSED', `this release cannot read a ${kind}`)
}

/** Permissions are granted one by one; all of a tier's, and of those before it, are needed. */
function refuseMissing(
  tier: Tier,
  granted: readonly string[],
  extras: readonly Extra[] = [],
): void {
  const missing = missingPermissions(tier, granted, extras)
  if (missing.length === 0) return
  throw new SourceError(
    'SOURCE_REFUSED',
    `the application lacks ${missing.join(', ')}: add them in the app registration under API ` +
      'permissions (application permissions of Microsoft Graph), grant admin consent, and try again',
  )
}
