/** Entries of one POST that are looked at: one is enough to know that something has changed. */
const MAX_ENTRIES = 1_000
/** A notification has five levels. */
const MAX_DEPTH = 16

/** What of a POST is of use. Whom it is about is not: the source itself is asked. */
export interface Heard {
  readonly hasChanged: boolean
  readonly mustReauthorize: boolean
  readonly isRemoved: boolean
  readonly hasMissed: boolean
}

/**
 * Reads notifications, and believes those whose clientState proves them.
 *
 * @returns null when nothing is proven, or it is no collection of notifications
 */
export function readNotifications(
  body: Buffer,
  isProven: (clientState: unknown) => boolean,
): Heard | null {
  if (isTooDeep(body)) return null
  const entries = entriesOf(body).filter((entry) => isProven(entry['clientState']))
  if (entries.length === 0) return null
  const events = new Set(entries.map((entry) => entry['lifecycleEvent']))
  return {
    hasChanged: entries.some((entry) => entry['lifecycleEvent'] === undefined),
    mustReauthorize: events.has('reauthorizationRequired'),
    isRemoved: events.has('subscriptionRemoved'),
    hasMissed: events.has('missed'),
  }
}

function entriesOf(body: Buffer): readonly Readonly<Record<string, unknown>>[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(body.toString('utf8'))
  } catch {
    return []
  }
  const { value } = (parsed ?? {}) as { value?: unknown }
  if (!Array.isArray(value)) return []
  return value.slice(0, MAX_ENTRIES).filter((entry) => typeof entry === 'object' && entry !== null)
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPENING = new Set([0x5b, 0x7b])
const CLOSING = new Set([0x5d, 0x7d])

/** Before a parser builds anything of it. */
function isTooDeep(body: Buffer): boolean {
  let depth = 0
  let isText = false
  for (let at = 0; at < body.length; at++) {
    const byte = body[at] ?? 0
    if (isText && byte === BACKSLASH) at += 1
    else if (byte === QUOTE) isText = !isText
    else if (!isText && OPENING.has(byte)) depth += 1
    else if (!isText && CLOSING.has(byte)) depth -= 1
    if (depth > MAX_DEPTH) return true
  }
  return false
}
