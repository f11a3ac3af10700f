import { AuthenticationUnavailable } from './authenticate.ts'
import { FairQueue } from './fair-queue.ts'

interface Waiting {
  readonly go: () => void
}

/** A bounded number of things at the same time; whoever finds no room waits for a fair turn. */
export class Slots {
  readonly #queue: FairQueue<Waiting>
  #free: number

  constructor(options: {
    readonly slots: number
    readonly maxWaiting: number
    readonly maxWaitingPerKey: number
  }) {
    this.#free = options.slots
    this.#queue = new FairQueue(options)
  }

  /**
   * @returns what gives the slot back
   * @throws {AuthenticationUnavailable} `overloaded` when too many wait; `signal`'s reason
   */
  async take(key: string, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    if (this.#free > 0) this.#free -= 1
    else await this.#wait(key, signal)
    let isHeld = true
    return () => {
      if (isHeld) this.#giveBack()
      isHeld = false
    }
  }

  #wait(key: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        if (this.#queue.remove(key, waiting)) reject(signal.reason)
      }
      const waiting = {
        go: () => {
          signal.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      if (!this.#queue.add(key, waiting)) {
        reject(new AuthenticationUnavailable('overloaded'))
        return
      }
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  #giveBack(): void {
    const next = this.#queue.take()
    if (next === null) this.#free += 1
    else next.go()
  }
}
