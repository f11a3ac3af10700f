import { randomBytes, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import { x509 } from './x509.ts'

/** A certificate and its key, both PEM. */
export interface KeyedCertificate {
  readonly certificate: string
  readonly privateKey: string
}

export const DAY_MS = 86_400_000
const AUTHORITY_YEARS = 20
/** Apple's limit for a server certificate a device will trust is 825 days. */
const SERVER_DAYS = 398
const SERIAL_BYTES = 16
/** Clocks of devices lag; a certificate that begins in their future is refused. */
export const BACKDATE_MS = 24 * 3_600_000
export const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/** Makes the built-in certificate authority: P-256, path length 0, valid for 20 years. */
export async function makeAuthority(name: string, nowMs: number): Promise<KeyedCertificate> {
  const keys = await generateKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: makeSerial(),
    name: [{ CN: [name] }],
    notBefore: new Date(nowMs - BACKDATE_MS),
    notAfter: new Date(nowMs + AUTHORITY_YEARS * 365 * DAY_MS),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificate: certificate.toString('pem'), privateKey: await exportKey(keys.privateKey) }
}

/**
 * Issues a server certificate for LDAPS, HTTPS, EAP and RadSec: P-256, 398 days, for servers and,
 * since RadSec peers are both, clients.
 *
 * @param names DNS names and IP addresses for the subject's alternative names; the first is the CN
 */
export async function issueServerCertificate(
  authority: KeyedCertificate,
  options: { readonly names: readonly string[]; readonly nowMs: number },
): Promise<KeyedCertificate> {
  const { names, nowMs } = options
  const keys = await generateKeys()
  const issuer = new x509.X509Certificate(authority.certificate)
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: makeSerial(),
    subject: [{ CN: [names[0] ?? 'gatehouse'] }],
    issuer: issuer.subject,
    notBefore: new Date(nowMs - BACKDATE_MS),
    notAfter: new Date(nowMs + SERVER_DAYS * DAY_MS),
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.privateKey),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      // A RadSec server is a client as well, of the servers it forwards to.
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension(
        names.map((name) => ({ type: isIP(name) === 0 ? 'dns' : 'ip', value: name })),
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
    ],
  })
  return {
    certificate: `${certificate.toString('pem')}\n${issuer.toString('pem')}\n`,
    privateKey: await exportKey(keys.privateKey),
  }
}

/** When the first certificate of a PEM chain ends, milliseconds since 1970. */
export function expiryMs(pem: string): number {
  return new x509.X509Certificate(pem).notAfter.getTime()
}

/** DNS names and addresses a certificate speaks for. */
export function namesOf(pem: string): readonly string[] {
  const extension = new x509.X509Certificate(pem).getExtension(x509.SubjectAlternativeNameExtension)
  return extension?.names.items.map((item) => item.value) ?? []
}

export async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
}

export async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const bytes = await webcrypto.subtle.exportKey('pkcs8', key)
  return x509.PemConverter.encode(bytes, 'PRIVATE KEY')
}

export async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const bytes = x509.PemConverter.decodeFirst(pem)
  return await webcrypto.subtle.importKey('pkcs8', bytes, ALGORITHM, false, ['sign'])
}

/** 126 random bits, positive as RFC 5280 §4.1.2.2 demands. */
export function makeSerial(): string {
  const bytes = randomBytes(SERIAL_BYTES)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes.toString('hex')
}
