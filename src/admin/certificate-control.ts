import type { TrustedAuthority } from '../credentials/certificates/client-trust.ts'
import type { CertificateFinding } from '../credentials/certificates/server-findings.ts'
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

/** The certificate that LDAPS, HTTPS, RadSec and EAP show, as the API and the command line tell it. */
export interface ServerCertificateView {
  readonly from: 'files' | 'built-in CA'
  readonly certFile: string | null
  readonly keyFile: string | null
  readonly uses: readonly string[]
  readonly names: readonly string[]
  readonly subject: string
  readonly serial: string
  readonly fingerprint: string
  readonly key: string
  readonly startsAt: string
  readonly expiresAt: string
  readonly chain: readonly {
    readonly subject: string
    readonly issuer: string
    readonly expiresAt: string
  }[]
  readonly chainEnd: 'root' | 'below-root' | 'open'
  /** Why what is there now is not shown; null when it is. */
  readonly refusal: string | null
  readonly findings: readonly CertificateFinding[]
}
