/** An answer that is no success, said so that the reader knows what to do next. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  /** Stable; scripts branch on it. */
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }

  /** The status by the name that Fastify and its plugins read it. */
  get statusCode(): number {
    return this.status
  }
}

export function notFound(what: string, name: string): ApiError {
  return new ApiError(404, 'not-found', `there is no ${what} "${name}"`)
}
