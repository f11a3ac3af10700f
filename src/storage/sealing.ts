import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { StorageError } from './fault.ts'

/**
 * A sealed value: version 1 ‖ key id ‖ nonce ‖ ciphertext ‖ tag, AES-256-GCM. Where it is kept is
 * authenticated with it, so that a value moved to another row does not open.
 */
const FORMAT = 1
export const KEY_BYTES = 32
export const KEY_ID_BYTES = 8
/** NIST SP 800-38D §8.2.2: 96 random bits, for at most 2^32 values under one key. */
const NONCE_BYTES = 12
const TAG_BYTES = 16
const HEADER_BYTES = 1 + KEY_ID_BYTES
const CIPHER = 'aes-256-gcm'

/** Where a value is kept: part of what is authenticated. */
export interface Place {
  readonly table: string
  readonly column: string
  /** The row's primary key as text. */
  readonly row: string
}

export interface MasterKey {
  /** First octets of a digest of the key; tells keys apart, says nothing about them. */
  readonly id: Buffer
  readonly secret: Buffer
}

/** Keys a daemon holds: new values are sealed with the first, the others only open. */
export interface Keys {
  readonly current: MasterKey
  readonly earlier: readonly MasterKey[]
}

function associatedData(keyId: Buffer, place: Place): Buffer {
  // Length first, so that no two places give the same octets.
  const parts = [place.table, place.column, place.row].map((part) => Buffer.from(part, 'utf8'))
  const framed = parts.flatMap((part) => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(part.length)
    return [length, part]
  })
  return Buffer.concat([Buffer.of(FORMAT), keyId, ...framed])
}

export function seal(keys: Keys, place: Place, plaintext: Buffer): Buffer {
  const { id, secret } = keys.current
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, secret, nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(associatedData(id, place))
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
  return Buffer.concat([Buffer.of(FORMAT), id, nonce, ciphertext, cipher.getAuthTag()])
}

/** @throws {StorageError} `STORAGE_KEY` when the value was sealed with a key that is not here, or elsewhere */
export function unseal(keys: Keys, place: Place, sealed: Buffer): Buffer {
  if (sealed.length < HEADER_BYTES + NONCE_BYTES + TAG_BYTES || sealed[0] !== FORMAT) {
    throw new StorageError('STORAGE_KEY', `${describe(place)} holds no sealed value`)
  }
  const keyId = sealed.subarray(1, HEADER_BYTES)
  const key = [keys.current, ...keys.earlier].find((candidate) => candidate.id.equals(keyId))
  if (!key) {
    throw new StorageError(
      'STORAGE_KEY',
      `${describe(place)} is sealed with key ${keyId.toString('hex')}, which this daemon does not have`,
    )
  }
  const nonce = sealed.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES)
  const decipher = createDecipheriv(CIPHER, key.secret, nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(associatedData(keyId, place))
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
  try {
    const ciphertext = sealed.subarray(HEADER_BYTES + NONCE_BYTES, -TAG_BYTES)
    return Buffer.concat([decipher.update(ciphertext), decipher.final()])
  } catch (cause) {
    throw new StorageError('STORAGE_KEY', `${describe(place)} was altered or moved`, { cause })
  }
}

function describe(place: Place): string {
  return `${place.table}.${place.column} of ${place.row}`
}
