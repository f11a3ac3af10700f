import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { argon2id, hash, verify } from 'argon2'
import type { Service } from '../lifecycle.ts'
import type { Argon2Parameters } from './argon2-parameters.ts'
import { isWeakerThan, parseParameters, wantedParameters } from './argon2-parameters.ts'
import { AuthenticationUnavailable } from './authenticate.ts'
import { FairQueue } from './fair-queue.ts'
import { VerificationTimes } from './verification-times.ts'

/** What libuv starts with when UV_THREADPOOL_SIZE says nothing. */
const DEFAULT_THREADPOOL = 4
const MAX_WAITING = 4_096
const MAX_WAITING_PER_KEY = 512
/** LDAP clients give up after 5 to 10 s; a later answer would be work for nobody. */
const DEADLINE_MS = 5_000
/** Verifications at start, so that the first unknown name already knows how long one takes. */
const CALIBRATIONS = 3

export interface Argon2PoolOptions {
  readonly parameters?: Argon2Parameters
  /** Verifications at the same time. */
  readonly concurrency?: number
  readonly maxWaiting?: number
  readonly maxWaitingPerKey?: number
  /** How long something may wait for its turn. */
  readonly deadlineMs?: number
  readonly onVerified?: (time: { readonly waitedMs: number; readonly tookMs: number }) => void
}

/** Whose turn a piece of work takes: one key for each (kind of resource, address). */
export interface Turn {
  readonly key: string
  readonly signal?: AbortSignal
}

interface Job {
  readonly turn: Turn
  readonly queuedAtMs: number
  /** Resolves, never rejects, to what hands the result over once the slot is free again. */
  readonly run: (waitedMs: number) => Promise<() => void>
  readonly refuse: (reason: unknown) => void
}

/**
 * Runs argon2 where the event loop does not, a bounded number at a time and by fair turns.
 *
 * The binding computes on libuv's thread pool, and that pool belongs to the process, not to a
 * worker thread: workers would add a hop and nothing else. What matters is to leave the pool a
 * thread for files and DNS (with all four busy, a `stat` took 14 ms instead of 0.7) and the machine
 * a core for the event loop; hence {@link defaultConcurrency}.
 *
 * An answer that needs no argon2 but must not be quicker takes a turn as well ({@link pause}): it
 * waits in the same queue and holds a slot for as long as a recent verification did, without its CPU.
 */
export class Argon2Pool implements Service {
  readonly name = 'argon2 pool'
  readonly concurrency: number
  readonly #parameters: Argon2Parameters
  readonly #queue: FairQueue<Job>
  readonly #deadlineMs: number
  readonly #onVerified: (time: { readonly waitedMs: number; readonly tookMs: number }) => void
  readonly #times = new VerificationTimes()
  readonly #running = new Set<Promise<void>>()
  /** Of no password anybody has; made when first needed. */
  #dummy: Promise<string> | null = null
  readonly #stopping = new AbortController()

  constructor(options: Argon2PoolOptions = {}) {
    this.concurrency = options.concurrency ?? defaultConcurrency()
    this.#parameters = options.parameters ?? wantedParameters
    this.#queue = new FairQueue({
      maxWaiting: options.maxWaiting ?? MAX_WAITING,
      maxWaitingPerKey: options.maxWaitingPerKey ?? MAX_WAITING_PER_KEY,
    })
    this.#deadlineMs = options.deadlineMs ?? DEADLINE_MS
    this.#onVerified = options.onVerified ?? (() => undefined)
  }

  get waiting(): number {
    return this.#queue.waiting
  }

  get running(): number {
    return this.#running.size
  }

  async start(signal: AbortSignal): Promise<void> {
    for (let done = 0; done < CALIBRATIONS; done += 1) {
      await this.#enqueue({ key: 'start', signal }, (waitedMs) => this.#verifyDummy(waitedMs))
    }
  }

  /** Refuses what waits, and resolves when the last running verification has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    for (let job = this.#queue.take(); job !== null; job = this.#queue.take()) {
      job.refuse(new AuthenticationUnavailable('stopping'))
    }
    await Promise.allSettled(this.#running)
  }

  /**
   * @param verifier PHC string
   * @param password prepared bytes; copied, so the caller's buffer may change afterwards
   * @throws {AuthenticationUnavailable} `overloaded` when the queue is full or the deadline passes,
   *   `stopping`; an Error for a verifier that cannot be read, which is a fault and not a wrong password
   */
  verify(verifier: string, password: Uint8Array, turn: Turn): Promise<boolean> {
    if (parseParameters(verifier) === null) {
      return Promise.reject(new Error('a stored password verifier cannot be read'))
    }
    const copy = new Uint8Array(password)
    return this.#enqueue(turn, (waitedMs) =>
      this.#verifyNow(verifier, uncopied(copy), waitedMs),
    ).finally(() => wipe(copy))
  }

  /** Takes as long as {@link verify} would, queueing included. */
  pause(turn: Turn): Promise<void> {
    return this.#enqueue(turn, (waitedMs) => this.#pauseNow(waitedMs, turn.signal))
  }

  /** @returns a PHC string with the wanted parameters */
  hash(password: Uint8Array, turn: Turn): Promise<string> {
    const copy = new Uint8Array(password)
    return this.#enqueue(turn, () => hash(uncopied(copy), this.#hashOptions())).finally(() =>
      wipe(copy),
    )
  }

  /** Whether `verifier` should be made anew, the password being at hand. */
  needsRehash(verifier: string): boolean {
    return isWeakerThan(verifier, this.#parameters)
  }

  #hashOptions() {
    const { memoryKib, passes, lanes } = this.#parameters
    return { type: argon2id, memoryCost: memoryKib, timeCost: passes, parallelism: lanes } as const
  }

  #enqueue<T>(turn: Turn, work: (waitedMs: number) => Promise<T>): Promise<T> {
    if (this.#stopping.signal.aborted)
      return Promise.reject(new AuthenticationUnavailable('stopping'))
    if (turn.signal?.aborted === true) return Promise.reject(turn.signal.reason)
    return new Promise<T>((resolve, reject) => {
      const job: Job = {
        turn,
        queuedAtMs: performance.now(),
        run: (waitedMs) => {
          settleWaiting()
          return work(waitedMs).then(
            (result) => () => resolve(result),
            (error: unknown) => () => reject(error),
          )
        },
        refuse: (reason) => {
          settleWaiting()
          reject(reason)
        },
      }
      const leave = (reason: unknown) => {
        if (this.#queue.remove(turn.key, job)) job.refuse(reason)
      }
      const onAbort = () => leave(turn.signal?.reason)
      const deadline = setTimeout(
        () => leave(new AuthenticationUnavailable('overloaded')),
        this.#deadlineMs,
      )
      const settleWaiting = () => {
        clearTimeout(deadline)
        turn.signal?.removeEventListener('abort', onAbort)
      }
      turn.signal?.addEventListener('abort', onAbort, { once: true })
      if (this.#queue.add(turn.key, job)) this.#fillSlots()
      else job.refuse(new AuthenticationUnavailable('overloaded'))
    })
  }

  #fillSlots(): void {
    while (this.#running.size < this.concurrency) {
      const job = this.#queue.take()
      if (job === null) return
      const done = job.run(performance.now() - job.queuedAtMs).then((handOver) => {
        this.#running.delete(done)
        this.#fillSlots()
        handOver()
      })
      this.#running.add(done)
    }
  }

  async #verifyNow(verifier: string, password: Buffer, waitedMs: number): Promise<boolean> {
    const startedAtMs = performance.now()
    const isRight = await verify(verifier, password)
    const endedAtMs = performance.now()
    this.#times.add(endedAtMs - startedAtMs, endedAtMs)
    this.#onVerified({ waitedMs, tookMs: endedAtMs - startedAtMs })
    return isRight
  }

  async #verifyDummy(waitedMs: number): Promise<void> {
    this.#dummy ??= hash(randomBytes(16), this.#hashOptions())
    await this.#verifyNow(await this.#dummy, Buffer.from('nobody'), waitedMs)
  }

  async #pauseNow(waitedMs: number, signal: AbortSignal | undefined): Promise<void> {
    const startedAtMs = performance.now()
    if (this.#times.isStale(startedAtMs)) return this.#verifyDummy(waitedMs)
    const wantedMs = this.#times.draw(startedAtMs)
    await sleep(this.#times.timerFor(wantedMs), signal)
    if (signal?.aborted !== true) {
      this.#times.observeTimer(wantedMs, performance.now() - startedAtMs)
    }
  }
}

/**
 * One core is left to the event loop and one of libuv's threads to everybody else. With 8 cores or
 * more, set UV_THREADPOOL_SIZE in the daemon's environment to use them all.
 */
export function defaultConcurrency(
  cores = availableParallelism(),
  threadpool = Number(process.env['UV_THREADPOOL_SIZE'] ?? DEFAULT_THREADPOOL),
): number {
  const threads = Number.isInteger(threadpool) && threadpool > 0 ? threadpool : DEFAULT_THREADPOOL
  return Math.max(1, Math.min(cores - 1, threads - 1))
}

/**
 * The binding's wrapper runs `Buffer.from` over what it is given, which copies bytes into a pool that
 * is never wiped; of an ArrayBuffer it takes the memory as it is.
 */
function uncopied(bytes: Uint8Array): Buffer {
  return bytes.buffer as unknown as Buffer
}

function wipe(bytes: Uint8Array): void {
  bytes.fill(0)
}

/** Ends early, and without a fault, when `signal` aborts. */
function sleep(durationMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, durationMs)
    signal?.addEventListener('abort', end, { once: true })
  })
}
