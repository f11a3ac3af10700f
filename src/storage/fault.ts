import { DirectoryError } from '../directory/errors.ts'

/** Stable; part of the log and admin-API contract. Add codes, never rename them. */
export type StorageErrorCode =
  | 'STORAGE_LOCKED'
  | 'STORAGE_KEY'
  | 'STORAGE_SCHEMA'
  | 'STORAGE_ARCHIVE'
  | 'STORAGE_UNREADABLE'

/**
 * Something is wrong with the database, its files or its key that needs somebody to act; the message
 * says what to do. An outage that may pass by itself is a `DirectoryError` `DIRECTORY_UNAVAILABLE`.
 */
export class StorageError extends Error {
  override readonly name = 'StorageError'
  readonly code: StorageErrorCode

  constructor(code: StorageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
])

/** Classes 08, 53, 57P and 58 of PostgreSQL's appendix A: lost, out of means, shutting down, I/O. */
const CONNECTION_SQLSTATE = /^(08|53|57P|58)/
/** 25006: a standby, or a server made read-only; 57014 and 55P03: our own time-outs. */
const BUSY_SQLSTATE = new Set(['25006', '57014', '55P03'])
/** pg and pg-pool report these in words only. */
const CONNECTION_WORDS =
  /^(timeout exceeded when trying to connect|Query read timeout|Connection terminated|Client has encountered a connection error|Client was closed|Cannot use a pool after)/

function errorCode(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return ''
  return typeof error.code === 'string' ? error.code : ''
}

/** The database did not answer, as opposed to: it answered with an error. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof DirectoryError) return error.code === 'DIRECTORY_UNAVAILABLE'
  const code = errorCode(error)
  if (CONNECTION_CODES.has(code) || BUSY_SQLSTATE.has(code)) return true
  if (CONNECTION_SQLSTATE.test(code)) return true
  if (error instanceof AggregateError) return error.errors.some(isUnavailable)
  return error instanceof Error && CONNECTION_WORDS.test(error.message)
}

/** Serialisation failure or deadlock: the whole transaction may be run once more. */
export function isRetryable(error: unknown): boolean {
  const code = errorCode(error)
  return code === '40001' || code === '40P01'
}

/** Name of the unique or exclusion constraint that refused a row; null when it was something else. */
export function violatedConstraint(error: unknown): string | null {
  const code = errorCode(error)
  if (code !== '23505' && code !== '23P01') return null
  return typeof error === 'object' && error !== null && 'constraint' in error
    ? String(error.constraint)
    : ''
}

/** Wraps what means "unavailable"; everything else passes as it is. */
export function asFault(error: unknown): unknown {
  if (error instanceof DirectoryError || !isUnavailable(error)) return error
  const why = error instanceof Error ? error.message : String(error)
  return new DirectoryError('DIRECTORY_UNAVAILABLE', `the database did not answer: ${why}`, {
    cause: error,
  })
}

/** For the `catch` of a statement that runs alone: as {@link asFault}, thrown. */
export function rethrow(error: unknown): never {
  throw asFault(error)
}
