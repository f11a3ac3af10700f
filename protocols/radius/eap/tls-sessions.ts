/** A TLS session whose peer has been let in, and by what it is looked at again when resumed. */
export interface KeptSession {
  /** As OpenSSL serialises it. */
  readonly session: Buffer
  /** Identity outside the tunnel; another one means another log-in. */
  readonly outerIdentity: string
  /** Identity inside, for the record. */
  readonly name: string
  /** With the inner method: `eap-ttls-pap` … */
  readonly method: string
  /** What the authenticate port gave for it. */
  readonly resumption: string
  /** Counted from the whole authentication, however often it is resumed. */
  readonly expiresAtMs: number
}

export interface SessionLimits {
  readonly maxSessions: number
  readonly lifetimeMs: number
}

/** An hour spares most hand-overs between access points their public-key work. */
export const defaultSessionLimits: SessionLimits = {
  maxSessions: 10_000,
  lifetimeMs: 60 * 60 * 1000,
}

/** A certificate chain is part of some; beyond this a session is not worth its memory. */
const MAX_SESSION_BYTES = 32 * 1024

/** Sessions that may be resumed, in memory, by the EAP type they were made in and their id. */
export class SessionStore {
  readonly lifetimeMs: number
  readonly #maxSessions: number
  readonly #nowMs: () => number
  /** In the order in which they came. */
  readonly #kept = new Map<string, KeptSession>()

  constructor({ maxSessions, lifetimeMs }: SessionLimits, nowMs: () => number = Date.now) {
    this.#maxSessions = maxSessions
    this.lifetimeMs = lifetimeMs
    this.#nowMs = nowMs
  }

  get size(): number {
    return this.#kept.size
  }

  find(type: number, id: Buffer): KeptSession | null {
    const kept = this.#kept.get(keyOf(type, id))
    if (kept === undefined) return null
    if (kept.expiresAtMs > this.#nowMs()) return kept
    this.remove(type, id)
    return null
  }

  /** Lets the longest held go where there are too many. */
  keep(type: number, id: Buffer, kept: KeptSession): void {
    if (kept.session.length + kept.resumption.length > MAX_SESSION_BYTES) return
    const key = keyOf(type, id)
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    if (this.#kept.size <= this.#maxSessions) return
    for (const oldest of this.#kept.keys()) {
      this.#kept.delete(oldest)
      return
    }
  }

  remove(type: number, id: Buffer): void {
    this.#kept.delete(keyOf(type, id))
  }

  /** When a session made now is at its end. */
  expiry(): number {
    return this.#nowMs() + this.lifetimeMs
  }
}

function keyOf(type: number, id: Buffer): string {
  return `${type}:${id.toString('latin1')}`
}
