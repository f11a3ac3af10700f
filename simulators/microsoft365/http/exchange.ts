/** A request as the login and Graph halves see it, off the wire or out of a `$batch`. */
export interface Request {
  readonly method: string
  /** Decoded path without query, as sent. */
  readonly path: string
  readonly query: URLSearchParams
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
}

/** What is sent back: an object goes out as JSON, a string as plain text, null as nothing. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

export function reply(body: unknown, status = 200): Answer {
  return { status, headers: {}, body }
}
