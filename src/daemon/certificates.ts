import type { FastifyPluginAsync } from 'fastify'
import type { CertificateControl } from '../admin/certificate-control.ts'
import { CERTIFICATE_PATH, CRL_PATH, OCSP_PATH, pkiPlugin } from '../admin/pki.ts'
import type { Config } from '../config/config.ts'
import type { CertificateAuthenticator, ClientTrust } from '../credentials/authenticate.ts'
import { ClientCertificateAuthenticator } from '../credentials/certificate-authenticator.ts'
import { RevocationStatus } from '../credentials/certificates/revocation-status.ts'
import { ClientCertificates } from '../credentials/client-certificates.ts'
import type { Service } from '../lifecycle.ts'
import { PostgresClientCertificateStore } from '../storage/client-certificate-store.ts'
import { CrlFetcher } from './crl-fetcher.ts'
import type { DirectoryParts, Observers } from './directory.ts'
import type { LogInParts } from './log-in.ts'

/** Certificates that people log in with. */
export interface CertificateParts {
  readonly authenticator: CertificateAuthenticator
  /** As it is now; another version of it is another trust. */
  trust(): ClientTrust
  readonly control: CertificateControl
  /** CRL and OCSP, for whoever checks such certificates elsewhere. */
  readonly pages: FastifyPluginAsync
  readonly services: readonly Service[]
}

export function makeCertificates(
  config: Config,
  directory: DirectoryParts,
  { log, health, logIn }: Observers & { readonly logIn: LogInParts },
): CertificateParts {
  const { database, keys, readModel, feed, leader, clientTrust } = directory
  const freshness = () => feed.freshness(config.maxStalenessMs)
  const certificates = new ClientCertificates({
    store: new PostgresClientCertificateStore(database, keys),
    trust: clientTrust,
    urls: urlsFor(config.publicUrl),
    organization: () => readModel.settings.organization,
    reached: (inboxSeq) => feed.reached(inboxSeq),
  })
  const fetcher = new CrlFetcher({
    leader,
    trust: clientTrust,
    certificates,
    onFault: (error) => log.warn('crl.failed', { error }),
  })
  health.register('client certificates', () => fetcher.check(), { decidesReady: false })
  return {
    authenticator: new ClientCertificateAuthenticator({
      directory: readModel,
      trust: clientTrust,
      events: logIn.events,
      freshness,
    }),
    trust: () => clientTrust.trust,
    control: {
      issue: (...args) => certificates.issue(...args),
      revoke: (...args) => certificates.revoke(...args),
      addAuthority: (...args) => certificates.addAuthority(...args),
      updateAuthority: (...args) => certificates.updateAuthority(...args),
      removeAuthority: (...args) => certificates.removeAuthority(...args),
      takeCrl: (...args) => certificates.takeCrl(...args),
      all: () => clientTrust.all(),
      byId: (id) => clientTrust.byId(id),
      bySerial: (serial) => clientTrust.bySerial(serial),
      authorities: () => clientTrust.authorities(),
      fetchCrl: (authority) => fetcher.fetch(authority, AbortSignal.timeout(15_000)),
    },
    pages: pkiPlugin(new RevocationStatus({ trust: clientTrust, freshness })),
    services: [fetcher],
  }
}

function urlsFor(publicUrl: string | null) {
  if (publicUrl === null) return null
  const at = (path: string) => new URL(path, publicUrl).href
  return { crl: at(CRL_PATH), ocsp: at(OCSP_PATH), certificate: at(CERTIFICATE_PATH) }
}
