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

/** A page for people. */
export function replyPage(html: string, status = 200): Answer {
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'x-frame-options': 'DENY',
  }
  return { status, headers, body: html }
}

export function reply(body: unknown, status = 200): Answer {
  return { status, headers: {}, body }
}
