const QUOTE = 0x22
const BACKSLASH = 0x5c
const FIRST_PRINTABLE = 0x20
const ESCAPED_CONTROL_BYTES = 6
const PERCENT_BYTES = 3
/** What stands for itself in a form (WHATWG URL, application/x-www-form-urlencoded). */
const UNRESERVED = new Set(
  Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789*-._'),
)

/*
 * Bodies with a password in them are made of bytes, which their maker wipes. A string would lie in the
 * heap for as long as the request lasts, and what it lay in would be told from other garbage by nobody.
 */

/** `before`, the UTF-8 `secret` as the inside of a JSON string (RFC 8259 §7), and `after`. */
export function jsonBody(before: string, secret: Uint8Array, after: string): Buffer {
  return bodyOf({ before, secret, after }, ESCAPED_CONTROL_BYTES, (byte) => {
    if (byte === QUOTE || byte === BACKSLASH) return `\\${String.fromCharCode(byte)}`
    return byte < FIRST_PRINTABLE ? `\\u${byte.toString(16).padStart(4, '0')}` : null
  })
}

/** `before`, the UTF-8 `secret` as the value of a form's field, and `after`. */
export function formBody(before: string, secret: Uint8Array, after: string): Buffer {
  return bodyOf({ before, secret, after }, PERCENT_BYTES, (byte) =>
    UNRESERVED.has(byte) ? null : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
  )
}

/** @param toEscaped null for a byte that stands for itself */
function bodyOf(
  parts: { readonly before: string; readonly secret: Uint8Array; readonly after: string },
  mostBytes: number,
  toEscaped: (byte: number) => string | null,
): Buffer {
  const { before, secret, after } = parts
  const beforeBytes = Buffer.byteLength(before)
  const room = Buffer.alloc(beforeBytes + secret.length * mostBytes + Buffer.byteLength(after))
  let at = room.write(before)
  for (const byte of secret) {
    const escaped = toEscaped(byte)
    if (escaped === null) room[at++] = byte
    else at += room.write(escaped, at, 'latin1')
  }
  at += room.write(after, at)
  return room.subarray(0, at)
}
