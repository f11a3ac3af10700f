import type { ClientAuthority, ClientCertificate, RevocationReason } from '../client-certificate.ts'
import type { ClientAuthorityId, ClientCertificateId } from '../id.ts'
import type { Actor, Written } from './people.ts'

/** Enough for every device of a person and their successors, and few enough to look through. */
export const MAX_CLIENT_CERTIFICATES = 50
export const MAX_DEVICE_LABEL = 64
/** Each CRL is held in memory by every daemon. */
export const MAX_CLIENT_AUTHORITIES = 16

export type NewClientAuthority = Pick<
  ClientAuthority,
  'name' | 'certificate' | 'fingerprint' | 'privateKey' | 'matching' | 'crlUrl'
>

export type NewClientCertificate = Pick<
  ClientCertificate,
  'principalId' | 'label' | 'authorityId' | 'serial' | 'fingerprint' | 'notBeforeMs' | 'notAfterMs'
>

/**
 * Authorities for clients' certificates, and what our own has issued. Reads are from memory.
 *
 * @throws {DirectoryError} `DIRECTORY_NOT_FOUND`, `DIRECTORY_REFUSED`, `DIRECTORY_CONFLICT`,
 *   `DIRECTORY_UNAVAILABLE`
 */
export interface ClientCertificateStore {
  /** Of our own there is one: a second changes nothing, and the first is to be found. */
  addAuthority(
    authority: NewClientAuthority,
    actor: Actor,
  ): Promise<Written & { readonly id: ClientAuthorityId | null }>
  updateAuthority(
    id: ClientAuthorityId,
    change: Partial<Pick<ClientAuthority, 'matching' | 'crlUrl'>>,
    actor: Actor,
  ): Promise<Written>
  /** Never our own, on which the record of what it issued depends. */
  removeAuthority(id: ClientAuthorityId, actor: Actor): Promise<Written>
  /** A CRL that was looked at, or why none could be had; what was taken before stays then. */
  putCrl(
    id: ClientAuthorityId,
    outcome: { readonly crl: Buffer } | { readonly error: string },
    actor: Actor,
  ): Promise<Written>
  /** Recorded before it is given to anybody: what is not on record lets nobody in. */
  addCertificate(
    certificate: NewClientCertificate,
    actor: Actor,
  ): Promise<Written & { readonly id: ClientCertificateId }>
  /** One that is revoked already stays as it is. */
  revokeCertificate(
    id: ClientCertificateId,
    reason: RevocationReason,
    actor: Actor,
  ): Promise<Written>
}
