import { PacketCode } from '../code.ts'
import type { Packet } from '../packet.ts'
import type { ClientRequest } from './request.ts'
import type { RadiusPeer } from './udp-client.ts'

/** A server that is dead is asked for its status this often. */
const PROBE_MS = 10_000
/** One that answers no Status-Server is tried with a request again after this. */
const TRIAL_MS = 60_000

export interface HomeServerOptions {
  readonly name: string
  readonly peer: RadiusPeer
  /** Told when it dies and when it answers again; must not throw. */
  readonly onChange?: (isAlive: boolean) => void
  readonly now?: () => number
}

/**
 * A server others are forwarded to, and whether it lives. One that lets a request go unanswered is
 * dead until it answers something: a Status-Server (RFC 5997), which it is sent every ten seconds
 * (RFC 3539 §3.4 in spirit), or, after a minute, a request on trial. Over UDP a server is two of these,
 * by its ports: many homes take log-ins and no accounting.
 */
export class HomeServer {
  readonly name: string
  readonly #options: HomeServerOptions
  readonly #now: () => number
  readonly #stopping = new AbortController()
  #deadSince: number | null = null
  #lastAnswerAt = Number.NEGATIVE_INFINITY
  #probe: NodeJS.Timeout | null = null

  constructor(options: HomeServerOptions) {
    this.name = options.name
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
  }

  /** Whether a request may be sent to it. */
  get isUsable(): boolean {
    return this.#deadSince === null || this.#now() - this.#deadSince >= TRIAL_MS
  }

  /** @throws what `signal` was aborted with */
  async send(request: ClientRequest, signal: AbortSignal): Promise<Packet | 'timeout'> {
    const sentAt = this.#now()
    const answer = await this.#options.peer.send(request, signal)
    if (answer !== 'timeout') this.#answered()
    // Others may have been answered meanwhile: a single request that is dropped kills nobody.
    else if (this.#lastAnswerAt < sentAt) this.#died()
    return answer
  }

  close(): void {
    this.#stopping.abort()
    if (this.#probe !== null) clearTimeout(this.#probe)
    this.#options.peer.close()
  }

  #answered(): void {
    this.#lastAnswerAt = this.#now()
    if (this.#deadSince === null) return
    this.#deadSince = null
    if (this.#probe !== null) clearTimeout(this.#probe)
    this.#probe = null
    this.#options.onChange?.(true)
  }

  #died(): void {
    if (this.#stopping.signal.aborted) return
    const wasAlive = this.#deadSince === null
    this.#deadSince = this.#now()
    if (!wasAlive) return
    this.#options.onChange?.(false)
    this.#planProbe()
  }

  #planProbe(): void {
    this.#probe = setTimeout(() => {
      this.#ask().catch(() => {})
    }, PROBE_MS).unref()
  }

  /** Never fails but by being stopped. */
  async #ask(): Promise<void> {
    const status = { code: PacketCode.statusServer, attributes: [] }
    const answer = await this.#options.peer.send(status, this.#stopping.signal)
    if (answer !== 'timeout') this.#answered()
    else if (this.#deadSince !== null) this.#planProbe()
  }
}
