/** RFC 5080 §2.2.2: 5 to 30 seconds; a NAS repeats itself after 2 to 5. */
const LIFETIME_MS = 10_000
/** Some 20 MB when full: more than 6,000 requests a second for as long as a reply is kept. */
const MAX_ENTRIES = 65_536

/** Sources that have a number; more begin anew, and what was known of them is forgotten. */
const MAX_SOURCES = 65_536
const PORTS = 65_536
const IDENTIFIERS = 256

/** By what a request is known again, beside its authenticator. */
export interface RequestSource {
  /** Of the socket it came in by. */
  readonly label: string
  readonly address: string
  readonly port: number
  readonly identifier: number
}

/** What is known of one request. */
export interface SeenRequest {
  /** Stands for socket, source address, source port and identifier. */
  readonly source: number
  /** Request Authenticator, as latin1 text. */
  readonly authenticator: string
  readonly atMs: number
  /** Null while it is under way. */
  reply: Buffer | null
}

export interface Lookup {
  /** A request of the same source, identifier and authenticator was there already. */
  readonly isDuplicate: boolean
  readonly seen: SeenRequest
}

/**
 * Recognises repeated requests (RFC 5080 §2.2.2) by socket, source and identifier together with the
 * Request Authenticator. Only what has passed its checks may be looked up here.
 */
export class DuplicateCache {
  readonly #requests = new Map<number, SeenRequest>()
  /** A number for each address at each socket: joining them to a text costs more than all the rest. */
  readonly #sources = new Map<string, Map<string, number>>()
  #sourceCount = 0
  readonly #now: () => number
  readonly #maxEntries: number
  #sweptAtMs: number

  constructor(now: () => number = () => performance.now(), maxEntries = MAX_ENTRIES) {
    this.#now = now
    this.#maxEntries = maxEntries
    this.#sweptAtMs = now()
  }

  get size(): number {
    return this.#requests.size
  }

  /** A request with another authenticator replaces what stood under the same source. */
  look(from: RequestSource, requestAuthenticator: Buffer): Lookup {
    const source = this.#numberOf(from)
    const authenticator = requestAuthenticator.toString('latin1')
    const now = this.#now()
    const known = this.#requests.get(source)
    if (known === undefined) this.#makeRoom(now)
    else if (known.authenticator === authenticator && now - known.atMs < LIFETIME_MS) {
      return { isDuplicate: true, seen: known }
    }
    const seen: SeenRequest = { source, authenticator, atMs: now, reply: null }
    this.#requests.set(source, seen)
    return { isDuplicate: false, seen }
  }

  /** Forgets a request that was not answered: its repetition is a new try. */
  forget(seen: SeenRequest): void {
    if (this.#requests.get(seen.source) === seen) this.#requests.delete(seen.source)
  }

  /** Below 2^53, as sources are fewer than 2^29. */
  #numberOf({ label, address, port, identifier }: RequestSource): number {
    const at = this.#sources.get(label)?.get(address) ?? this.#number(label, address)
    return (at * PORTS + port) * IDENTIFIERS + identifier
  }

  #number(label: string, address: string): number {
    if (this.#sourceCount === MAX_SOURCES) {
      this.#sources.clear()
      this.#requests.clear()
      this.#sourceCount = 0
    }
    const number = this.#sourceCount
    this.#sourceCount += 1
    const own = this.#sources.get(label)
    if (own === undefined) this.#sources.set(label, new Map([[address, number]]))
    else own.set(address, number)
    return number
  }

  /**
   * Drops what is too old, once a lifetime, and one more when that is not enough. A busy NAS keeps
   * using the same places, so most requests come by here without any work.
   */
  #makeRoom(now: number): void {
    if (now - this.#sweptAtMs >= LIFETIME_MS) {
      this.#sweptAtMs = now
      for (const [source, { atMs }] of this.#requests) {
        if (now - atMs >= LIFETIME_MS) this.#requests.delete(source)
      }
    }
    if (this.#requests.size < this.#maxEntries) return
    const [longestKnown] = this.#requests.keys()
    if (longestKnown !== undefined) this.#requests.delete(longestKnown)
  }
}
