import 'reflect-metadata'
import { webcrypto, type X509Certificate } from 'node:crypto'
import * as x509 from '@peculiar/x509'

// Before anybody makes or reads a certificate; the library wants reflect-metadata even earlier.
x509.cryptoProvider.set(webcrypto)

export { x509 }

/** Whether names and extensions say so, and the signature as well. */
export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}
