import { randomUUID } from 'node:crypto'
import type { Service } from '../../../lifecycle.ts'
import type { SourceRegistry, StoredSource } from '../../registry.ts'
import type { Stream } from '../../source.ts'
import { parseConfig } from '../settings.ts'
import { readSecretOf } from '../stored-secret.ts'
import type { ClientStates } from './client-state.ts'
import { type Refusal, wordsFor, wordsForFault } from './refusal.ts'
import { type GraphSubscription, SubscriptionCalls } from './subscription-calls.ts'
import type { Subscription, SubscriptionStore } from './subscription-store.ts'

export const HOOKS = '/hooks/microsoft365'

const STREAMS: readonly Stream[] = ['people', 'groups']
const LOOK_MS = 15_000
/** Longer than Microsoft is waited for: whoever has not come back by then has died. */
const WORK_MS = 60_000
/**
 * Of the 29 days that Microsoft gives: a subscription of a Gatehouse that is gone ends soon, and one
 * that cannot be renewed over a long weekend is still there.
 */
const LIFE_MS = 4 * 24 * 60 * 60_000
/** Renewed when so much of its life is over, and not all at once. */
const RENEW_SHARE = 0.3
const JITTER_SHARE = 0.1
const RETRY_MS = 60_000
const RETRY_MAX_MS = 60 * 60_000
/** How often it is asked which subscriptions there really are: for users and groups none is said to end. */
const COMPARE_MS = 60 * 60_000

export interface KeeperParts {
  readonly registry: SourceRegistry
  readonly store: SubscriptionStore
  readonly states: ClientStates
  /** Only one daemon of many speaks with the source. */
  readonly isLeader: () => boolean
  /** Origin under which the internet reaches us; null where it does not. */
  readonly publicUrl: string | null
  readonly onChange?: (source: StoredSource, stream: Stream, what: string) => void
  readonly onFault?: (error: unknown) => void
  readonly lookMs?: number
  readonly lifeMs?: number
  readonly workMs?: number
  readonly compareMs?: number
  readonly nowMs?: () => number
  readonly random?: () => number
}

/**
 * Keeps the subscriptions of all sources as they are to be: created, renewed, brought back when they
 * vanish, and ended when nobody acts on them. A row is there before Microsoft is asked, so that what
 * a daemon leaves behind when it dies is found by its address.
 */
export class SubscriptionKeeper implements Service {
  readonly name = 'subscriptions'
  readonly #parts: KeeperParts
  readonly #stopping = new AbortController()
  readonly #comparedAtMs = new Map<string, number>()
  #timer: NodeJS.Timeout | null = null
  #turn: Promise<void> = Promise.resolve()

  constructor(parts: KeeperParts) {
    this.#parts = parts
  }

  start(): Promise<void> {
    this.#schedule(0)
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the daemon is stopping'))
    if (this.#timer) clearTimeout(this.#timer)
    await this.#turn.catch(() => {})
  }

  /** Something is to be done: it is looked at now, after what is under way. */
  look(): Promise<void> {
    const turn = this.#turn.catch(() => {}).then(() => this.#lookAtAll())
    this.#turn = turn
    return turn
  }

  /** Where notifications of a subscription go. */
  addressOf(sourceId: string, id: string): string {
    return `${this.#parts.publicUrl}${HOOKS}/${sourceId}/${id}`
  }

  /** @returns what ends all of a source at Microsoft, even once its credentials are forgotten here */
  async farewell(source: StoredSource): Promise<() => Promise<void>> {
    const rows = (await this.#parts.store.list()).filter((row) => row.sourceId === source.id)
    if (rows.length === 0) return async () => {}
    const calls = await this.#callsOf(source)
    return () => this.#end(rows, calls)
  }

  #schedule(delayMs: number): void {
    if (this.#stopping.signal.aborted) return
    this.#timer = setTimeout(() => {
      this.look()
        .catch((error: unknown) => this.#fault(error))
        .finally(() => this.#schedule(this.#parts.lookMs ?? LOOK_MS))
    }, delayMs)
    this.#timer.unref()
  }

  async #lookAtAll(): Promise<void> {
    const { registry, store, isLeader } = this.#parts
    if (!isLeader()) return
    const sources = await registry.list()
    const rows = await store.list()
    for (const row of rows)
      if (!sources.some(({ id }) => id === row.sourceId)) await store.drop(row.id)
    for (const source of sources) {
      if (this.#stopping.signal.aborted || !isLeader()) return
      // What one source does is no reason to leave the others alone.
      await this.#lookAt(
        source,
        rows.filter((row) => row.sourceId === source.id),
      ).catch((error: unknown) => this.#fault(error))
    }
  }

  async #lookAt(source: StoredSource, rows: readonly Subscription[]): Promise<void> {
    if (!this.#isWanted(source)) {
      this.#comparedAtMs.delete(source.id)
      if (rows.length > 0) await this.#end(rows, await this.#callsOf(source))
      return
    }
    const calls = await this.#callsOf(source)
    const current = this.#isComparisonDue(source, rows)
      ? await this.#compare(source, calls, rows)
      : rows
    for (const stream of STREAMS) {
      const row = current.find((each) => each.stream === stream) ?? null
      await this.#see(source, stream, { row, calls })
    }
  }

  #isWanted({ config, state }: StoredSource): boolean {
    return this.#parts.publicUrl !== null && state !== 'paused' && parseConfig(config).isLive
  }

  /** One stream's subscription, a step further towards what it is to be. */
  async #see(
    source: StoredSource,
    stream: Stream,
    { row, calls }: { readonly row: Subscription | null; readonly calls: SubscriptionCalls },
  ): Promise<void> {
    const { store } = this.#parts
    if (row === null) return this.#create(source, stream, calls)
    if (row.state === 'creating') return
    if (row.state === 'failed' && !row.isDue) return
    const isElsewhere = row.url !== this.addressOf(row.sourceId, row.id)
    const isOver = (row.expiresAtMs ?? 0) <= this.#nowMs()
    if (row.state === 'failed' || isElsewhere || isOver || row.demand === 'recreate') {
      if (row.subscriptionId !== null) await calls.delete(row.subscriptionId, this.#signal)
      await store.drop(row.id)
      return this.#create(source, stream, calls, row.state === 'failed' ? row.attempts : 0)
    }
    if (row.demand === 'reauthorize') await this.#reauthorize(source, row, calls)
    else if (row.isDue) await this.#renew(source, row, calls)
  }

  async #create(
    source: StoredSource,
    stream: Stream,
    calls: SubscriptionCalls,
    attempts = 0,
  ): Promise<void> {
    const { store, states } = this.#parts
    const id = randomUUID()
    const url = this.addressOf(source.id, id)
    const isOurs = await store.begin({ id, sourceId: source.id, stream, url }, this.#workMs)
    // Another daemon, which led until now, is at it.
    if (!isOurs) return
    const clientState = states.make(source.id, id)
    const asked = { url, clientState, expiresAtMs: this.#nowMs() + this.#lifeMs }
    try {
      const answer = await calls.create(stream, asked, this.#signal)
      if (answer.kind === 'ok') {
        const isKept = await this.#keep(id, answer.subscription)
        // Nobody wants it any more.
        if (!isKept) await calls.delete(answer.subscription.subscriptionId, this.#signal)
        this.#parts.onChange?.(source, stream, 'created')
        return
      }
      const no =
        answer.kind === 'refused'
          ? wordsFor(answer.answer, { stream, host: new URL(url).host })
          : { error: 'Microsoft 365 knows no subscriptions', nextStep: 'check graphUrl' }
      await this.#fail(id, no, attempts)
      this.#parts.onChange?.(source, stream, no.error)
    } catch (error) {
      if (this.#signal.aborted) throw error
      // Whether it exists, only a look can tell: the row stays `creating` until that is due.
      this.#parts.onChange?.(source, stream, wordsForFault(error).error)
    }
  }

  async #renew(source: StoredSource, row: Subscription, calls: SubscriptionCalls): Promise<void> {
    const expiresAtMs = this.#nowMs() + this.#lifeMs
    await this.#tryOn(row, async () => {
      const answer = await calls.renew(row.subscriptionId ?? '', expiresAtMs, this.#signal)
      if (answer.kind === 'ok') await this.#keep(row.id, answer.subscription)
      else if (answer.kind === 'gone') await this.#replace(source, row, calls)
      else return wordsFor(answer.answer, { stream: row.stream, host: new URL(row.url).host })
      return null
    })
  }

  /** It is renewed, too: Microsoft asks for either when the one it has will not do much longer. */
  async #reauthorize(
    source: StoredSource,
    row: Subscription,
    calls: SubscriptionCalls,
  ): Promise<void> {
    await this.#tryOn(row, async () => {
      const answer = await calls.reauthorize(row.subscriptionId ?? '', this.#signal)
      if (answer.kind === 'ok') await this.#renew(source, row, calls)
      else if (answer.kind === 'error' && answer.status === 404)
        await this.#replace(source, row, calls)
      else return wordsFor(answer, { stream: row.stream, host: new URL(row.url).host })
      return null
    })
  }

  async #replace(source: StoredSource, row: Subscription, calls: SubscriptionCalls): Promise<void> {
    await this.#parts.store.drop(row.id)
    await this.#create(source, row.stream, calls)
  }

  async #tryOn(row: Subscription, work: () => Promise<Refusal | null>): Promise<void> {
    let no: Refusal | null
    try {
      no = await work()
    } catch (error) {
      if (this.#signal.aborted) throw error
      no = wordsForFault(error)
    }
    if (no !== null) await this.#fail(row.id, no, row.attempts)
  }

  /**
   * What there really is: a subscription that vanished is made anew, one whose creation nobody has
   * seen the end of is taken over, and one of ours that no row knows is ended.
   */
  async #compare(
    source: StoredSource,
    calls: SubscriptionCalls,
    before: readonly Subscription[],
  ): Promise<readonly Subscription[]> {
    const { store, publicUrl } = this.#parts
    const found = await calls.list(this.#signal).catch((error: unknown) => {
      wordsForFault(error)
      return null
    })
    if (found === null) return before
    this.#comparedAtMs.set(source.id, this.#nowMs())
    // Read after the answer: whatever that names had its row before.
    const rows = (await store.list()).filter((row) => row.sourceId === source.id)
    for (const row of rows) await this.#compareRow(row, found)
    const known = new Set(rows.map(({ url }) => url))
    for (const { url, subscriptionId } of found)
      if (url.startsWith(`${publicUrl}${HOOKS}/`) && !known.has(url))
        await calls.delete(subscriptionId, this.#signal)
    return (await store.list()).filter((row) => row.sourceId === source.id)
  }

  async #compareRow(row: Subscription, found: readonly GraphSubscription[]): Promise<void> {
    const { store } = this.#parts
    const there = found.find(({ url }) => url === row.url)
    if (row.state === 'creating' && row.isStale) {
      if (there === undefined) await store.drop(row.id)
      else await this.#keep(row.id, there)
    } else if (row.state === 'active' && there === undefined) await store.drop(row.id)
  }

  #isComparisonDue(source: StoredSource, rows: readonly Subscription[]): boolean {
    const atMs = this.#comparedAtMs.get(source.id) ?? Number.NEGATIVE_INFINITY
    if (this.#nowMs() - atMs >= (this.#parts.compareMs ?? COMPARE_MS)) return true
    return rows.some((row) => row.state === 'creating' && row.isStale)
  }

  async #end(rows: readonly Subscription[], calls: SubscriptionCalls): Promise<void> {
    for (const row of rows) {
      if (row.state === 'creating' && !row.isStale) continue
      const isOver = row.subscriptionId === null || (row.expiresAtMs ?? 0) <= this.#nowMs()
      if (isOver || (await calls.delete(row.subscriptionId, this.#signal)))
        await this.#parts.store.drop(row.id)
    }
  }

  #keep(id: string, { subscriptionId, expiresAtMs }: GraphSubscription): Promise<boolean> {
    const random = this.#parts.random ?? Math.random
    const share = RENEW_SHARE + (random() - 0.5) * 2 * JITTER_SHARE
    const renewInMs = Math.max(0, (expiresAtMs - this.#nowMs()) * share)
    return this.#parts.store.keep(id, { subscriptionId, expiresAtMs, renewInMs })
  }

  #fail(id: string, no: Refusal, attempts: number): Promise<void> {
    const retryInMs = Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** Math.min(attempts, 10))
    return this.#parts.store.fail(id, { ...no, retryInMs, attempts: attempts + 1 })
  }

  async #callsOf(source: StoredSource): Promise<SubscriptionCalls> {
    const secret = await readSecretOf(this.#parts.registry, source)
    return new SubscriptionCalls({ config: parseConfig(source.config), secret })
  }

  #fault(error: unknown): void {
    if (!this.#signal.aborted) this.#parts.onFault?.(error)
  }

  #nowMs(): number {
    return (this.#parts.nowMs ?? Date.now)()
  }

  get #lifeMs(): number {
    return this.#parts.lifeMs ?? LIFE_MS
  }

  get #workMs(): number {
    return this.#parts.workMs ?? WORK_MS
  }

  get #signal(): AbortSignal {
    return this.#stopping.signal
  }
}
