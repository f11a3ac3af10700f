import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import { StorageError } from './fault.ts'
import { formatKeys, parseKeys } from './master-key.ts'
import type { Keys } from './sealing.ts'

/** Keys under a passphrase: scrypt (RFC 7914), then AES-256-GCM; all values in base64. */
export interface WrappedKeys {
  readonly kdf: 'scrypt'
  readonly cost: number
  readonly salt: string
  readonly nonce: string
  readonly sealed: string
}

/** 128 MiB and half a second: a backup is made once a day, and guessed at for ever. */
const COST = 2 ** 17
const MAX_COST = 2 ** 20
const BLOCK_SIZE = 8
const KEY_BYTES = 32
const SALT_BYTES = 16
const NONCE_BYTES = 12
const TAG_BYTES = 16

function deriveKey(passphrase: string, salt: Buffer, cost: number): Promise<Buffer> {
  const options = { N: cost, r: BLOCK_SIZE, p: 1, maxmem: 256 * cost * BLOCK_SIZE }
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize('NFC'), salt, KEY_BYTES, options, (error, key) => {
      if (error) reject(error)
      else resolve(key)
    })
  })
}

export async function wrapKeys(keys: Keys, passphrase: string): Promise<WrappedKeys> {
  const salt = randomBytes(SALT_BYTES)
  const nonce = randomBytes(NONCE_BYTES)
  const key = await deriveKey(passphrase, salt, COST)
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
  const sealed = Buffer.concat([
    cipher.update(formatKeys(keys), 'utf8'),
    cipher.final(),
    cipher.getAuthTag(),
  ])
  return {
    kdf: 'scrypt',
    cost: COST,
    salt: salt.toString('base64'),
    nonce: nonce.toString('base64'),
    sealed: sealed.toString('base64'),
  }
}

/** @throws {StorageError} `STORAGE_KEY` for a wrong passphrase or an archive that was changed */
export async function unwrapKeys(wrapped: WrappedKeys, passphrase: string): Promise<Keys> {
  const { cost } = wrapped
  if (
    wrapped.kdf !== 'scrypt' ||
    cost < 2 ||
    cost > MAX_COST ||
    !Number.isInteger(Math.log2(cost))
  ) {
    throw new StorageError(
      'STORAGE_ARCHIVE',
      'the archive wraps its key in a way that is not known',
    )
  }
  const key = await deriveKey(passphrase, Buffer.from(wrapped.salt, 'base64'), cost)
  const sealed = Buffer.from(wrapped.sealed, 'base64')
  try {
    const nonce = Buffer.from(wrapped.nonce, 'base64')
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
    const text = Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()])
    return parseKeys(text.toString('utf8'), 'in the archive')
  } catch (cause) {
    if (cause instanceof StorageError) throw cause
    throw new StorageError(
      'STORAGE_KEY',
      'the passphrase is not the one the backup was made with',
      {
        cause,
      },
    )
  }
}
