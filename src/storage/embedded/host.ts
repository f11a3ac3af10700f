import { mkdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { DirectoryError } from '../../directory/errors.ts'
import { startWorker } from '../../thread.ts'
import { type DirectoryLock, lockDirectory } from '../directory-lock.ts'
import { prepareCluster } from './cluster.ts'
import type { FromWorker, ToWorker, WorkerInput } from './messages.ts'
import type { PortSocket, WorkerHost } from './port-socket.ts'

/** A cluster that recovers takes 1.5 s; a full disk or a slow one more. */
const OPEN_LIMIT_MS = 60_000
const STATEMENT_LIMIT_MS = 30_000
const MAINTENANCE_LIMIT_MS = 300_000
const CHECKPOINT_EVERY_MS = 4 * 60_000
const VACUUM_EVERY_MS = 24 * 60 * 60_000
const WATCH_EVERY_MS = 100
const STOP_LIMIT_MS = 10_000
const FIRST_BACK_OFF_MS = 250
const MAX_BACK_OFF_MS = 10_000
/** A worker that lived this long is not part of a series of failures. */
const STABLE_AFTER_MS = 60_000

export interface EmbeddedOptions {
  readonly dataDirectory: string
  /** Longest a single statement may run before the worker is ended; 30 s unless said otherwise. */
  readonly statementLimitMs?: number
}

/**
 * PostgreSQL in WebAssembly (PGlite) on a thread of its own, with what it lacks: durable writes, a
 * lock, checkpoints, vacuum, a limit for a statement, and a new start after a death.
 */
export class EmbeddedHost implements WorkerHost {
  readonly #options: EmbeddedOptions
  readonly #deadline = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT)
  #lock: DirectoryLock | null = null
  #worker: Promise<Worker> | null = null
  #current: Worker | null = null
  #watch: NodeJS.Timeout | null = null
  #failures = 0
  readonly connections = new Set<PortSocket>()
  isStopping = false

  constructor(options: EmbeddedOptions) {
    this.#options = options
  }

  /** Locks the directory, creates the cluster if there is none, and opens it. */
  async start(): Promise<void> {
    // The lock lives in the directory, so that has to be there first.
    await mkdir(this.#options.dataDirectory, { recursive: true, mode: 0o700 })
    this.#lock = await lockDirectory(this.#options.dataDirectory)
    try {
      await prepareCluster(this.#options.dataDirectory)
      this.#watch = setInterval(() => this.#endOverdue(), WATCH_EVERY_MS).unref()
      await this.started()
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  started(): Promise<Worker> {
    if (this.isStopping) {
      return Promise.reject(
        new DirectoryError('DIRECTORY_UNAVAILABLE', 'the embedded database is stopping'),
      )
    }
    this.#worker ??= this.#open()
    return this.#worker
  }

  /** Waits for its end before another is started: two on the same files would destroy them. */
  lost(worker: Worker): void {
    // An idle connection that looks alive would be the next to be used.
    for (const socket of [...this.connections]) socket.failWith(worker)
    if (this.#current !== worker) return
    this.#current = null
    this.#worker = worker.terminate().then(() => this.#open())
    // Whoever asks for a connection next gets the reason.
    this.#worker.catch(() => {})
  }

  /** VACUUM (ANALYZE) and CHECKPOINT, for after a bulk load. */
  async maintain(): Promise<void> {
    const worker = await this.started()
    const done = answerOf(worker, 'maintained', MAINTENANCE_LIMIT_MS)
    post(worker, { kind: 'maintain' })
    await done
  }

  async stop(): Promise<void> {
    this.isStopping = true
    if (this.#watch) clearInterval(this.#watch)
    const worker = await this.#worker?.catch(() => null)
    if (worker) await closeWorker(worker)
    this.#worker = null
    await this.#lock?.release()
    this.#lock = null
  }

  async #open(): Promise<Worker> {
    if (this.#failures > 0) await sleep(this.#backOffMs())
    const startedAtMs = performance.now()
    const worker = startWorker(new URL('./worker', import.meta.url), {
      workerData: this.#workerInput(),
    })
    worker.on('error', () => {
      // Its exit follows and is what counts.
    })
    worker.once('exit', () => {
      if (this.#current === worker) {
        this.#current = null
        this.#worker = null
      }
      const hasBeenStable = performance.now() - startedAtMs > STABLE_AFTER_MS
      this.#failures = hasBeenStable ? 1 : this.#failures + 1
    })
    try {
      await answerOf(worker, 'ready', OPEN_LIMIT_MS)
    } catch (error) {
      await worker.terminate()
      this.#worker = null
      throw error
    }
    worker.unref()
    this.#current = worker
    return worker
  }

  #backOffMs(): number {
    return Math.min(FIRST_BACK_OFF_MS * 2 ** (this.#failures - 1), MAX_BACK_OFF_MS)
  }

  #workerInput(): WorkerInput {
    return {
      directory: `${this.#options.dataDirectory}/database`,
      deadline: this.#deadline,
      statementLimitMs: this.#options.statementLimitMs ?? STATEMENT_LIMIT_MS,
      maintenanceLimitMs: MAINTENANCE_LIMIT_MS,
      checkpointEveryMs: CHECKPOINT_EVERY_MS,
      vacuumEveryMs: VACUUM_EVERY_MS,
    }
  }

  /** A spinning statement can be ended only together with its thread; nothing committed is lost. */
  #endOverdue(): void {
    const mark = new BigInt64Array(this.#deadline)
    const deadline = Atomics.load(mark, 0)
    if (deadline === 0n || process.hrtime.bigint() < deadline) return
    Atomics.store(mark, 0, 0n)
    this.#current?.terminate().catch(() => {})
  }
}

function post(worker: Worker, message: ToWorker): void {
  worker.postMessage(message)
}

/** Waits for one answer; fails when the worker fails, ends, or takes too long. */
function answerOf(worker: Worker, kind: FromWorker['kind'], limitMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      clearTimeout(timer)
      worker.off('message', onMessage)
      worker.off('exit', onExit)
      worker.off('error', settle)
      if (error) reject(error)
      else resolve()
    }
    const onMessage = (message: FromWorker) => {
      if (message.kind === kind) settle()
      if (message.kind === 'failed') settle(unavailable(message.reason))
    }
    const onExit = () => settle(unavailable('the embedded database ended'))
    const timer = setTimeout(
      () => settle(unavailable(`the embedded database was not ${kind} in ${limitMs} ms`)),
      limitMs,
    )
    worker.on('message', onMessage)
    worker.once('exit', onExit)
    worker.once('error', settle)
  })
}

function unavailable(reason: string): DirectoryError {
  return new DirectoryError('DIRECTORY_UNAVAILABLE', reason)
}

async function closeWorker(worker: Worker): Promise<void> {
  const closed = answerOf(worker, 'closed', STOP_LIMIT_MS)
  post(worker, { kind: 'close' })
  // Whether it closed in order or not: what was committed is on disk, and the thread ends.
  await closed.catch(() => {})
  await worker.terminate()
}
