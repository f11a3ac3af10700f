import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import type { PGlite } from '@electric-sql/pglite'
import { openEngine } from './engine.ts'
import { BACKEND_DIED, type FromWorker, type ToWorker, type WorkerInput } from './messages.ts'
import { Scheduler, type Session } from './scheduler.ts'
import {
  encodeQuery,
  encodeSync,
  FLUSH,
  readAnswer,
  STARTUP,
  TERMINATE,
  type Unit,
  UnitReader,
} from './units.ts'

const NANOSECONDS_PER_MS = 1_000_000n
/** How long maintenance waits before it asks again whether a transaction is still open. */
const MAINTENANCE_RETRY_MS = 200

/** Sets the mark by which the main thread sees that a statement does not end. */
class Deadline {
  readonly #mark: BigInt64Array

  constructor(shared: SharedArrayBuffer) {
    this.#mark = new BigInt64Array(shared)
  }

  during<Result>(limitMs: number, run: () => Result): Result {
    Atomics.store(this.#mark, 0, process.hrtime.bigint() + BigInt(limitMs) * NANOSECONDS_PER_MS)
    try {
      return run()
    } finally {
      Atomics.store(this.#mark, 0, 0n)
    }
  }
}

/** The engine's one session, served to many message ports. */
class PortSession implements Session<MessagePort> {
  readonly #engine: PGlite
  readonly #deadline: Deadline
  readonly #limitMs: number
  readonly #ports: ReadonlySet<MessagePort>

  constructor(
    engine: PGlite,
    deadline: Deadline,
    limitMs: number,
    ports: ReadonlySet<MessagePort>,
  ) {
    this.#engine = engine
    this.#deadline = deadline
    this.#limitMs = limitMs
    this.#ports = ports
  }

  run(port: MessagePort, unit: Unit): void {
    const answer = this.#execute(unit.bytes)
    const { isReady, notifications } = readAnswer(answer)
    port.postMessage(answer)
    for (const other of this.#ports) {
      if (other === port) continue
      for (const notification of notifications) other.postMessage(notification)
    }
    // After a PANIC the backend spins on whatever comes next: end this thread instead.
    if (!isReady && unit.last !== FLUSH && unit.last !== STARTUP) process.exit(BACKEND_DIED)
  }

  reset(): void {
    this.#execute(encodeSync())
    this.#execute(encodeQuery('rollback'))
  }

  isInTransaction(): boolean {
    return this.#engine.isInTransaction()
  }

  /** Runs a statement of our own between two clients' units. */
  maintain(sql: string, limitMs: number): void {
    this.#deadline.during(limitMs, () => this.#engine.execProtocolRawSync(encodeQuery(sql)))
  }

  #execute(bytes: Uint8Array): Uint8Array {
    return this.#deadline.during(this.#limitMs, () =>
      // The engine uses its buffer again: copy.
      this.#engine.execProtocolRawSync(bytes).slice(),
    )
  }
}

function post(message: FromWorker): void {
  parentPort?.postMessage(message)
}

function serve(
  scheduler: Scheduler<MessagePort>,
  ports: Set<MessagePort>,
  port: MessagePort,
): void {
  const reader = new UnitReader()
  ports.add(port)
  port.on('message', (chunk: Uint8Array) => {
    const units = reader.push(chunk)
    const end = units.findIndex((unit) => unit.last === TERMINATE)
    scheduler.enqueue(port, end < 0 ? units : units.slice(0, end))
    if (end >= 0) port.close()
  })
  port.on('close', () => {
    ports.delete(port)
    scheduler.drop(port)
  })
}

/** Runs `statements` one after the other, each when no transaction is open. */
function makeMaintenance(
  scheduler: Scheduler<MessagePort>,
  session: PortSession,
  limitMs: number,
): (statements: readonly string[], done?: () => void) => void {
  return function maintain(statements, done = () => {}) {
    const [first, ...rest] = statements
    if (first === undefined) return done()
    if (!scheduler.isIdle()) {
      setTimeout(maintain, MAINTENANCE_RETRY_MS, statements, done).unref()
      return
    }
    session.maintain(first, limitMs)
    setImmediate(maintain, rest, done)
  }
}

async function run(input: WorkerInput): Promise<void> {
  const engine = await openEngine(input.directory)
  const ports = new Set<MessagePort>()
  const session = new PortSession(
    engine,
    new Deadline(input.deadline),
    input.statementLimitMs,
    ports,
  )
  const scheduler = new Scheduler<MessagePort>(session)
  const maintain = makeMaintenance(scheduler, session, input.maintenanceLimitMs)
  setInterval(maintain, input.checkpointEveryMs, ['checkpoint']).unref()
  setInterval(maintain, input.vacuumEveryMs, ['vacuum (analyze)', 'checkpoint']).unref()

  parentPort?.on('message', (message: ToWorker) => {
    if (message.kind === 'connect') serve(scheduler, ports, message.port)
    else if (message.kind === 'maintain') {
      maintain(['vacuum (analyze)', 'checkpoint'], () => post({ kind: 'maintained' }))
    } else close(engine)
  })
  post({ kind: 'ready' })
}

function close(engine: PGlite): void {
  engine.close().then(
    () => {
      post({ kind: 'closed' })
      parentPort?.close()
    },
    (error: unknown) => post({ kind: 'failed', reason: String(error) }),
  )
}

run(workerData as WorkerInput).catch((error: unknown) => {
  post({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) })
  process.exit(BACKEND_DIED)
})
