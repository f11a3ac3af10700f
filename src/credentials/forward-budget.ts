import type { PrincipalId } from '../directory/id.ts'
import type { FailureKey, FailureStore } from '../directory/ports/resources.ts'
import { formatFailureKey } from '../directory/ports/resources.ts'
import type { Service } from '../lifecycle.ts'
import { ExpiringMap } from './expiring-map.ts'
import type { FailurePolicy } from './failure-policy.ts'
import { Failures } from './failures.ts'

/**
 * Ten wrong passwords lock an account in Entra (smart lockout). Daemons learn of each other's with
 * the next wrong one of their own, so four of them still stay below.
 */
const MAX_WRONG = 6
/** Of them by one way in, so that whoever guesses at one does not use up the tries of the others. */
const MAX_WRONG_BY_LANE = 4
/** Longer than Entra's first lock of a minute; a count is forgotten so long after its last. */
const WINDOW_MS = 10 * 60_000
const MAX_LANES = 50_000

const policy: FailurePolicy = {
  freeFailures: MAX_WRONG,
  firstDelayMs: WINDOW_MS,
  maxDelayMs: WINDOW_MS,
  lockAfter: MAX_WRONG,
  lockMs: WINDOW_MS,
  forgetAfterMs: WINDOW_MS,
}

/**
 * How many wrong passwords of one person may still be sent to where she comes from. Counted over all
 * daemons by person; by way in (kind of resource and device) in this one.
 */
export class ForwardBudget implements Service {
  readonly name = 'forward budget'
  readonly #people: Failures
  readonly #lanes = new ExpiringMap<number>(MAX_LANES)
  readonly #underWay = new Map<string, number>()
  readonly #nowMs: () => number

  constructor(parts: {
    readonly store: FailureStore
    readonly nowMs?: () => number
    readonly onFault?: (error: unknown) => void
  }) {
    this.#nowMs = parts.nowMs ?? Date.now
    this.#people = new Failures({ ...parts, policy })
  }

  start(): Promise<void> {
    return this.#people.start()
  }

  stop(): Promise<void> {
    return this.#people.stop()
  }

  /** Whether another password might be one too many; those under way count as if they were wrong. */
  isSpent(key: FailureKey): boolean {
    const lane = formatFailureKey(key)
    const byLane = (this.#lanes.find(lane, this.#nowMs()) ?? 0) + (this.#underWay.get(lane) ?? 0)
    return byLane >= MAX_WRONG_BY_LANE || this.#people.findBlocked(ofPerson(key)) !== null
  }

  /** Counts a password as under way until the returned function is called. */
  begin(key: FailureKey): () => void {
    const lane = formatFailureKey(key)
    const end = this.#people.beginTry(ofPerson(key))
    this.#underWay.set(lane, (this.#underWay.get(lane) ?? 0) + 1)
    return () => {
      end()
      const left = (this.#underWay.get(lane) ?? 1) - 1
      if (left > 0) this.#underWay.set(lane, left)
      else this.#underWay.delete(lane)
    }
  }

  recordWrong(key: FailureKey): void {
    const nowMs = this.#nowMs()
    const lane = formatFailureKey(key)
    this.#lanes.put(lane, (this.#lanes.find(lane, nowMs) ?? 0) + 1, nowMs + WINDOW_MS)
    this.#people.recordFailure(ofPerson(key))
  }

  /** A right one ends the source's count as well. */
  recordRight(key: FailureKey): void {
    this.#lanes.delete(formatFailureKey(key))
    this.#people.recordSuccess(ofPerson(key))
  }

  /** What was sent of somebody and found wrong, for an admin to read. */
  listFor(principalId: PrincipalId): ReturnType<Failures['listFor']> {
    return this.#people.listFor(principalId).filter(({ key }) => key.resourceKind === SENT_KIND)
  }

  /** An admin lets somebody try again. */
  clear(principalId: PrincipalId): void {
    this.#lanes.deleteAll(`${principalId}|`)
    this.#people.clearAll(principalId)
  }
}

/** The kind under which sent passwords are counted, beside those of ways in. */
export const SENT_KIND = 'source'

function ofPerson({ principalId }: FailureKey): FailureKey {
  return { principalId, resourceKind: SENT_KIND, device: '' }
}
