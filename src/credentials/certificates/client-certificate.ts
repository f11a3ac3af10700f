import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import type { KeyedCertificate } from './authority.ts'
import {
  ALGORITHM,
  BACKDATE_MS,
  DAY_MS,
  exportKey,
  generateKeys,
  importKey,
  makeSerial,
} from './authority.ts'
import { x509 } from './x509.ts'

/** Whose certificate it is to be, and what stands in it. */
export interface ClientSubject {
  /** Our own id of her. */
  readonly principalId: string
  readonly username: string
  /** What she calls the device. */
  readonly device: string
  readonly mail: string | null
  readonly upn: string | null
}

/** Where whoever checks such certificates finds what was revoked, and the authority's own. */
export interface AuthorityUrls {
  readonly crl: string
  readonly ocsp: string
  readonly certificate: string
}

export interface IssuedClientCertificate {
  /** PEM of the certificate alone. */
  readonly certificate: string
  readonly serial: string
  readonly fingerprint: string
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

export const MAX_CLIENT_DAYS = 825
export const DEFAULT_CLIENT_DAYS = 365
const MIN_RSA_BITS = 2_048
/** More costs us more to verify than a guess costs the sender. */
const MAX_RSA_BITS = 4_096
const CURVES: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1'])
/** RSA of the longest kind with many names is some 2 KB. */
export const MAX_CSR_CHARACTERS = 8_192

/** What is wrong with a request for a certificate, in words for whoever sent it. */
export class CsrError extends Error {
  override readonly name = 'CsrError'
}

/**
 * The public key of a PKCS#10 request (RFC 2986), DER. Of the rest nothing is believed: who she is
 * says the one who asks for the certificate.
 *
 * @throws {CsrError} when it cannot be read, is not signed by its own key, or the key will not do
 */
export async function readCsrKey(pem: string): Promise<Buffer> {
  if (pem.length > MAX_CSR_CHARACTERS) throw new CsrError('the request is too large')
  const request = await parseCsr(pem)
  const key = Buffer.from(request.publicKey.rawData)
  const fault = faultOfKey(createPublicKey({ key, format: 'der', type: 'spki' }))
  if (fault !== null) throw new CsrError(fault)
  if (!(await request.verify().catch(() => false)))
    throw new CsrError('the request is not signed by the key in it')
  return key
}

async function parseCsr(pem: string): Promise<x509.Pkcs10CertificateRequest> {
  try {
    return new x509.Pkcs10CertificateRequest(pem)
  } catch (cause) {
    throw new CsrError(
      'this is no PKCS#10 request in PEM: make one with `openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout device.key -subj /CN=device -out device.csr`',
      { cause },
    )
  }
}

function faultOfKey({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject) {
  const bits = details?.modulusLength ?? 0
  if (type === 'rsa' && bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS) return null
  if (type === 'ec' && CURVES.has(details?.namedCurve ?? '')) return null
  return `its key will not do: take P-256, P-384, P-521, or RSA of ${MIN_RSA_BITS} to ${MAX_RSA_BITS} bits`
}

/** A fresh P-256 key pair: SPKI DER, and PKCS#8 in PEM. */
export async function makeClientKey(): Promise<{
  readonly publicKey: Buffer
  readonly privateKey: string
}> {
  const keys = await generateKeys()
  return {
    publicKey: Buffer.from(
      await x509.cryptoProvider.get().subtle.exportKey('spki', keys.publicKey),
    ),
    privateKey: await exportKey(keys.privateKey),
  }
}

/**
 * Issues a certificate to log in with: clientAuth, never beyond its authority, and with our own id of
 * whose it is, so that it leads to her whatever she is called later.
 */
export async function issueClientCertificate(
  authority: KeyedCertificate,
  wish: {
    readonly subject: ClientSubject
    /** SPKI, DER. */
    readonly publicKey: Buffer
    readonly days: number
    readonly nowMs: number
    /** Null where nobody could reach them. */
    readonly urls: AuthorityUrls | null
  },
): Promise<IssuedClientCertificate> {
  const { subject, days, nowMs, urls } = wish
  const issuer = new x509.X509Certificate(authority.certificate)
  const publicKey = new x509.PublicKey(wish.publicKey)
  const notBefore = new Date(nowMs - BACKDATE_MS)
  const notAfter = new Date(Math.min(nowMs + days * DAY_MS, issuer.notAfter.getTime()))
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: makeSerial(),
    subject: [{ OU: [subject.device] }, { CN: [subject.username] }],
    issuer: issuer.subject,
    notBefore,
    notAfter,
    publicKey,
    signingKey: await importKey(authority.privateKey),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension(namesOf(subject)),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      ...pointersTo(urls),
    ],
  })
  const pem = certificate.toString('pem')
  const made = new X509Certificate(pem)
  return {
    certificate: `${pem}\n`,
    serial: serialOf(made),
    fingerprint: fingerprintOf(made),
    notBeforeMs: Date.parse(made.validFrom),
    notAfterMs: Date.parse(made.validTo),
  }
}

function namesOf({ principalId, mail, upn }: ClientSubject): x509.JsonGeneralNames {
  return [
    { type: 'url', value: `urn:uuid:${principalId}` },
    ...(mail === null || !isAscii(mail) ? [] : [{ type: 'email', value: mail } as const]),
    ...(upn === null ? [] : [{ type: 'upn', value: upn } as const]),
  ]
}

/** An rfc822Name is an IA5String (RFC 5280 §4.2.1.6). */
function isAscii(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text)
}

function pointersTo(urls: AuthorityUrls | null): readonly x509.Extension[] {
  if (urls === null) return []
  return [
    new x509.CRLDistributionPointsExtension([urls.crl]),
    new x509.AuthorityInfoAccessExtension({ ocsp: [urls.ocsp], caIssuers: [urls.certificate] }),
  ]
}

/** Hexadecimal in lower case, whole octets. */
export function serialOf(certificate: X509Certificate): string {
  const serial = certificate.serialNumber.toLowerCase()
  return serial.length % 2 === 0 ? serial : `0${serial}`
}

/** SHA-256 of its DER, hexadecimal in lower case. */
export function fingerprintOf(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase()
}
