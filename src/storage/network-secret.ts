import type { NetworkSecret } from '../directory/ports/network-passwords.ts'
import { type Keys, type Place, seal, unseal } from './sealing.ts'

const NT_HASH_BYTES = 16

/** The NT hash, and behind it the password; both stay the caller's. */
export function sealNetworkSecret(
  keys: Keys,
  place: Place,
  { ntHash, password }: { readonly ntHash: Buffer; readonly password: Buffer },
): Buffer {
  const secret = Buffer.concat([ntHash, password])
  try {
    return seal(keys, place, secret)
  } finally {
    secret.fill(0)
  }
}

/**
 * Those made before CHAP was served have the hash alone.
 *
 * @throws {StorageError} when what is stored cannot be opened
 */
export function unsealNetworkSecret(keys: Keys, place: Place, sealed: Buffer): NetworkSecret {
  const secret = unseal(keys, place, sealed)
  const password = secret.subarray(NT_HASH_BYTES)
  return {
    ntHash: secret.subarray(0, NT_HASH_BYTES),
    password: password.length === 0 ? null : password,
  }
}
