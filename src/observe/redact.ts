/** Names under which secrets travel; a field so called is never written, whatever it holds. */
const SECRET =
  /pass(word|wd|phrase)?s?$|secret|token$|authorization|cookie|credentials?$|verifier$|private_?key|^key$|sealed|session_?key|[ep]msk$|^msk$|pmk$|nt_?hash/i
const MAX_DEPTH = 6
const MAX_ITEMS = 50
const MAX_TEXT = 2_000

export const REDACTED = '[redacted]'

/**
 * A copy of `value` that is safe to write: what is named like a secret is struck out at any depth,
 * bytes become their number, and long or deep things are cut. Errors keep code, message, stack, cause.
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return cut(value)
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Uint8Array) return `[${value.length} bytes]`
  if (value instanceof Date) return value.toISOString()
  if (depth >= MAX_DEPTH) return '[deeper]'
  if (value instanceof Error) return redactError(value, depth)
  if (Array.isArray(value)) {
    return value.slice(0, MAX_ITEMS).map((item) => redact(item, depth + 1))
  }
  return redactFields(value, depth)
}

function redactFields(value: object, depth: number): Record<string, unknown> {
  const safe: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(value).slice(0, MAX_ITEMS)) {
    const isStruck = SECRET.test(name) && field !== null && field !== undefined
    safe[name] = isStruck ? REDACTED : redact(field, depth + 1)
  }
  return safe
}

function redactError(error: Error, depth: number): Record<string, unknown> {
  // An error of an HTTP client or a driver carries the whole request: nothing else is taken along.
  const code = (error as { readonly code?: unknown }).code
  return {
    type: error.name,
    message: cut(error.message),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    stack: cut(error.stack ?? ''),
    ...(error.cause === undefined ? {} : { cause: redact(error.cause, depth + 1) }),
    ...(error instanceof AggregateError ? { errors: redact(error.errors, depth + 1) } : {}),
  }
}

function cut(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}… (${text.length} characters)`
}
