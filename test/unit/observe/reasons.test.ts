import t from 'tap'
import {
  describeCertificateFault,
  describeTlsFault,
} from '../../../protocols/radius/eap/tls-alert.ts'
import type { CertificateDenial } from '../../../src/credentials/authenticate.ts'
import { explain } from '../../../src/observe/reasons.ts'

/** As a record, so that the compiler misses none. */
const denials: Readonly<Record<CertificateDenial | 'credential-changed', true>> = {
  'certificate-untrusted': true,
  'certificate-unknown': true,
  'certificate-revoked': true,
  'certificate-expired': true,
  'certificate-not-yet-valid': true,
  'certificate-usage': true,
  'certificate-unmatched': true,
  'certificate-ambiguous': true,
  'certificate-list-expired': true,
  'certificate-list-missing': true,
  'credential-changed': true,
}

t.test('every denial of a certificate or a resumed session says what to do', async (t) => {
  for (const denial of Object.keys(denials)) t.ok(explain(denial, null), denial)
})

t.test('every fault OpenSSL finds in a certificate says what to do', async (t) => {
  const codes = [
    'CERT_HAS_EXPIRED',
    'CERT_NOT_YET_VALID',
    'CERT_REVOKED',
    'UNABLE_TO_GET_ISSUER_CERT',
    'INVALID_PURPOSE',
    'CRL_HAS_EXPIRED',
    'something new',
  ]
  for (const code of codes) t.ok(explain(describeCertificateFault(code).reason, code), code)
})

t.test('an alert of the device says what to do, by its name where that matters', async (t) => {
  const usual = explain('tls-alert-from-peer', null)
  for (const alert of ['INTERNAL_ERROR', 'CERTIFICATE_EXPIRED', 'PROTOCOL_VERSION']) {
    const { reason, detail } = describeTlsFault(`ERR_SSL_TLSV1_ALERT_${alert}`)
    t.not(explain(reason, detail)?.mend, usual?.mend, alert)
  }
  const { reason, detail } = describeTlsFault('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA')
  t.match(explain(reason, detail), { step: 'tls', mend: /trust/ })
  const ours = describeTlsFault('ERR_SSL_NO_PROTOCOLS_AVAILABLE')
  t.ok(explain(ours.reason, ours.detail), 'an objection of our own')
})
