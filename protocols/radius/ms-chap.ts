import { createCipheriv, createHash } from 'node:crypto'
import { equalConstantTime, md4 } from '../wire/index.ts'

const CHALLENGE_HASH_BYTES = 8
const MASTER_KEY_BYTES = 16
const DES_KEY_BYTES = 7
const DES_KEYS = 3

/** RFC 2759 §8.7. */
const SIGNING = Buffer.from('Magic server to client signing constant')
const PADDING = Buffer.from('Pad to make it do more than one iteration')
/** RFC 3079 §3.4. */
const MASTER = Buffer.from('This is the MPPE Master Key')
const CLIENT_TO_SERVER = Buffer.from(
  'On the client side, this is the send key; on the server side, it is the receive key.',
)
const SERVER_TO_CLIENT = Buffer.from(
  'On the client side, this is the receive key; on the server side, it is the send key.',
)
const PAD_1 = Buffer.alloc(40, 0x00)
const PAD_2 = Buffer.alloc(40, 0xf2)

/** What both sides of an MS-CHAPv2 exchange have said before the peer's response. */
export interface MsChap2Challenge {
  /** 16 bytes: ours, or the one a tunnel implies (RFC 5281 §11.1). */
  readonly authenticatorChallenge: Buffer
  /** 16 bytes. */
  readonly peerChallenge: Buffer
  /** As the peer hashed it: without a domain before it ({@link withoutDomain}). */
  readonly userName: Buffer
}

export interface MsChap2Response extends MsChap2Challenge {
  /** 24 bytes (RFC 2759 §8.1). */
  readonly ntResponse: Buffer
}

/** What a peer that knows the NT hash is owed: proof that we know it too, and keys. */
export interface MsChapResult {
  /** `S=` and 40 hexadecimal digits (RFC 2759 §8.7). */
  readonly authenticatorResponse: string
  /** 16 bytes each, from the server's side (RFC 3079 §3.4). */
  readonly sendKey: Buffer
  readonly receiveKey: Buffer
}

/**
 * Checks a response, in constant time.
 *
 * @param ntHash 16 bytes (RFC 2759 §8.3); stays the caller's
 * @returns null when it was made with another password
 */
export function checkMsChap2(ntHash: Buffer, response: MsChap2Response): MsChapResult | null {
  const expected = makeNtResponse(ntHash, response)
  if (!equalConstantTime(expected, response.ntResponse)) return null
  const hashHash = md4(ntHash)
  const master = sha1(hashHash, response.ntResponse, MASTER).subarray(0, MASTER_KEY_BYTES)
  const result = {
    authenticatorResponse: makeAuthenticatorResponse(hashHash, response),
    sendKey: startKey(master, SERVER_TO_CLIENT),
    receiveKey: startKey(master, CLIENT_TO_SERVER),
  }
  hashHash.fill(0)
  return result
}

/** RFC 2759 §8.1 GenerateNTResponse. */
export function makeNtResponse(ntHash: Buffer, challenge: MsChap2Challenge): Buffer {
  const keys = Buffer.alloc(DES_KEYS * DES_KEY_BYTES)
  keys.set(ntHash)
  const clear = challengeHash(challenge)
  const blocks = Array.from({ length: DES_KEYS }, (_, at) =>
    encryptDes(keys.subarray(at * DES_KEY_BYTES, (at + 1) * DES_KEY_BYTES), clear),
  )
  keys.fill(0)
  return Buffer.concat(blocks)
}

/**
 * What a peer is told whose response is wrong (RFC 2759 §6): authentication failure, no retry. All
 * other reasons look the same, since they would tell a guesser what is known of the account.
 */
export function makeChapError(authenticatorChallenge: Buffer): string {
  const challenge = authenticatorChallenge.toString('hex').toUpperCase()
  return `E=691 R=0 C=${challenge} V=3 M=Authentication failed`
}

/** `CONTOSO\alice` is hashed as `alice` (RFC 2759 §4). */
export function withoutDomain(name: Buffer): Buffer {
  return name.subarray(name.lastIndexOf(0x5c) + 1)
}

/** RFC 2759 §8.6: the 7 bytes of key with a place for parity behind each 7 bits; DES ignores it. */
export function spreadDesKey(key: Buffer): Buffer {
  const bits = BigInt(`0x${key.toString('hex')}`)
  return Buffer.from(
    Array.from({ length: 8 }, (_, at) => Number((bits >> BigInt(7 * (7 - at))) & 0x7fn) << 1),
  )
}

/** Node's OpenSSL has no single DES, but encrypt, decrypt, encrypt with one key is just that. */
function encryptDes(key: Buffer, clear: Buffer): Buffer {
  const spread = spreadDesKey(key)
  const triple = Buffer.concat([spread, spread, spread])
  const cipher = createCipheriv('des-ede3', triple, null).setAutoPadding(false)
  const block = cipher.update(clear)
  spread.fill(0)
  triple.fill(0)
  return block
}

/** RFC 2759 §8.2. */
function challengeHash(challenge: MsChap2Challenge): Buffer {
  const { peerChallenge, authenticatorChallenge, userName } = challenge
  return sha1(peerChallenge, authenticatorChallenge, userName).subarray(0, CHALLENGE_HASH_BYTES)
}

/** RFC 2759 §8.7 GenerateAuthenticatorResponse. */
function makeAuthenticatorResponse(hashHash: Buffer, response: MsChap2Response): string {
  const digest = sha1(hashHash, response.ntResponse, SIGNING)
  return `S=${sha1(digest, challengeHash(response), PADDING).toString('hex').toUpperCase()}`
}

/** RFC 3079 §3.4 GetAsymmetricStartKey, 128 bits. */
function startKey(master: Buffer, direction: Buffer): Buffer {
  return sha1(master, PAD_1, direction, PAD_2).subarray(0, MASTER_KEY_BYTES)
}

function sha1(...parts: readonly Buffer[]): Buffer {
  const hash = createHash('sha1')
  for (const part of parts) hash.update(part)
  return hash.digest()
}
