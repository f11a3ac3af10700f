import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { Type } from 'typebox'
import type { RadsecIdentity } from '../directory/network.ts'
import { ApiError } from './error.ts'

/** RFC 6614 §2.3: what is mixed into digests over TLS, where it protects nothing. */
export const RADSEC_SECRET = 'radsec'

const MAX_PEM = 65_536
const dnsName = /^(?=.{1,253}$)[a-z0-9-]+(?:\.[a-z0-9-]+)*$/i
/** How the API takes what a certificate has to show. */
export const radsecFields = {
  names: Type.Array(Type.String({ minLength: 1, maxLength: 253 }), {
    maxItems: 16,
    description: 'DNS names or IP addresses its certificate may be for',
  }),
  fingerprints: Type.Array(Type.String({ minLength: 64, maxLength: 95 }), {
    maxItems: 16,
    description: 'SHA-256 of certificates it may show, with or without colons',
  }),
  trustedCa: Type.Union([Type.String({ maxLength: MAX_PEM }), Type.Null()], {
    description: 'PEM of who issues its certificate; null is the built-in CA',
  }),
}
/** @throws {ApiError} 422 for what no certificate could ever fit, or any certificate of its CA */
export function readIdentity(given: RadsecIdentity): RadsecIdentity {
  const names = given.names.map((name) => name.toLowerCase())
  const odd = names.find((name) => isIP(name) === 0 && !dnsName.test(name))
  if (odd !== undefined)
    throw refused(`${odd} is no DNS name and no address; wildcards are not taken`)
  const fingerprints = given.fingerprints.map((text) => text.replaceAll(':', '').toLowerCase())
  if (!fingerprints.every((text) => /^[0-9a-f]{64}$/.test(text))) {
    throw refused('a fingerprint is SHA-256: 64 hexadecimal digits, colons between them or not')
  }
  if (names.length + fingerprints.length === 0) {
    throw refused('say by which name or fingerprint its certificate is known')
  }
  if (given.trustedCa !== null) readCertificates(given.trustedCa)
  return { names, fingerprints, trustedCa: given.trustedCa }
}

/** @throws {ApiError} 422 */
function readCertificates(pem: string): void {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  try {
    if (blocks.length === 0) throw new Error('no certificate')
    for (const block of blocks) new X509Certificate(block)
  } catch {
    throw new ApiError(422, 'bad-certificate', 'trustedCa is no PEM certificate')
  }
}

function refused(message: string): ApiError {
  return new ApiError(422, 'bad-peer', message)
}
