/** RFC 5080 §2.2.2: 5 to 30 seconds; a NAS repeats itself after 2 to 5. */
const LIFETIME_MS = 10_000
/** Some 20 MB when full: more than 6,000 requests a second for as long as a reply is kept. */
const MAX_ENTRIES = 65_536

/** What is known of the request that came from this source with this identifier. */
interface Entry {
  /** Request Authenticator, as latin1 text. */
  readonly authenticator: string
  readonly atMs: number
  /** Null while it is under way. */
  reply: Buffer | null
}

export type Duplicate =
  | { readonly kind: 'new'; readonly entry: PendingReply }
  | { readonly kind: 'in-progress' }
  | { readonly kind: 'answered'; readonly reply: Buffer }

/** Place for the reply of one request. */
export interface PendingReply {
  /** Keeps the reply for the request's duplicates. */
  settle(reply: Buffer): void
  /** Forgets the request: it was not answered, so its repetition is a new try. */
  forget(): void
}

/**
 * Recognises repeated requests (RFC 5080 §2.2.2) by socket, source and identifier together with the
 * Request Authenticator. Only what has passed its checks may be looked up here.
 */
export class DuplicateCache {
  /** In the order in which they came. */
  readonly #entries = new Map<string, Entry>()
  readonly #now: () => number
  readonly #maxEntries: number

  constructor(now: () => number = () => performance.now(), maxEntries = MAX_ENTRIES) {
    this.#now = now
    this.#maxEntries = maxEntries
  }

  get size(): number {
    return this.#entries.size
  }

  /** A request with another authenticator replaces what stood under the same source and identifier. */
  look(source: string, authenticator: Buffer): Duplicate {
    const text = authenticator.toString('latin1')
    const now = this.#now()
    const known = this.#entries.get(source)
    if (known?.authenticator === text && now - known.atMs < LIFETIME_MS) {
      return known.reply === null
        ? { kind: 'in-progress' }
        : { kind: 'answered', reply: known.reply }
    }
    this.#entries.delete(source)
    this.#makeRoom(now)
    const entry: Entry = { authenticator: text, atMs: now, reply: null }
    this.#entries.set(source, entry)
    return { kind: 'new', entry: this.#pending(source, entry) }
  }

  #pending(source: string, entry: Entry): PendingReply {
    return {
      settle: (reply) => {
        entry.reply = reply
      },
      forget: () => {
        if (this.#entries.get(source) === entry) this.#entries.delete(source)
      },
    }
  }

  /** Drops what is too old, and the oldest beside it when there is no more room. */
  #makeRoom(now: number): void {
    for (const [source, { atMs }] of this.#entries) {
      if (now - atMs < LIFETIME_MS && this.#entries.size < this.#maxEntries) return
      this.#entries.delete(source)
    }
  }
}
