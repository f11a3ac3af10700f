import { createHash, createHmac, randomBytes } from 'node:crypto'
import { equalConstantTime } from '../../../protocols/wire/index.ts'

const POSITION_BYTES = 8
const COUNT_BYTES = 4
const DIGEST_BYTES = 16
const MAC_BYTES = 16
const COOKIE_BYTES = POSITION_BYTES + COUNT_BYTES + DIGEST_BYTES + MAC_BYTES

/** Where a paged search has got to. */
export interface PagePosition {
  /** The last position sent; entries come in the order of their numbers. */
  readonly after: number
  /** How many were sent before, for the size limit. */
  readonly sent: number
}

/**
 * Cookies that carry all there is to know, so that the server keeps nothing between pages. One fits
 * only the same search by the same viewer in the same epoch.
 */
export class PageCookies {
  readonly #key: Buffer

  /** @param key secret, shared by the daemons behind one address if pages may go to several */
  constructor(key: Buffer = randomBytes(32)) {
    this.#key = key
  }

  /** @param scope everything the pages of one search have in common */
  encode(position: PagePosition, scope: readonly string[]): Buffer {
    const cookie = Buffer.alloc(COOKIE_BYTES)
    let at = cookie.writeDoubleBE(position.after)
    at = cookie.writeUInt32BE(position.sent, at)
    at += digest(scope).copy(cookie, at)
    this.#mac(cookie.subarray(0, at)).copy(cookie, at)
    return cookie
  }

  /** Null when it was made by somebody else, or for another search, viewer or epoch. */
  decode(cookie: Buffer, scope: readonly string[]): PagePosition | null {
    if (cookie.length !== COOKIE_BYTES) return null
    const body = cookie.subarray(0, COOKIE_BYTES - MAC_BYTES)
    if (!equalConstantTime(this.#mac(body), cookie.subarray(body.length))) return null
    const made = body.subarray(POSITION_BYTES + COUNT_BYTES)
    if (!equalConstantTime(made, digest(scope))) return null
    return { after: body.readDoubleBE(0), sent: body.readUInt32BE(POSITION_BYTES) }
  }

  #mac(body: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(body).digest().subarray(0, MAC_BYTES)
  }
}

function digest(scope: readonly string[]): Buffer {
  const hash = createHash('sha256')
  for (const part of scope) hash.update(`${part.length}:${part}`)
  return hash.digest().subarray(0, DIGEST_BYTES)
}
