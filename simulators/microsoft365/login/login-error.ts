/** A refusal of the token endpoint: OAuth's error word with Entra's number beside it. */
export class LoginError extends Error {
  override readonly name = 'LoginError'
  readonly status: number
  readonly error: string
  readonly number: number
  /** What kind of page would help, where one would; null elsewhere. */
  readonly suberror: string | null

  constructor(
    status: number,
    error: string,
    number: number,
    message: string,
    suberror: string | null = null,
  ) {
    super(message)
    this.status = status
    this.error = error
    this.number = number
    this.suberror = suberror
  }
}

export interface LoginErrorIds {
  readonly atMs: number
  readonly traceId: string
  readonly correlationId: string
}

/** What stands in `error_description`. */
export function describeLoginError(error: LoginError, ids: LoginErrorIds): string {
  const { traceId, correlationId, atMs } = ids
  const details = `Trace ID: ${traceId} Correlation ID: ${correlationId} Timestamp: ${formatTime(atMs)}`
  return `AADSTS${error.number}: ${error.message} ${details}`
}

function formatTime(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19).replace('T', ' ')}Z`
}

export function loginErrorBody(error: LoginError, ids: LoginErrorIds): object {
  const timestamp = formatTime(ids.atMs)
  return {
    error: error.error,
    error_description: describeLoginError(error, ids),
    error_codes: [error.number],
    timestamp,
    trace_id: ids.traceId,
    correlation_id: ids.correlationId,
    ...(error.suberror === null ? {} : { suberror: error.suberror }),
    error_uri: `https://login.microsoftonline.com/error?code=${error.number}`,
  }
}
