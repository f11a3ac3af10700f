/** A hint in every second is as good as a thousand. */
const EVERY_MS = 1_000

/**
 * Says things to other daemons, each at most once a second: what comes meanwhile is said at the end
 * of it. As many things as there are sources.
 */
export class Relay {
  readonly #send: (what: string) => void
  readonly #everyMs: number
  readonly #pending = new Map<string, { isDue: boolean }>()
  readonly #timers = new Set<NodeJS.Timeout>()

  constructor(send: (what: string) => void, everyMs = EVERY_MS) {
    this.#send = send
    this.#everyMs = everyMs
  }

  say(what: string): void {
    const pending = this.#pending.get(what)
    if (pending !== undefined) {
      pending.isDue = true
      return
    }
    this.#send(what)
    const said = { isDue: false }
    this.#pending.set(what, said)
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.#pending.delete(what)
      if (said.isDue) this.say(what)
    }, this.#everyMs)
    timer.unref()
    this.#timers.add(timer)
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer)
  }
}
