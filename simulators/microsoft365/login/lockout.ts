import { createHash } from 'node:crypto'

/** Entra's smart lockout as it is set by default: ten failures, then a minute, then longer. */
const FAILURES = 10
const FIRST_LOCK_MS = 60_000
const MAX_LOCK_MS = 60 * 60_000
/** The same wrong password again is no further failure; so many are remembered. */
const REMEMBERED = 3

interface Count {
  readonly failures: number
  readonly lockedUntilMs: number
  readonly locks: number
  /** Digests of the last wrong passwords. */
  readonly wrong: readonly string[]
}

const NONE: Count = { failures: 0, lockedUntilMs: 0, locks: 0, wrong: [] }

/** Accounts that are locked for a while because of wrong passwords, on the tenant's clock. */
export class SmartLockout {
  readonly #counts = new Map<string, Count>()
  readonly #nowMs: () => number

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  isLocked(userId: string): boolean {
    return (this.#counts.get(userId) ?? NONE).lockedUntilMs > this.#nowMs()
  }

  failuresOf(userId: string): number {
    return (this.#counts.get(userId) ?? NONE).failures
  }

  recordWrong(userId: string, password: string): void {
    const count = this.#counts.get(userId) ?? NONE
    const digest = createHash('sha256').update(password).digest('base64url')
    if (count.wrong.includes(digest)) return
    const failures = count.failures + 1
    const isLocking = failures >= FAILURES
    const lockMs = Math.min(FIRST_LOCK_MS * 2 ** count.locks, MAX_LOCK_MS)
    this.#counts.set(userId, {
      failures,
      lockedUntilMs: isLocking ? this.#nowMs() + lockMs : 0,
      locks: count.locks + (isLocking ? 1 : 0),
      wrong: [...count.wrong, digest].slice(-REMEMBERED),
    })
  }

  recordRight(userId: string): void {
    this.#counts.delete(userId)
  }
}
