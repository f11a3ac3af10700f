/** Alerts a server has cause to send about a client's certificate (RFC 8446 §6.2). */
const alerts = {
  handshake_failure: 40,
  bad_certificate: 42,
  certificate_revoked: 44,
  certificate_expired: 45,
  certificate_unknown: 46,
  unknown_ca: 48,
  access_denied: 49,
} as const

export type TlsAlert = keyof typeof alerts

const ALERT = 21
const TLS12 = 0x0303
const ALERT_BYTES = 2
const FATAL = 2

/** A record of TLS 1.2 with one fatal alert, as it is before encryption begins. */
export function makeAlert(alert: TlsAlert): Buffer {
  return Buffer.from([ALERT, TLS12 >> 8, TLS12 & 0xff, 0, ALERT_BYTES, FATAL, alerts[alert]])
}

/** What went wrong in TLS, by the code Node gives its error. */
export function describeTlsFault(code: string): {
  readonly reason: 'tls-alert-from-peer' | 'tls-handshake'
  readonly detail: string
} {
  // OpenSSL names an alert the peer sent `…_ALERT_…`; anything else is our own objection.
  const alert = /_ALERT_(.+)$/.exec(code)?.[1]
  return alert === undefined
    ? { reason: 'tls-handshake', detail: code }
    : { reason: 'tls-alert-from-peer', detail: alert.toLowerCase() }
}

export interface CertificateFault {
  readonly reason: string
  readonly alert: TlsAlert
}

const unknownAuthority: CertificateFault = { reason: 'certificate-unknown-ca', alert: 'unknown_ca' }

/** OpenSSL's X509_V_ERR_…, as Node names them. */
const certificateFaults: Readonly<Record<string, CertificateFault>> = {
  CERT_HAS_EXPIRED: { reason: 'certificate-expired', alert: 'certificate_expired' },
  CERT_NOT_YET_VALID: { reason: 'certificate-not-yet-valid', alert: 'bad_certificate' },
  CERT_REVOKED: { reason: 'certificate-revoked', alert: 'certificate_revoked' },
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  CERT_UNTRUSTED: unknownAuthority,
  // An authority by the name of ours.
  CERT_SIGNATURE_FAILURE: unknownAuthority,
  INVALID_PURPOSE: { reason: 'certificate-purpose', alert: 'bad_certificate' },
  UNABLE_TO_GET_CRL: { reason: 'certificate-no-crl', alert: 'certificate_unknown' },
  CRL_HAS_EXPIRED: { reason: 'certificate-no-crl', alert: 'certificate_unknown' },
  CRL_NOT_YET_VALID: { reason: 'certificate-no-crl', alert: 'certificate_unknown' },
}

/** What to record and to tell the peer about a certificate OpenSSL did not accept. */
export function describeCertificateFault(code: string): CertificateFault {
  return certificateFaults[code] ?? { reason: 'certificate-invalid', alert: 'bad_certificate' }
}
