import { once } from 'node:events'
import type { Service } from '../lifecycle.ts'
import { startWorker } from '../thread.ts'
import { AuthenticationUnavailable } from './authenticate.ts'
import type { Strength, StrengthQuestion } from './strength-worker.ts'

/**
 * So much of a password is judged: the time it takes grows with the square and more, 0.8 s for 128
 * characters. What is strong up to here stays so whatever follows.
 */
const MAX_CHARACTERS = 64
const MAX_WAITING = 64
const DEADLINE_MS = 10_000
/** Without work for so long the thread ends; with it goes all memory it has used. */
const IDLE_MS = 5_000

/**
 * Tells how easily a password is guessed, on a thread of its own that lives only while it is needed:
 * judging takes tens of milliseconds and leaves pieces of the password all over the heap, which are
 * given back to the system with the thread.
 */
export class PasswordStrength implements Service {
  readonly name = 'password strength'
  readonly #idleMs: number
  readonly #stopping = new AbortController()
  #worker: ReturnType<typeof startWorker> | null = null
  #turn: Promise<unknown> = Promise.resolve()
  #waiting = 0
  #idle: NodeJS.Timeout | null = null

  constructor(options: { readonly idleMs?: number } = {}) {
    this.#idleMs = options.idleMs ?? IDLE_MS
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#turn
    await this.#end()
  }

  /**
   * @param password prepared bytes; they stay the caller's
   * @throws {AuthenticationUnavailable} when too many wait, or the thread gives no answer
   */
  measure(password: Buffer, inputs: readonly string[]): Promise<Strength> {
    if (this.#stopping.signal.aborted)
      return Promise.reject(new AuthenticationUnavailable('stopping'))
    if (this.#waiting >= MAX_WAITING)
      return Promise.reject(new AuthenticationUnavailable('overloaded'))
    this.#waiting += 1
    const answer = this.#turn.then(() => this.#ask({ password: firstCharacters(password), inputs }))
    this.#turn = answer
      .catch(() => this.#end())
      .finally(() => {
        this.#waiting -= 1
        this.#endWhenIdle()
      })
    return answer
  }

  async #ask(question: StrengthQuestion): Promise<Strength> {
    if (this.#idle !== null) clearTimeout(this.#idle)
    this.#worker ??= startWorker(new URL('./strength-worker', import.meta.url))
    const worker = this.#worker
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(DEADLINE_MS)])
    const answered = once(worker, 'message', { signal })
    // Handed over, not copied: nothing of it stays on this side.
    worker.postMessage(question, [question.password.buffer as ArrayBuffer])
    try {
      const [strength] = (await answered) as [Strength]
      return strength
    } catch (cause) {
      if (!signal.aborted) throw cause
      const isStopping = this.#stopping.signal.aborted
      throw new AuthenticationUnavailable(isStopping ? 'stopping' : 'overloaded', { cause })
    }
  }

  #endWhenIdle(): void {
    if (this.#waiting > 0) return
    this.#idle = setTimeout(() => void this.#end(), this.#idleMs)
    this.#idle.unref()
  }

  async #end(): Promise<void> {
    if (this.#idle !== null) clearTimeout(this.#idle)
    const worker = this.#worker
    this.#worker = null
    await worker?.terminate()
  }
}

/** In memory of their own, which can be handed to another thread. */
function firstCharacters(password: Buffer): Uint8Array {
  let end = 0
  for (let count = 0; end < password.length; end += 1) {
    const isFirstByte = ((password[end] ?? 0) & 0xc0) !== 0x80
    if (isFirstByte && ++count > MAX_CHARACTERS) break
  }
  const bytes = new Uint8Array(end)
  bytes.set(password.subarray(0, end))
  return bytes
}
