import type { MessagePort } from 'node:worker_threads'

/** What the main thread gives the worker at its start. */
export interface WorkerInput {
  readonly directory: string
  /** One bigint: when the statement under way must be done, `process.hrtime.bigint()`; 0 when idle. */
  readonly deadline: SharedArrayBuffer
  readonly statementLimitMs: number
  readonly maintenanceLimitMs: number
  readonly checkpointEveryMs: number
  readonly vacuumEveryMs: number
}

export type ToWorker =
  | { readonly kind: 'connect'; readonly port: MessagePort }
  /** VACUUM (ANALYZE) and CHECKPOINT as soon as no transaction is open. */
  | { readonly kind: 'maintain' }
  | { readonly kind: 'close' }

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'maintained' }
  | { readonly kind: 'closed' }

/** Exit code of a worker whose backend took no more messages. */
export const BACKEND_DIED = 70
