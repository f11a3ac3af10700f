import type { Visit } from './denials.ts'

/** Log-ins that may fail one after the other: more than anybody mistypes, few for a device in a loop. */
const FREE_FAILURES = 20
/** Then one more in so long; what a phone in a loop costs is then some six handshakes a minute. */
const FAILURE_MS = 10_000
/** From when on there is no room for another. */
const FULL_MS = (FREE_FAILURES - 1) * FAILURE_MS
/** Of each device in a loop the record tells so often. */
const RECORD_MS = 60_000
const MAX_DEVICES = 50_000
const KEPT_CHARACTERS = 64

interface Failing {
  /** When all its failures will be forgotten. */
  readonly untilMs: number
  readonly recordedAtMs: number
  /** Since then. */
  readonly refusals: number
}

/**
 * How often a device may fail before it is refused without a look: a handshake costs a thousand times
 * what that costs. Kept by device, name and where they came in, so that whoever fails under somebody's
 * name, or behind another access point, takes nothing from her own devices. Bounded: a flood of
 * invented devices forgets whose last failure is longest ago.
 */
export class DeviceLimit {
  /** In the order of the last failure. */
  readonly #failing = new Map<string, Failing>()
  readonly #nowMs: () => number
  readonly #maxDevices: number

  /** @param nowMs monotonic */
  constructor(nowMs: () => number = () => performance.now(), maxDevices = MAX_DEVICES) {
    this.#nowMs = nowMs
    this.#maxDevices = maxDevices
  }

  get size(): number {
    return this.#failing.size
  }

  isLimited(device: string): boolean {
    const failing = this.#failing.get(device)
    return failing !== undefined && failing.untilMs - this.#nowMs() > FULL_MS
  }

  countFailure(device: string): void {
    this.#add(device, FAILURE_MS)
  }

  /** A fault of ours was no failure of the device. */
  takeBack(device: string): void {
    if (this.#failing.has(device)) this.#add(device, -FAILURE_MS)
  }

  /** It is in: nothing is held against it. */
  forgive(device: string): void {
    this.#failing.delete(device)
  }

  /** @returns for how many refusals the record to be made now stands; 0 when none is to be made */
  countRefusal(device: string): number {
    const failing = this.#failing.get(device)
    if (failing === undefined) return 1
    const nowMs = this.#nowMs()
    const refusals = failing.refusals + 1
    const isDue = nowMs - failing.recordedAtMs >= RECORD_MS
    const counted = isDue
      ? { ...failing, recordedAtMs: nowMs, refusals: 0 }
      : { ...failing, refusals }
    this.#failing.set(device, counted)
    return isDue ? refusals : 0
  }

  #add(device: string, ms: number): void {
    const nowMs = this.#nowMs()
    const before = this.#failing.get(device) ?? nothing
    this.#failing.delete(device)
    this.#makeRoom(nowMs)
    this.#failing.set(device, { ...before, untilMs: Math.max(before.untilMs, nowMs) + ms })
  }

  #makeRoom(nowMs: number): void {
    for (const [device, { untilMs }] of this.#failing) {
      if (untilMs > nowMs && this.#failing.size < this.#maxDevices) return
      this.#failing.delete(device)
    }
  }
}

const nothing: Failing = {
  untilMs: Number.NEGATIVE_INFINITY,
  recordedAtMs: Number.NEGATIVE_INFINITY,
  refusals: 0,
}

/**
 * Under what a try is counted. Null for one that names no device, since all who come without would
 * then be one.
 *
 * @param name as the device gives it outside any tunnel
 */
export function deviceOf(
  { address, facts }: Pick<Visit, 'address' | 'facts'>,
  name: string,
): string | null {
  if (facts.device === null) return null
  return `${address} ${facts.device} ${name.slice(0, KEPT_CHARACTERS).toLowerCase()}`
}
