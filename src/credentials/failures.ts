import type { PrincipalId } from '../directory/id.ts'
import { parseId } from '../directory/id.ts'
import type { FailureCount, FailureKey, FailureStore } from '../directory/ports/resources.ts'
import { formatFailureKey } from '../directory/ports/resources.ts'
import type { Service } from '../lifecycle.ts'
import type { Blocked, FailurePolicy } from './failure-policy.ts'
import { decideBlocked, defaultFailurePolicy, isForgotten } from './failure-policy.ts'
import { FailureWriter } from './failure-writer.ts'

/** Counts held at once; the one that failed longest ago is forgotten first. */
const MAX_COUNTS = 100_000
/** Devices with a count of their own, for one person and kind: few own more that all went wrong. */
const MAX_DEVICES = 4
/** Stands for every further device, so that a made-up MAC address buys no further tries. */
const OTHER_DEVICES = '*'
/** Devices that have signed in lately and so are not "other". */
const MAX_KNOWN_DEVICES = 50_000
/** What other daemons have counted or cleared is read this often, while we count anything at all. */
const REFRESH_MS = 30_000

interface Counted {
  readonly key: FailureKey
  readonly count: FailureCount
}

/**
 * Failed attempts by (principal, kind of resource, device), answered from memory and written to the
 * database behind the answer: no log-in waits for SQL, and without the database counting goes on
 * here, for this daemon.
 */
export class Failures implements Service {
  readonly name = 'failure counts'
  readonly #policy: FailurePolicy
  readonly #nowMs: () => number
  readonly #store: FailureStore
  readonly #writer: FailureWriter
  readonly #onFault: (error: unknown) => void
  /** In the order of the last failure. */
  readonly #counts = new Map<string, Counted>()
  readonly #byPrincipal = new Map<PrincipalId, Set<string>>()
  readonly #knownDevices = new Set<string>()
  /** Tries whose verification is under way, by the counter they will fall on. */
  readonly #underWay = new Map<string, number>()
  #refresh: NodeJS.Timeout | null = null

  constructor(parts: {
    readonly store: FailureStore
    readonly policy?: FailurePolicy
    readonly nowMs?: () => number
    /** Told when the database could not be asked; counting goes on in memory. */
    readonly onFault?: (error: unknown) => void
  }) {
    this.#policy = parts.policy ?? defaultFailurePolicy
    this.#nowMs = parts.nowMs ?? Date.now
    this.#store = parts.store
    this.#onFault = parts.onFault ?? (() => undefined)
    this.#writer = new FailureWriter({
      store: parts.store,
      enoughFailures: this.#policy.lockAfter,
      onCounted: (key, count) => this.#raise(key, count),
      onFault: this.#onFault,
    })
  }

  /** Goes on without the counts of before when the database cannot be asked; they follow later. */
  async start(): Promise<void> {
    await this.#readStore()
    this.#refresh = setInterval(() => {
      if (this.#counts.size > 0) void this.#readStore()
    }, REFRESH_MS)
    this.#refresh.unref()
  }

  async stop(): Promise<void> {
    if (this.#refresh !== null) clearInterval(this.#refresh)
    await this.#writer.stop()
  }

  get size(): number {
    return this.#counts.size
  }

  /** Increments that are in memory but not in the database yet. */
  get unwritten(): number {
    return this.#writer.pending
  }

  /**
   * Whether this principal has to wait on this kind of resource and device; null when not. Tries
   * that are under way count as if they had failed, or a hundred sent at once would all be free.
   */
  findBlocked(key: FailureKey): Blocked | null {
    if (this.#counts.size === 0 && this.#underWay.size === 0) return null
    const counter = formatFailureKey(this.#counterOf(key))
    const count = this.#counts.get(counter)?.count ?? { failures: 0, lastAtMs: 0 }
    const blocked = decideBlocked(this.#policy, count, this.#nowMs())
    const underWay = this.#underWay.get(counter) ?? 0
    if (blocked !== null || underWay === 0) return blocked
    const failures = isForgotten(this.#policy, count, this.#nowMs()) ? 0 : count.failures
    return failures + underWay >= this.#policy.freeFailures ? 'backing-off' : null
  }

  /** Counts a try as under way until the returned function is called. */
  beginTry(key: FailureKey): () => void {
    const counter = formatFailureKey(this.#counterOf(key))
    this.#underWay.set(counter, (this.#underWay.get(counter) ?? 0) + 1)
    return () => {
      const left = (this.#underWay.get(counter) ?? 1) - 1
      if (left > 0) this.#underWay.set(counter, left)
      else this.#underWay.delete(counter)
    }
  }

  recordFailure(key: FailureKey): void {
    const counter = this.#counterOf(key)
    const nowMs = this.#nowMs()
    const before = this.#counts.get(formatFailureKey(counter))?.count
    const isFirst = before === undefined || isForgotten(this.#policy, before, nowMs)
    this.#put(counter, { failures: isFirst ? 1 : before.failures + 1, lastAtMs: nowMs })
    this.#writer.add(counter)
  }

  /** A right password: what was counted is forgiven, and the device is known from now on. */
  recordSuccess(key: FailureKey): void {
    if (key.device !== '') this.#rememberDevice(key)
    if (this.#counts.size > 0) this.#clear(key)
  }

  /** An admin unlocks somebody, on every kind of resource and device. */
  clearAll(principalId: PrincipalId): void {
    for (const text of [...(this.#byPrincipal.get(principalId) ?? [])]) {
      const counted = this.#counts.get(text)
      if (counted !== undefined) this.#clear(counted.key)
    }
  }

  /** What is counted of somebody just now, for an admin to read. */
  listFor(principalId: PrincipalId): readonly (Counted & { readonly blocked: Blocked | null })[] {
    const found: (Counted & { readonly blocked: Blocked | null })[] = []
    for (const text of this.#byPrincipal.get(principalId) ?? []) {
      const counted = this.#counts.get(text)
      if (counted === undefined) continue
      found.push({ ...counted, blocked: decideBlocked(this.#policy, counted.count, this.#nowMs()) })
    }
    return found
  }

  /** The counter that stands for the key: its own, or the one that all further devices share. */
  #counterOf(key: FailureKey): FailureKey {
    if (key.device === '') return key
    const text = formatFailureKey(key)
    if (this.#counts.has(text) || this.#knownDevices.has(text)) return key
    let devices = 0
    for (const other of this.#byPrincipal.get(key.principalId) ?? []) {
      const device = this.#counts.get(other)?.key
      if (device?.resourceKind === key.resourceKind && device.device !== '') devices += 1
    }
    return devices < MAX_DEVICES ? key : { ...key, device: OTHER_DEVICES }
  }

  #put(key: FailureKey, count: FailureCount): void {
    const text = formatFailureKey(key)
    this.#counts.delete(text)
    this.#counts.set(text, { key, count })
    const own = this.#byPrincipal.get(key.principalId)
    if (own === undefined) this.#byPrincipal.set(key.principalId, new Set([text]))
    else own.add(text)
    if (this.#counts.size <= MAX_COUNTS) return
    for (const oldest of this.#counts.values()) {
      this.#forget(oldest.key)
      return
    }
  }

  #clear(key: FailureKey): void {
    if (!this.#forget(key)) return
    this.#writer.clear(key)
  }

  #forget(key: FailureKey): boolean {
    const text = formatFailureKey(key)
    if (!this.#counts.delete(text)) return false
    const own = this.#byPrincipal.get(key.principalId)
    own?.delete(text)
    if (own?.size === 0) this.#byPrincipal.delete(key.principalId)
    return true
  }

  /** Another daemon may have counted more; the higher number holds. */
  #raise(key: FailureKey, stored: FailureCount): void {
    const held = this.#counts.get(formatFailureKey(key))?.count
    if (held === undefined) return
    const failures = Math.max(held.failures, stored.failures)
    const lastAtMs = Math.max(held.lastAtMs, Math.min(stored.lastAtMs, this.#nowMs()))
    if (failures > held.failures || lastAtMs > held.lastAtMs) this.#put(key, { failures, lastAtMs })
  }

  async #readStore(): Promise<void> {
    const askedAtMs = this.#nowMs()
    try {
      this.#replace(await this.#store.current(), askedAtMs)
    } catch (error) {
      this.#onFault(error)
    }
  }

  /** Takes the database's counts for ours, except where ours are younger or not written yet. */
  #replace(stored: ReadonlyMap<string, FailureCount>, askedAtMs: number): void {
    for (const [text, { key }] of [...this.#counts]) {
      if (!stored.has(text) && this.#mayReplace(key, askedAtMs)) this.#forget(key)
    }
    for (const [text, count] of stored) {
      const key = parseFailureKey(text)
      if (key !== null && this.#mayReplace(key, askedAtMs)) this.#put(key, count)
    }
  }

  #mayReplace(key: FailureKey, askedAtMs: number): boolean {
    if (this.#writer.isPending(key)) return false
    const held = this.#counts.get(formatFailureKey(key))?.count
    return held === undefined || held.lastAtMs < askedAtMs
  }

  #rememberDevice(key: FailureKey): void {
    const text = formatFailureKey(key)
    if (this.#knownDevices.has(text)) return
    this.#knownDevices.add(text)
    if (this.#knownDevices.size <= MAX_KNOWN_DEVICES) return
    for (const oldest of this.#knownDevices) {
      this.#knownDevices.delete(oldest)
      return
    }
  }
}

function parseFailureKey(text: string): FailureKey | null {
  const [principal = '', resourceKind = '', ...device] = text.split('|')
  const principalId = parseId<PrincipalId>(principal)
  return principalId === null ? null : { principalId, resourceKind, device: device.join('|') }
}
