import type { TrustedAuthority } from '../credentials/certificates/client-trust.ts'
import type { ClientCertificates } from '../credentials/client-certificates.ts'
import type { ClientCertificate } from '../directory/client-certificate.ts'

/** Certificates that people log in with, and who may issue them. */
export interface CertificateControl
  extends Pick<
    ClientCertificates,
    'issue' | 'revoke' | 'addAuthority' | 'updateAuthority' | 'removeAuthority' | 'takeCrl'
  > {
  /** From memory. */
  all(): Iterable<ClientCertificate>
  byId(id: string): ClientCertificate | null
  bySerial(serial: string): ClientCertificate | null
  authorities(): readonly TrustedAuthority[]
  /** @throws {CrlError} that says why there is none */
  fetchCrl(authority: TrustedAuthority): Promise<void>
}
