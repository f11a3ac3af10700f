import { constants, createPrivateKey, randomUUID, sign, X509Certificate } from 'node:crypto'

const LIFE_S = 300
/** RFC 7518 §3.5: the salt of PS256 is as long as the hash. */
const SALT_BYTES = 32

/**
 * A signed word of the application's own that it is itself (RFC 7523 §2.2), in the form Entra takes:
 * PS256, with the certificate's SHA-256 thumbprint. Made for one request.
 */
export function makeClientAssertion(parts: {
  readonly clientId: string
  readonly tokenEndpoint: string
  /** PEM */
  readonly certificate: string
  /** PEM, PKCS #8 */
  readonly privateKey: string
  readonly nowMs: number
}): string {
  const { clientId, certificate, nowMs } = parts
  const { raw } = new X509Certificate(certificate)
  const thumbprint = Buffer.from(new X509Certificate(raw).fingerprint256.replaceAll(':', ''), 'hex')
  const issuedAt = Math.floor(nowMs / 1000)
  const signed = [
    { alg: 'PS256', typ: 'JWT', 'x5t#S256': thumbprint.toString('base64url') },
    {
      aud: parts.tokenEndpoint,
      iss: clientId,
      sub: clientId,
      jti: randomUUID(),
      nbf: issuedAt,
      exp: issuedAt + LIFE_S,
    },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  const signature = sign('sha256', Buffer.from(signed), {
    key: createPrivateKey(parts.privateKey),
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: SALT_BYTES,
  })
  return `${signed}.${signature.toString('base64url')}`
}
