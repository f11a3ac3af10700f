import { createHmac, randomBytes } from 'node:crypto'
import { Secret, TOTP } from 'otpauth'

/** RFC 4226 §4 R6: 160 bits. */
const SECRET_BYTES = 20
/** What every authenticator app knows, and several know nothing else. RFC 6238 §4. */
const RULES = { algorithm: 'SHA1', digits: 6, period: 30 } as const
/** One step either way for clocks that differ; RFC 6238 §5.2. */
const WINDOW = 1
const CODE = /^\d{6}$/

export function makeTotpSecret(): Buffer {
  return randomBytes(SECRET_BYTES)
}

/** Base 32, as it is typed into an app that cannot read the picture. */
export function writeTotpSecret(secret: Buffer): string {
  return withSecret(secret, ({ base32 }) => base32)
}

/** What the picture says: an `otpauth` address with the secret in it. */
export function totpAddress(
  secret: Buffer,
  { issuer, username }: { readonly issuer: string; readonly username: string },
): string {
  return withSecret(secret, (held) =>
    new TOTP({ ...RULES, issuer, label: username, secret: held }).toString(),
  )
}

/** The time step a code belongs to; null for what is no code of this time. */
export function findTotpStep(secret: Buffer, code: string, nowMs: number): number | null {
  if (!CODE.test(code)) return null
  const delta = withSecret(secret, (held) =>
    TOTP.validate({ ...RULES, token: code, secret: held, window: WINDOW, timestamp: nowMs, hmac }),
  )
  return delta === null ? null : TOTP.counter({ ...RULES, timestamp: nowMs }) + delta
}

/** With bytes of the library's own, which are wiped. */
function withSecret<T>(secret: Buffer, use: (held: Secret) => T): T {
  const held = new Secret({ buffer: new Uint8Array(secret).buffer })
  try {
    return use(held)
  } finally {
    held.bytes.fill(0)
  }
}

/** As the library's own, without the copy that it makes of the key. */
function hmac(_algorithm: string, key: Uint8Array, message: Uint8Array): Uint8Array {
  return createHmac('sha1', key).update(message).digest()
}
