import { setMaxListeners } from 'node:events'

/**
 * Lets those who ask for the same thing at the same time share one piece of work. It is aborted when
 * the last of them has gone away.
 */
export class SharedWork<T> {
  readonly #running = new Map<string, { result: Promise<T>; waiting: number; stop: () => void }>()

  get size(): number {
    return this.#running.size
  }

  has(key: string): boolean {
    return this.#running.has(key)
  }

  /** @throws what the work throws, or `signal`'s reason when this caller goes away first */
  async join(key: string, start: (signal: AbortSignal) => Promise<T>, signal: AbortSignal) {
    signal.throwIfAborted()
    // One signal may stand for a connection with many requests under way; that is no leak.
    setMaxListeners(0, signal)
    const work = this.#running.get(key) ?? this.#start(key, start)
    work.waiting += 1
    let onAbort = () => {}
    const gone = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal.reason)
      signal.addEventListener('abort', onAbort, { once: true })
    })
    try {
      return await Promise.race([work.result, gone])
    } finally {
      signal.removeEventListener('abort', onAbort)
      work.waiting -= 1
      if (work.waiting === 0) work.stop()
    }
  }

  #start(key: string, start: (signal: AbortSignal) => Promise<T>) {
    const controller = new AbortController()
    const work = {
      result: start(controller.signal),
      waiting: 0,
      stop: () => {
        this.#running.delete(key)
        controller.abort()
      },
    }
    this.#running.set(key, work)
    // Everybody may have left before it fails; that is no unhandled rejection.
    work.result.catch(() => undefined)
    return work
  }
}
