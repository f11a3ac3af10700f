// xsd:dateTime with a time zone or without (RFC 7643 §2.3.5); four-digit years are enough for us.
const dateTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?$/

/** Milliseconds since 1970; without a zone the time is UTC. Null when `text` is no date and time. */
export function parseDateTime(text: string): number | null {
  const match = dateTime.exec(text)
  if (match === null) return null
  const ms = Date.parse(match[2] === undefined ? `${text}Z` : text)
  return Number.isNaN(ms) ? null : ms
}
