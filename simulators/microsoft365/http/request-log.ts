/** How many requests are remembered; older ones are dropped and counted. */
const MAX_ENTRIES = 20_000

export interface LoggedRequest {
  readonly atMs: number
  readonly on: 'graph' | 'login'
  readonly method: string
  /** What the client calls itself. */
  readonly agent: string | null
  /** `x-ms-throttle-priority` */
  readonly priority: string | null
  /** Path without the values of its tokens. */
  readonly path: string
  /** `grant_type`, of a request for tokens; null of all others. */
  readonly grant: string | null
  /** `/users/{id}` and the like; null for a call that has none. */
  readonly template: string | null
  /** The granted permission that let it through. */
  readonly permission: string | null
  readonly units: number
  readonly status: number
  readonly faults: readonly string[]
}

export class RequestLog {
  #entries: LoggedRequest[] = []
  #dropped = 0

  add(entry: LoggedRequest): void {
    this.#entries.push(entry)
    if (this.#entries.length > 2 * MAX_ENTRIES) {
      this.#dropped += MAX_ENTRIES
      this.#entries = this.#entries.slice(MAX_ENTRIES)
    }
  }

  list(): readonly LoggedRequest[] {
    return this.#entries
  }

  get dropped(): number {
    return this.#dropped
  }

  clear(): void {
    this.#entries = []
    this.#dropped = 0
  }
}
