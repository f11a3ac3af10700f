import { makeVendor } from './attributes.ts'
import { MicrosoftType, Vendor } from './dictionary.ts'
import { RadiusError } from './errors.ts'
import { DIGEST_BYTES, md5 } from './md5.ts'
import type { Attribute } from './packet.ts'
import { takeRandom } from './random.ts'
import { xorInto } from './user-password.ts'

const KEY_BYTES = 32
const SALT_BYTES = 2

/** The parts of a request with which keys in its reply are hidden. */
export interface KeyWrap {
  readonly secret: Buffer
  /** Of the very Access-Request that is answered, 16 bytes. */
  readonly requestAuthenticator: Buffer
}

/**
 * MS-MPPE-Recv-Key and MS-MPPE-Send-Key from an EAP method's MSK (RFC 2548 §2.4, RFC 3579 §1.2):
 * receive = the first half, send = the second, seen from the authenticator.
 *
 * @param msk 32 bytes or more; beyond 64 nothing is sent
 */
export function makeMppeKeys(msk: Buffer, wrap: KeyWrap): [Attribute, Attribute] {
  const half = Math.min(KEY_BYTES, msk.length / 2)
  const receiveKey = msk.subarray(0, half)
  return makeMppeKeyPair({ receiveKey, sendKey: msk.subarray(half, 2 * half) }, wrap)
}

/** The same from two keys, as MS-CHAPv2 without EAP gives them (RFC 3079 §3.4). */
export function makeMppeKeyPair(
  { receiveKey, sendKey }: { readonly receiveKey: Buffer; readonly sendKey: Buffer },
  wrap: KeyWrap,
): [Attribute, Attribute] {
  const salt = takeRandom(SALT_BYTES).readUInt16BE(0) | 0x8000
  // RFC 2548 §2.4.2: the salts within one packet are unique, their highest bit set.
  return [
    makeKey(MicrosoftType.mppeRecvKey, hideKey(receiveKey, salt, wrap)),
    makeKey(MicrosoftType.mppeSendKey, hideKey(sendKey, salt ^ 1, wrap)),
  ]
}

/** Salt, then the hidden length, key and zero padding. */
export function hideKey(
  key: Buffer,
  salt: number,
  { secret, requestAuthenticator }: KeyWrap,
): Buffer {
  const blocks = Math.ceil((1 + key.length) / DIGEST_BYTES)
  const bytes = Buffer.alloc(SALT_BYTES + blocks * DIGEST_BYTES)
  bytes.writeUInt16BE(salt, 0)
  bytes.writeUInt8(key.length, SALT_BYTES)
  bytes.set(key, SALT_BYTES + 1)
  let previous: Buffer = Buffer.concat([requestAuthenticator, bytes.subarray(0, SALT_BYTES)])
  for (let at = SALT_BYTES; at < bytes.length; at += DIGEST_BYTES) {
    xorInto(bytes, at, md5(secret, previous))
    previous = bytes.subarray(at, at + DIGEST_BYTES)
  }
  return bytes
}

/**
 * The inverse of {@link hideKey}, as a NAS does it.
 *
 * @throws {RadiusError} `RADIUS_BAD_ATTRIBUTE` when the value can't hold a key
 */
export function revealKey(hidden: Buffer, { secret, requestAuthenticator }: KeyWrap): Buffer {
  const length = hidden.length - SALT_BYTES
  if (length < DIGEST_BYTES || length % DIGEST_BYTES !== 0) {
    throw new RadiusError('RADIUS_BAD_ATTRIBUTE', `MPPE key of ${hidden.length} bytes`)
  }
  const clear = Buffer.from(hidden)
  let previous: Buffer = Buffer.concat([requestAuthenticator, hidden.subarray(0, SALT_BYTES)])
  for (let at = SALT_BYTES; at < hidden.length; at += DIGEST_BYTES) {
    xorInto(clear, at, md5(secret, previous))
    previous = hidden.subarray(at, at + DIGEST_BYTES)
  }
  const keyLength = clear.readUInt8(SALT_BYTES)
  if (keyLength >= length) throw new RadiusError('RADIUS_BAD_ATTRIBUTE', 'MPPE key length')
  return clear.subarray(SALT_BYTES + 1, SALT_BYTES + 1 + keyLength)
}

function makeKey(type: number, value: Buffer): Attribute {
  return makeVendor({ vendor: Vendor.microsoft, type, value })
}
