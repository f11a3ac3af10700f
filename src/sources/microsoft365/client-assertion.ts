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
  const signed = toSigned(
    { alg: 'PS256', typ: 'JWT', 'x5t#S256': thumbprint.toString('base64url') },
    {
      aud: parts.tokenEndpoint,
      iss: clientId,
      sub: clientId,
      jti: randomUUID(),
      nbf: issuedAt,
      exp: issuedAt + LIFE_S,
    },
  )
  const signature = sign('sha256', Buffer.from(signed), {
    key: createPrivateKey(parts.privateKey),
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: SALT_BYTES,
  })
  return `${signed}.${signature.toString('base64url')}`
}

/** Whom Graph wants its proofs of possession for: the directory's own service, in each cloud. */
const DIRECTORY_SERVICE = '00000002-0000-0000-c000-000000000000'

/**
 * Shows Graph that whoever changes an application's keys has one of them (application: addKey and
 * removeKey). Its reference has RS256, with the certificate's SHA-1 thumbprint as a name.
 *
 * @param parts `applicationId` is the registration's object id, and no client id
 */
export function makeProofOfPossession(parts: {
  readonly applicationId: string
  /** PEM */
  readonly certificate: string
  /** PEM, PKCS #8 */
  readonly privateKey: string
  readonly nowMs: number
}): string {
  const { applicationId, certificate, privateKey, nowMs } = parts
  const thumbprint = Buffer.from(
    new X509Certificate(certificate).fingerprint.replaceAll(':', ''),
    'hex',
  )
  const issuedAt = Math.floor(nowMs / 1000)
  const signed = toSigned(
    { alg: 'RS256', typ: 'JWT', x5t: thumbprint.toString('base64url') },
    { aud: DIRECTORY_SERVICE, iss: applicationId, nbf: issuedAt, exp: issuedAt + LIFE_S },
  )
  const signature = sign('sha256', Buffer.from(signed), createPrivateKey(privateKey))
  return `${signed}.${signature.toString('base64url')}`
}

/** What a JWS signs (RFC 7515 §5.1). */
function toSigned(header: object, claims: object): string {
  return [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
}
