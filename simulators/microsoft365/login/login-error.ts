/** A refusal of the token endpoint: OAuth's error word with Entra's number beside it. */
export class LoginError extends Error {
  override readonly name = 'LoginError'
  readonly status: number
  readonly error: string
  readonly number: number

  constructor(status: number, error: string, number: number, message: string) {
    super(message)
    this.status = status
    this.error = error
    this.number = number
  }
}

export function loginErrorBody(
  error: LoginError,
  ids: { atMs: number; traceId: string; correlationId: string },
): object {
  const timestamp = `${new Date(ids.atMs).toISOString().slice(0, 19).replace('T', ' ')}Z`
  const details = `Trace ID: ${ids.traceId} Correlation ID: ${ids.correlationId} Timestamp: ${timestamp}`
  return {
    error: error.error,
    error_description: `AADSTS${error.number}: ${error.message} ${details}`,
    error_codes: [error.number],
    timestamp,
    trace_id: ids.traceId,
    correlation_id: ids.correlationId,
    error_uri: `https://login.microsoftonline.com/error?code=${error.number}`,
  }
}
