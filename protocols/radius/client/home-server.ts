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
 * A server others are forwarded to, and whether it lives. One that lets a request go unanswered may
 * have dropped just that one, for what it asked; so it is asked for its status (RFC 5997), and others
 * go first meanwhile. Where that is not answered either it is dead until it answers something: a
 * Status-Server, which it is sent every ten seconds (RFC 3539 §3.4 in spirit), or, after a minute, a
 * request on trial. Over UDP a server is two of these, by its ports: many homes take log-ins and no
 * accounting.
 */
export class HomeServer {
  readonly name: string
  readonly #options: HomeServerOptions
  readonly #now: () => number
  readonly #stopping = new AbortController()
  #deadSince: number | null = null
  #isDoubted: boolean = false
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

  /** Whether it has let a request go unanswered, and it is not known yet whether it lives. */
  get isDoubted(): boolean {
    return this.#isDoubted
  }

  /** @throws what `signal` was aborted with */
  async send(request: ClientRequest, signal: AbortSignal): Promise<Packet | 'timeout'> {
    const sentAt = this.#now()
    const answer = await this.#options.peer.send(request, signal)
    if (answer !== 'timeout') this.#answered()
    // Others may have been answered meanwhile.
    else if (this.#lastAnswerAt < sentAt) this.#doubt()
    return answer
  }

  close(): void {
    this.#stopping.abort()
    if (this.#probe !== null) clearTimeout(this.#probe)
    this.#options.peer.close()
  }

  #answered(): void {
    this.#lastAnswerAt = this.#now()
    this.#isDoubted = false
    if (this.#deadSince === null) return
    this.#deadSince = null
    if (this.#probe !== null) clearTimeout(this.#probe)
    this.#probe = null
    this.#options.onChange?.(true)
  }

  #doubt(): void {
    if (this.#stopping.signal.aborted) return
    if (this.#deadSince !== null) {
      // It was a trial.
      this.#deadSince = this.#now()
    } else if (!this.#isDoubted) {
      this.#isDoubted = true
      this.#ask().catch(() => {})
    }
  }

  #died(): void {
    this.#isDoubted = false
    if (this.#deadSince === null) {
      this.#deadSince = this.#now()
      this.#options.onChange?.(false)
    }
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
    const askedAt = this.#now()
    const answer = await this.#options.peer.send(status, this.#stopping.signal)
    if (answer !== 'timeout') this.#answered()
    else if (this.#lastAnswerAt < askedAt) this.#died()
  }
}
