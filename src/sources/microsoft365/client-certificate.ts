import 'reflect-metadata'
import { randomBytes, webcrypto, X509Certificate } from 'node:crypto'
import * as x509 from '@peculiar/x509'

const DAY_MS = 86_400_000
/** Entra takes any; a rotation each year or so is what its guidance asks for. */
const LIFE_DAYS = 397
const SERIAL_BYTES = 16
/** Entra takes RSA keys only. */
const ALGORITHM = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  publicExponent: new Uint8Array([1, 0, 1]),
  modulusLength: 3072,
} as const

/** Both PEM; the key never leaves this installation but sealed. */
export interface ClientCertificate {
  readonly certificate: string
  readonly privateKey: string
}

/** DER in base64, as Graph takes a certificate. */
export function certificateBody(pem: string): string {
  return new X509Certificate(pem).raw.toString('base64')
}

/** A self-signed certificate with which an application proves itself to Entra. */
export async function makeClientCertificate(nowMs: number): Promise<ClientCertificate> {
  x509.cryptoProvider.set(webcrypto)
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    // The first bit is the sign: a serial number is positive (RFC 5280 §4.1.2.2).
    serialNumber: `01${randomBytes(SERIAL_BYTES - 1).toString('hex')}`,
    name: [{ CN: ['Gatehouse'] }],
    notBefore: new Date(nowMs - DAY_MS),
    notAfter: new Date(nowMs + LIFE_DAYS * DAY_MS),
    keys,
    signingAlgorithm: ALGORITHM,
  })
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  const lines = pkcs8.toString('base64').match(/.{1,64}/g) ?? []
  const privateKey = `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`
  pkcs8.fill(0)
  return { certificate: certificate.toString('pem'), privateKey }
}
