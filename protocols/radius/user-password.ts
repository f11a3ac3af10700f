import { isUtf8 } from 'node:buffer'
import { RadiusError } from './errors.ts'
import { DIGEST_BYTES, md5 } from './md5.ts'

/** RFC 2865 §5.2: the longest User-Password, padding included. */
export const MAX_USER_PASSWORD_BYTES = 128

/**
 * Reveals the User-Password attribute of an Access-Request.
 *
 * The inverse of {@link hideUserPassword}. The padding is removed; a password that ends in NUL
 * octets of its own can't be told from padding and comes back without them.
 *
 * @param hidden        attribute value, 16 to 128 bytes, a multiple of 16
 * @param secret        shared secret of the client, 1 byte or more
 * @param authenticator Request Authenticator, exactly 16 bytes
 * @returns the password, 0 to 128 bytes, in the peer's own encoding (UTF-8 by RFC 2865 §5)
 * @throws {RadiusError} `RADIUS_BAD_ATTRIBUTE` when `hidden` has another length
 * @see RFC 2865 §5.2; check value: the §7.1 example
 */
export function revealUserPassword(hidden: Buffer, secret: Buffer, authenticator: Buffer): Buffer {
  if (!isWhole(hidden.length)) {
    throw new RadiusError('RADIUS_BAD_ATTRIBUTE', `User-Password of ${hidden.length} bytes`)
  }
  const clear = Buffer.from(hidden)
  let previous = authenticator
  for (let at = 0; at < hidden.length; at += DIGEST_BYTES) {
    xorInto(clear, at, md5(secret, previous))
    previous = hidden.subarray(at, at + DIGEST_BYTES)
  }
  return withoutPadding(clear)
}

/**
 * Whether the attribute reads as a password under this secret: UTF-8 with nothing but padding behind
 * it. Another secret makes 16 random octets of each block, which next to never do.
 */
export function fitsUserPassword(hidden: Buffer, secret: Buffer, authenticator: Buffer): boolean {
  if (!isWhole(hidden.length)) return false
  const password = revealUserPassword(hidden, secret, authenticator)
  const isPassword = isUtf8(password) && !password.includes(0)
  password.fill(0)
  return isPassword
}

/**
 * Hides a password for an Access-Request, as a client does.
 *
 * @throws {RadiusError} `RADIUS_BAD_ATTRIBUTE` for a password above 128 bytes
 */
export function hideUserPassword(password: Buffer, secret: Buffer, authenticator: Buffer): Buffer {
  const length = Math.max(1, Math.ceil(password.length / DIGEST_BYTES)) * DIGEST_BYTES
  if (!isWhole(length)) {
    throw new RadiusError('RADIUS_BAD_ATTRIBUTE', `password of ${password.length} bytes`)
  }
  const hidden = Buffer.alloc(length)
  hidden.set(password)
  let previous = authenticator
  for (let at = 0; at < length; at += DIGEST_BYTES) {
    xorInto(hidden, at, md5(secret, previous))
    previous = hidden.subarray(at, at + DIGEST_BYTES)
  }
  return hidden
}

/** Drops the NUL octets a value was padded with (RFC 2865 §5.2, RFC 5281 §11.2.5). */
export function withoutPadding(padded: Buffer): Buffer {
  let end = padded.length
  while (end > 0 && padded[end - 1] === 0) end -= 1
  return padded.subarray(0, end)
}

/** XORs one digest into `target` from `at` on. */
export function xorInto(target: Buffer, at: number, digest: Buffer): void {
  for (let i = 0; i < DIGEST_BYTES; i += 1) {
    target[at + i] = (target[at + i] as number) ^ (digest[i] as number)
  }
}

function isWhole(length: number): boolean {
  return length >= DIGEST_BYTES && length <= MAX_USER_PASSWORD_BYTES && length % DIGEST_BYTES === 0
}
